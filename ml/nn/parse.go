package nn

import (
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// MaxNetFile is the most bytes that a net file has.
const MaxNetFile = 64 << 10

// Parse reads a net file, YAML as docs/nets.md describes it. A key that is not known is an error
// with its line. What the net file leaves open, [Spec.WithOutputs] fills in; [Compile] checks the
// rest.
func Parse(file []byte) (s *Spec, err error) {
	if len(file) > MaxNetFile {
		return nil, netError("the file has %d bytes: want at most %d", len(file), MaxNetFile)
	}
	defer func() { // the decoder panics on some files
		if p := recover(); p != nil {
			s, err = nil, netError("malformed YAML: %v", p)
		}
	}()
	if err := checkTokens(lexer.Tokenize(string(file))); err != nil {
		return nil, err
	}
	s = new(Spec)
	switch err := yaml.UnmarshalWithOptions(file, s, yaml.Strict()); {
	case errors.Is(err, io.EOF), err == nil && len(s.Layers) == 0:
		return nil, netError("the file has no layers")
	case err == nil:
		return s, nil
	default:
		if e, ok := errors.AsType[yaml.Error](err); ok && e.GetToken() != nil {
			return nil, tokenError(e.GetToken(), "%s", complaint(e))
		}
		return nil, netError("%v", err)
	}
}

// tokenError returns what is wrong at a token.
func tokenError(t *token.Token, format string, args ...any) error {
	return netError("line %d, column %d: %s", t.Position.Line, t.Position.Column, fmt.Sprintf(format, args...))
}

// checkTokens refuses what the decoder takes: a list of lists of aliases takes all memory, and of 3.5 units it makes 3.
func checkTokens(tokens token.Tokens) error {
	whole := []string{"input", "units", "filters", "kernel", "window", "stride", "pad", "vocabulary"}
	key := ""
	for _, t := range tokens {
		switch {
		case t.Type == token.DocumentHeaderType && key != "": // not that of the first, behind comments
			return tokenError(t, "a net file has one document")
		case t.Type == token.AliasType || t.Type == token.AnchorType:
			return tokenError(t, "a net file has no anchors and aliases")
		case t.Type == token.MappingValueType && t.Prev != nil:
			key = t.Prev.Value
		case t.Type == token.FloatType && slices.Contains(whole, key):
			if x, err := strconv.ParseFloat(t.Value, 64); err != nil || x != math.Trunc(x) {
				return tokenError(t, "%s is %s: want a whole number", key, t.Value)
			}
		}
	}
	return nil
}

// complaint returns what the decoder says, in the words of a net file.
func complaint(e yaml.Error) string {
	var want reflect.Type
	if t, ok := errors.AsType[*yaml.TypeError](e); ok {
		want = t.DstType
	} else if t, ok := errors.AsType[*yaml.OverflowError](e); ok {
		want = t.DstType
	} else {
		return e.GetMessage()
	}
	switch want.Kind() {
	case reflect.Int:
		return "want a whole number"
	case reflect.Float64:
		return "want a number"
	case reflect.Bool:
		return "want true or false"
	default:
		return "want a text"
	}
}

// UnmarshalYAML reads one number or a list of two.
func (p *Pair) UnmarshalYAML(node ast.Node) error {
	var both int
	if err := yaml.NodeToValue(node, &both); err == nil {
		*p = Pair{both, both}
		return nil
	}
	var two []int
	if err := yaml.NodeToValue(node, &two); err != nil || len(two) != 2 {
		return &yaml.SyntaxError{Message: "want a number, or two in brackets", Token: node.GetToken()}
	}
	*p = Pair(two)
	return nil
}

// WithOutputs returns the net for rows of the shape features and a number of outputs: the
// input, if the net leaves it open, which of rows [height, width] is [1, height, width]; and the
// units of the dense layer that gives the output, if it does. An error says where the net contradicts the data, or what is wrong with it.
func (s *Spec) WithOutputs(features []int, outputs int) (*Spec, error) {
	b := &builder{Graph: Graph{spec: s.clone()}}
	if len(s.Input) == 0 {
		b.spec.Input = features
		if len(features) == 2 { // images of one channel
			b.spec.Input = []int{1, features[0], features[1]}
		}
	}
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
	last := order[len(order)-1]
	if l := b.source(last); l != nil && l.Units == 0 {
		l.Units = outputs
	}
	g, err := Compile(b.spec)
	if err != nil {
		return nil, err
	}
	if n := volume(features); n != g.Features() {
		return nil, netError("a row of the input is %s, %d values, and one of the data has %d", shapeText(g.spec.Input), g.Features(), n)
	}
	if g.Outputs() != outputs {
		b.current = &b.spec.Layers[last]
		return nil, b.fail("the net has %d outputs, and the data wants %d", g.Outputs(), outputs)
	}
	return g.Spec(), nil
}

// source returns the dense layer whose units are the values of layer i, or nil.
func (b *builder) source(i int) *Layer {
	for {
		l := &b.spec.Layers[i]
		switch l.Type {
		case Dense:
			return l
		case ReLU, Sigmoid, Tanh, GELU, Dropout, Flatten, BatchNorm:
			if i = b.from[i][0]; i < 0 {
				return nil
			}
		default:
			return nil
		}
	}
}
