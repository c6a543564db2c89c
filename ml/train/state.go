package train

import (
	"encoding/binary"
	"errors"
	"math"

	"scalar/internal/pack"
	"scalar/ml/model"
)

// A state is what a checkpoint holds of a peer: its range of the arena, and what all know.
type state struct {
	weights []float32   // the own range, of what the trainer has of all
	slots   [][]float32 // of the optimiser, of the own range
	kept    []float32   // the own range of the model that is kept

	sums []float64 // by own shard: sum of the losses of this epoch, rows that were wrong
	Told told
}

// told is what all peers know alike.
type told struct {
	History []model.Epoch
	Splits  int    // of the rows: those of the first attempt, whatever memory a later one has
	Kept    int    // the epoch whose model is kept, from 1; 0: none yet
	Stopped string // why training ended before its last epoch; empty: it did not
	Turned  bool   // the arena is as nn.Graph.Turn makes it
}

// newState returns the state of a peer with a range of the weights and so many shards.
func newState(weights []float32, slots, shards int) *state {
	s := &state{weights: weights, kept: make([]float32, len(weights)), sums: make([]float64, 2*shards)}
	for range slots {
		s.slots = append(s.slots, make([]float32, len(weights)))
	}
	return s
}

var errState = errors.New("the checkpoint is of another net or number of shards")

// AppendBinary encodes the state.
func (s *state) AppendBinary(b []byte) ([]byte, error) {
	head, err := pack.Marshal(&s.Told)
	if err != nil {
		return nil, err
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(head)))
	b = append(b, head...)
	for _, v := range s.sums {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	for _, v := range s.arrays() {
		for _, x := range v {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
	}
	return b, nil
}

func (s *state) arrays() [][]float32 { return append([][]float32{s.weights, s.kept}, s.slots...) }

// UnmarshalBinary decodes a state of the same sizes.
func (s *state) UnmarshalBinary(b []byte) error {
	if len(b) < 4 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-4) {
		return errState
	}
	n := int(binary.LittleEndian.Uint32(b))
	if err := pack.UnmarshalData(b[4:4+n], &s.Told); err != nil {
		return err
	}
	b = b[4+n:]
	if len(b) != 8*len(s.sums)+4*len(s.weights)*len(s.arrays()) {
		return errState
	}
	for i := range s.sums {
		s.sums[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	b = b[8*len(s.sums):]
	for _, v := range s.arrays() {
		for i := range v {
			v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
		b = b[4*len(v):]
	}
	return nil
}
