package eval

import (
	"math"

	"scalar/ml/nn"
)

// A Classifier counts what a classifier gets right.
type Classifier struct {
	classes []string
	full    bool
	n       int
	wrong   int
	loss    float64
	counts  [][]int     // true class × predicted class
	scores  [][]float64 // of each class: the logarithm of its odds by row, which orders rows as its probability does, near 1 too
	truth   []int32     // class by row
}

// MaxFull is the most classes that there are confusion matrices and AUCs of.
const MaxFull = 1024

// NewClassifier begins with no rows. full asks for all that [Full] has; its cost is 8 bytes per
// row and class.
func NewClassifier(classes []string, full bool) *Classifier {
	c := &Classifier{classes: classes, full: full}
	if full {
		c.scores, c.counts = make([][]float64, len(classes)), make([][]int, len(classes))
		for i := range c.counts {
			c.counts[i] = make([]int, len(classes))
		}
	}
	return c
}

// A Classification is what a classifier gets right.
type Classification struct {
	N        int     `json:"n"`
	Error    float64 `json:"error"` // 1 − accuracy
	Accuracy float64 `json:"accuracy"`
	Loss     float64 `json:"loss"` // mean of -log probability of the true class, in nats
	*Full
}

// Full is what there is to say class by class, in the order of Classes.
type Full struct {
	Classes   []string  `json:"classes"`
	Confusion [][]int   `json:"confusion"` // rows of a true class, by predicted class
	Precision []float64 `json:"precision"` // right ones of those predicted; 0 if there are none
	Recall    []float64 `json:"recall"`    // right ones of those that there are; 0 if there are none
	F1        []float64 `json:"f1"`        // harmonic mean of both
	MacroF1   float64   `json:"macro_f1"`  // mean over classes that were there or were predicted
	// AUC is the share of pairs of rows, one of the class and one not, of which the one of the
	// class has the larger probability, ties counting half: of the second of two classes, or
	// the mean over classes, each against the rest. Null: one of the sides is empty.
	AUC  *float64   `json:"auc"`
	AUCs []*float64 `json:"auc_by_class,omitempty"` // of more than two classes
}

// Add counts a row: its logits, one for each class, none NaN, and its true class.
func (c *Classifier) Add(logits []float32, class int) {
	best := nn.Largest(logits)
	rest, top := 0.0, float64(logits[best]) // Σ exp(z - top), without the largest, which is 1
	for i, z := range logits {
		if i != best {
			rest += math.Exp(float64(z) - top)
		}
	}
	c.n++
	c.loss += math.Log1p(rest) + top - float64(logits[class])
	if best != class {
		c.wrong++
	}
	if c.full {
		c.counts[class][best]++
		c.truth = append(c.truth, int32(class))
		for i, z := range logits {
			others := rest
			if i != best {
				others = 1 + rest - math.Exp(float64(z)-top)
			}
			c.scores[i] = append(c.scores[i], float64(z)-top-math.Log(others))
		}
	}
}

// Result returns what was counted, of one row at least.
func (c *Classifier) Result() Classification {
	n := float64(c.n)
	r := Classification{N: c.n, Error: float64(c.wrong) / n, Accuracy: float64(c.n-c.wrong) / n, Loss: c.loss / n}
	if c.full {
		r.Full = c.byClass()
	}
	return r
}

func (c *Classifier) byClass() *Full {
	f := &Full{Classes: c.classes, Confusion: c.counts}
	seen, sum := 0, 0.0
	for k := range c.classes {
		there, predicted, right := 0, 0, c.counts[k][k]
		for i := range c.classes {
			there += c.counts[k][i]
			predicted += c.counts[i][k]
		}
		f.Precision = append(f.Precision, share(right, predicted))
		f.Recall = append(f.Recall, share(right, there))
		f.F1 = append(f.F1, share(2*right, there+predicted))
		if there+predicted > 0 {
			seen++
			sum += f.F1[k]
		}
	}
	f.MacroF1 = sum / float64(seen)
	if len(c.classes) == 2 {
		f.AUC = auc(c.scores[1], c.truth, 1)
		return f
	}
	defined, all := 0, 0.0
	for k := range c.classes {
		a := auc(c.scores[k], c.truth, int32(k))
		if f.AUCs = append(f.AUCs, a); a != nil {
			defined++
			all += *a
		}
	}
	if defined > 0 {
		all /= float64(defined)
		f.AUC = &all
	}
	return f
}

func share(part, all int) float64 {
	if all == 0 {
		return 0
	}
	return float64(part) / float64(all)
}
