package nn

import (
	"errors"
	"math"
	"slices"

	"scalar/tensor"
)

type (
	activation = tensor.Activation
	array      = tensor.Dense[float32]
)

const relu = tensor.ReLU

var (
	errSize  = errors.New("sizes are 1 or more")
	errLarge = errors.New("a row has at most 16,777,216 values in any layer")
)

// Keys of layers.
const (
	keyUnits      = "units"
	keyNoBias     = "no_bias"
	keyFilters    = "filters"
	keyKernel     = "kernel"
	keyWindow     = "window"
	keyStride     = "stride"
	keyPad        = "pad"
	keyRate       = "rate"
	keyMomentum   = "momentum"
	keyEpsilon    = "epsilon"
	keyVocabulary = "vocabulary"
	keyActivation = "activation"
)

// A kind is a type of layers.
type kind struct {
	keys  []string // of Layer, besides name, type and from
	many  bool     // it takes several layers
	build func(b *builder, n *node) error
}

// mostFrom is how many layers add and concat take.
const mostFrom = 64

func (k kind) most() int {
	if k.many {
		return mostFrom
	}
	return 1
}

// kindOf returns the kind of a type of layers.
func kindOf(name string) (kind, bool) {
	switch name {
	case Dense:
		return kind{keys: []string{keyUnits, keyNoBias, keyActivation}, build: buildDense}, true
	case Conv2D:
		return kind{keys: []string{keyFilters, keyKernel, keyStride, keyPad, keyNoBias, keyActivation}, build: buildConv}, true
	case MaxPool, AvgPool:
		return kind{keys: []string{keyWindow, keyStride}, build: buildPool}, true
	case Flatten:
		return kind{build: buildFlatten}, true
	case Dropout:
		return kind{keys: []string{keyRate}, build: buildDropout}, true
	case BatchNorm:
		return kind{keys: []string{keyMomentum, keyEpsilon, keyActivation}, build: buildNorm}, true
	case Embedding:
		return kind{keys: []string{keyVocabulary, keyUnits}, build: buildEmbedding}, true
	case Add:
		return kind{keys: []string{keyActivation}, many: true, build: buildAdd}, true
	case Concat:
		return kind{many: true, build: buildConcat}, true
	case ReLU, Sigmoid, Tanh, GELU:
		return kind{build: buildActivate}, true
	}
	return kind{}, false
}

// activationOf returns the activation of a name in net files.
func activationOf(name string) (activation, bool) {
	for act := tensor.ReLU; act <= tensor.GELU; act++ {
		if act.String() == name {
			return act, true
		}
	}
	return 0, false
}

// keys checks that the current layer sets nothing that its type does not take, and no size
// below 0.
func (b *builder) keys(k kind) error {
	l := b.current
	set := []struct {
		key string
		is  bool
	}{
		{keyUnits, l.Units != 0},
		{keyNoBias, l.NoBias},
		{keyFilters, l.Filters != 0},
		{keyKernel, l.Kernel != Pair{}},
		{keyWindow, l.Window != Pair{}},
		{keyStride, l.Stride != Pair{}},
		{keyPad, l.Pad != Pair{}},
		{keyRate, l.Rate != 0},
		{keyMomentum, l.Momentum != 0},
		{keyEpsilon, l.Epsilon != 0},
		{keyVocabulary, l.Vocabulary != 0},
		{keyActivation, l.Activation != ""},
	}
	for _, s := range set {
		if s.is && !slices.Contains(k.keys, s.key) {
			return b.fail("it takes no %s", s.key)
		}
	}
	return nil
}

// image checks that a row is an image.
func (b *builder) image(in []int) error {
	if len(in) != 3 {
		return b.fail("a row of %s is %s: want [channels, height, width]", b.current.From[0], shapeText(in))
	}
	return nil
}

// pair checks sizes down and across of the current layer.
func (b *builder) pair(key string, p Pair, least int) error {
	for _, n := range p {
		if n < least || n > MaxValues {
			return b.fail("%s is %s: want %d to %d", key, shapeText(p[:]), least, MaxValues)
		}
	}
	return nil
}

// size checks a size of the current layer.
func (b *builder) size(key string, n int) error {
	if n < 1 || n > MaxValues {
		return b.fail("%s is %d: want 1 to %d", key, n, MaxValues)
	}
	return nil
}

// linear are the fills of weights and biases of units that add up n values each.
func linear(n int) fill { return fill{how: uniform, bound: 1 / math.Sqrt(float64(n))} }
