package nn

import (
	"slices"
	"strconv"
	"strings"
)

// begin makes the node of the input.
func (b *builder) begin(order []int) error {
	first := b.spec.Layers[order[0]].Name
	in := b.spec.Input
	if len(in) == 0 {
		return netError("layer %s: the shape of the input is not known: want input: [features] or [channels, height, width]", first)
	}
	if len(in) != 1 && len(in) != 3 {
		return netError("the input has the shape %s: want [features] or [channels, height, width]", shapeText(in))
	}
	if err := checkVolume(in); err != nil {
		return netError("the input has the shape %s: %v", shapeText(in), err)
	}
	b.nodes = []node{{name: InputName, shape: in, size: volume(in)}}
	return nil
}

// layer makes the node of layer i.
func (b *builder) layer(i int) error {
	b.current, b.number = &b.spec.Layers[i], i
	k, _ := kindOf(b.current.Type)
	if err := b.keys(k); err != nil {
		return err
	}
	from := make([]ref, len(b.from[i]))
	for j, f := range b.from[i] {
		if from[j] = (ref{0, b.spec.Input}); f >= 0 {
			from[j] = b.refs[f]
		}
	}
	if act, ok := activationOf(b.current.Type); ok && b.mergeable(i) {
		n := &b.nodes[from[0].node]
		n.active, n.act = true, act
		b.fuse(n)
		b.refs[i] = from[0]
		return nil
	}
	n := node{name: b.current.Name, from: from}
	if err := k.build(b, &n); err != nil {
		return err
	}
	if n.op == nil { // another shape of the same values
		b.refs[i] = ref{from[0].node, n.shape}
		return nil
	}
	if err := checkVolume(n.shape); err != nil {
		return b.fail("a row becomes %s: %v", shapeText(n.shape), err)
	}
	n.size = volume(n.shape)
	if err := b.activate(&n, b.uses[i] == 0); err != nil {
		return err
	}
	b.refs[i] = ref{len(b.nodes), n.shape}
	b.nodes = append(b.nodes, n)
	return nil
}

// activate gives a node the activation of its layer.
func (b *builder) activate(n *node, output bool) error {
	name := b.current.Activation
	switch {
	case name == "":
		return nil
	case name == "softmax" && output && b.spec.Loss == CrossEntropy:
		return nil // the loss takes logits
	case name == "softmax":
		return b.fail("activation softmax: only the output of a net with cross-entropy has it")
	}
	act, ok := activationOf(name)
	if !ok {
		return b.fail("activation %.40q: want relu, sigmoid, tanh or gelu", name)
	}
	n.active, n.act = true, act
	b.fuse(n)
	return nil
}

// fuse leaves ReLU to operations that have it in their last pass.
func (b *builder) fuse(n *node) {
	if f, ok := n.op.(interface{ fuses() bool }); ok && n.act == relu {
		n.fused = f.fuses()
	}
}

// mergeable reports whether layer i, an activation, alone takes the value of a layer that
// could have had it as its own.
func (b *builder) mergeable(i int) bool {
	f := b.from[i][0]
	if f < 0 || b.uses[f] != 1 || b.spec.Layers[f].Activation != "" {
		return false
	}
	k, _ := kindOf(b.spec.Layers[f].Type)
	return slices.Contains(k.keys, keyActivation)
}

// param adds a parameter of the current layer and returns its index.
func (b *builder) param(name string, f fill, shape ...int) (int, error) {
	n := 1
	for _, d := range shape {
		if n *= d; n > MaxWeights-b.values {
			return 0, b.fail("its %s is %s: a net has at most %d weights", name, shapeText(shape), MaxWeights)
		}
	}
	b.values += n + alignment
	statistic := f.momentum > 0
	b.params = append(b.params, Param{Name: b.current.Name + "." + name, Shape: shape, Statistic: statistic})
	b.fills = append(b.fills, f)
	return len(b.params) - 1, nil
}

// end checks the output, and keeps its place.
func (b *builder) end(last int) error {
	b.current = &b.spec.Layers[last]
	out := b.refs[last]
	if len(out.shape) != 1 {
		return b.fail("the output of a row is %s: want [outputs]; a flatten before makes it so", shapeText(out.shape))
	}
	if len(b.params) == 0 {
		return netError("no layer has weights to learn")
	}
	b.output, b.answer = out.node, b.skip(out.node)
	return nil
}

// paths finds where values come from in inference and where gradients go.
func (b *builder) paths() {
	reached := make([]bool, len(b.nodes))
	for i := range b.nodes {
		n := &b.nodes[i]
		n.learns = len(n.params) > 0
		n.seen = slices.Clone(n.from)
		for j := range n.from {
			n.learns = n.learns || b.nodes[n.from[j].node].learns
			n.seen[j].node = b.skip(n.from[j].node)
		}
		b.widest = max(b.widest, len(n.from))
	}
	for i := range slices.Backward(b.nodes) {
		n := &b.nodes[i]
		n.first = make([]bool, len(n.from))
		for j, f := range n.from {
			n.first[j], reached[f.node] = !reached[f.node], true
		}
	}
}

// skip returns the node whose value a node has in inference.
func (b *builder) skip(i int) int {
	for {
		if _, ok := b.nodes[i].op.(*dropout); !ok {
			return i
		}
		i = b.nodes[i].from[0].node
	}
}

// checkVolume returns what is wrong with a shape, as an error without a prefix.
func checkVolume(shape []int) error {
	n := 1
	for _, d := range shape {
		switch {
		case d < 1:
			return errSize
		case d > MaxValues/n:
			return errLarge
		}
		n *= d
	}
	return nil
}

// shapeText is a shape for people.
func shapeText(shape []int) string {
	s := make([]string, len(shape))
	for i, d := range shape {
		s[i] = strconv.Itoa(d)
	}
	return "[" + strings.Join(s, ", ") + "]"
}
