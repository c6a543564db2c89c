package data

import (
	"fmt"
	"math"

	"scalar/internal/pack"
)

// wireSummary is a Summary as it travels: msgpack, sums as their limbs from the first
// that is not zero.
type wireSummary struct {
	Rows    uint64            `msgpack:"r"`
	Width   uint64            `msgpack:"w"`
	Columns []wireColumn      `msgpack:"c"`
	Bytes   []uint64          `msgpack:"b"`
	Labels  map[string]uint64 `msgpack:"l"`
}

type wireColumn struct {
	Numbers  uint64            `msgpack:"n"`
	Texts    uint64            `msgpack:"t"`
	Missing  uint64            `msgpack:"m"`
	Wide     bool              `msgpack:"w"`
	Over     bool              `msgpack:"o"`
	Sums     wireSum           `msgpack:"s"`
	Squares  wireSum           `msgpack:"q"`
	Values   map[string]uint64 `msgpack:"v"`
	OddText  place             `msgpack:"x"`
	Infinite place             `msgpack:"i"`
}

type wireSum struct {
	First int     `msgpack:"f"`
	Limbs []int64 `msgpack:"l"`
}

// AppendBinary encodes the summary for other peers.
func (s *Summary) AppendBinary(b []byte) ([]byte, error) {
	w := wireSummary{Rows: s.rows, Width: s.width, Labels: s.labels}
	if s.bytes != nil {
		w.Bytes = s.bytes[:]
	}
	for i := range s.columns {
		c := &s.columns[i]
		w.Columns = append(w.Columns, wireColumn{
			c.numbers, c.texts, c.missing, c.wide, c.over,
			c.sums.wire(), c.squares.wire(), c.values, c.oddText, c.infinite,
		})
	}
	encoded, err := pack.Marshal(w)
	return append(b, encoded...), err
}

// UnmarshalBinary decodes what AppendBinary made. What it cannot have made is an error.
func (s *Summary) UnmarshalBinary(b []byte) error {
	var w wireSummary
	if err := pack.Unmarshal(b, &w); err != nil {
		return fmt.Errorf("summary of a part: %w", err)
	}
	if w.Width > MaxFeatures || len(w.Columns) > maxColumns || len(w.Labels) > MaxClasses || w.Rows > math.MaxInt64 {
		return fmt.Errorf("summary of a part: %w: over a limit", pack.ErrMalformed)
	}
	*s = Summary{rows: w.Rows, width: w.Width, labels: w.Labels}
	switch len(w.Bytes) {
	case 0:
	case 256:
		s.bytes = (*[256]uint64)(w.Bytes)
	default:
		return fmt.Errorf("summary of a part: %w: %d counts of bytes", pack.ErrMalformed, len(w.Bytes))
	}
	s.columns = make([]column, len(w.Columns))
	for i, c := range w.Columns {
		to := &s.columns[i]
		*to = column{
			numbers: c.Numbers, texts: c.Texts, missing: c.Missing, wide: c.Wide, over: c.Over,
			values: c.Values, oddText: c.OddText, infinite: c.Infinite,
		}
		if !to.sums.take(c.Sums) || !to.squares.take(c.Squares) || len(c.Values) > MaxOneHot || c.Over && len(c.Values) > 0 {
			return fmt.Errorf("summary of a part: %w: column %d", pack.ErrMalformed, i)
		}
	}
	return nil
}

func (s *sum) wire() wireSum {
	c := *s
	c.carry()
	lo, hi := 0, limbs
	for lo < hi && c.limbs[lo] == 0 {
		lo++
	}
	for hi > lo && c.limbs[hi-1] == 0 {
		hi--
	}
	return wireSum{lo, c.limbs[lo:hi]}
}

// take reports whether w is a sum, as carry leaves it.
func (s *sum) take(w wireSum) bool {
	if w.First < 0 || w.First > limbs || len(w.Limbs) > limbs-w.First {
		return false
	}
	copy(s.limbs[w.First:], w.Limbs)
	for i, v := range s.limbs {
		if i < limbs-1 && (v < 0 || v > math.MaxUint32) || v < -1<<40 || v > 1<<40 {
			return false
		}
	}
	return true
}
