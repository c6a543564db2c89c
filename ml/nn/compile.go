package nn

import (
	"slices"
	"strconv"
	"strings"

	"scalar/bsp/job"
)

// Limits of a net.
const (
	MaxLayers  = 1000
	MaxWeights = 1 << 28 // values of the arena: 1 GiB
	MaxValues  = 1 << 24 // that a row becomes in any layer
)

// Compile checks a net and makes it ready. An error names the layer and the shapes.
func Compile(s *Spec) (*Graph, error) {
	b := &builder{Graph: Graph{spec: s.clone()}}
	if err := b.names(); err != nil {
		return nil, err
	}
	if err := b.edges(); err != nil {
		return nil, err
	}
	order, err := b.order()
	if err != nil {
		return nil, err
	}
	if err := b.begin(order); err != nil {
		return nil, err
	}
	b.refs = make([]ref, len(b.spec.Layers))
	for _, i := range order {
		if err := b.layer(i); err != nil {
			return nil, err
		}
	}
	if err := b.end(order[len(order)-1]); err != nil {
		return nil, err
	}
	b.layOut()
	b.paths()
	return &b.Graph, nil
}

// A builder is a Graph while it is made.
type builder struct {
	Graph
	from    [][]int // of each layer, the layers that it takes; -1 is the input
	uses    []int   // of each layer, how often its value is taken
	refs    []ref   // of each layer, its value
	current *Layer
	number  int // of the current layer in the list
	values  int // of all parameters so far
}

// fail is an error about the current layer.
func (b *builder) fail(format string, args ...any) error {
	return netError("layer "+b.current.Name+" ("+b.current.Type+"): "+format, args...)
}

func netError(format string, args ...any) error {
	return job.Fail(job.FaultInput, "net: "+format, args...)
}

// names fills in names, and the loss, and checks them.
func (b *builder) names() error {
	layers := b.spec.Layers
	if len(layers) < 1 || len(layers) > MaxLayers {
		return netError("%d layers: want 1 to %d", len(layers), MaxLayers)
	}
	switch b.spec.Loss {
	case "":
		b.spec.Loss = CrossEntropy
	case CrossEntropy, Squared:
	default:
		return netError("loss %q: want %s or %s", b.spec.Loss, CrossEntropy, Squared)
	}
	taken := map[string]bool{}
	for i := range layers {
		if name := layers[i].Name; name != "" {
			if err := checkName(name); err != nil {
				return err
			}
			if taken[name] {
				return netError("two layers are called %s", name)
			}
			taken[name] = true
		}
	}
	counts := map[string]int{}
	for i := range layers {
		l := &layers[i]
		if _, ok := kindOf(l.Type); !ok {
			return netError("layer %d: type %q: want one of %s", i+1, l.Type, strings.Join(Types(), ", "))
		}
		for l.Name == "" {
			counts[l.Type]++
			if name := numbered(l.Type, counts[l.Type]); !taken[name] {
				l.Name, taken[name] = name, true
			}
		}
	}
	return nil
}

func checkName(name string) error {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	if len(name) > 64 || strings.Trim(name, letters) != "" || name == InputName {
		return netError("a layer is called %.70q: want at most 64 letters, digits, - and _, and not %q", name, InputName)
	}
	return nil
}

func numbered(name string, n int) string { return name + strconv.Itoa(n) }

// edges finds the layers that each takes.
func (b *builder) edges() error {
	layers := b.spec.Layers
	index := map[string]int{InputName: -1}
	for i := range layers {
		index[layers[i].Name] = i
	}
	b.from, b.uses = make([][]int, len(layers)), make([]int, len(layers))
	for i := range layers {
		b.current = &layers[i]
		if len(b.current.From) == 0 {
			before := InputName
			if i > 0 {
				before = layers[i-1].Name
			}
			b.current.From = []string{before}
		}
		if k, _ := kindOf(b.current.Type); len(b.current.From) > k.most() {
			return b.fail("takes %d layers: want at most %d", len(b.current.From), k.most())
		}
		for _, name := range b.current.From {
			from, ok := index[name]
			if !ok {
				return b.fail("takes the layer %.70q, and none is called so", name)
			}
			b.from[i] = append(b.from[i], from)
			if from >= 0 {
				b.uses[from]++
			}
		}
	}
	return nil
}

// order returns the layers in the order in which they run: each after those that it takes,
// else as they are listed (Kahn, Topological sorting of large networks, CACM 5(11), 1962). The
// last is the output.
func (b *builder) order() ([]int, error) {
	layers := b.spec.Layers
	order, done := make([]int, 0, len(layers)), make([]bool, len(layers))
	ready := func(i int) bool {
		return !done[i] && !slices.ContainsFunc(b.from[i], func(f int) bool { return f >= 0 && !done[f] })
	}
	for len(order) < len(layers) {
		next := 0
		for next < len(layers) && !ready(next) {
			next++
		}
		if next == len(layers) {
			return nil, b.cycle(done)
		}
		order, done[next] = append(order, next), true
	}
	var ends []string
	last := -1
	for i := range layers {
		if b.uses[i] == 0 {
			ends, last = append(ends, layers[i].Name), i
		}
	}
	if len(ends) > 1 {
		return nil, netError("no layer takes the values of %.200s: want one layer like that, the output", strings.Join(ends, ", "))
	}
	at := slices.Index(order, last)
	return append(slices.Delete(order, at, at+1), last), nil
}

// cycle is an error that names the layers of a cycle; those that are done are in none.
func (b *builder) cycle(done []bool) error {
	at, seen, path := slices.Index(done, false), map[int]int{}, []int(nil)
	for {
		if start, ok := seen[at]; ok {
			names := []string{b.spec.Layers[at].Name}
			for _, i := range slices.Backward(path[start:]) {
				names = append(names, b.spec.Layers[i].Name)
			}
			if len(names) > 10 {
				names = append(names[:9], "…", names[0])
			}
			return netError("layers form a cycle: %s", strings.Join(names, " → "))
		}
		seen[at] = len(path)
		path = append(path, at)
		next := slices.IndexFunc(b.from[at], func(f int) bool { return f >= 0 && !done[f] })
		at = b.from[at][next]
	}
}
