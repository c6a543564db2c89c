package builtin

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"scalar/bsp"
	"scalar/internal/splitmix"
)

// Limits of randcomm.
const (
	maxRandcommSize       = 64 << 20 // bytes of one message
	maxRandcommMessages   = 1 << 40
	maxRandcommSupersteps = 1 << 31
)

func randcommProgram() Program {
	p := Program{
		Name: "randcomm", Summary: "sends random messages to random peers and checks that all arrive", Input: None, Output: Optional,
		Options: []Option{
			{Name: "size", Kind: KindInt, Default: "16", Help: "bytes of a message"},
			{Name: "messages", Kind: KindInt, Default: "1000", Help: "messages that each peer sends in a superstep; 0: barriers only"},
			{Name: "supersteps", Kind: KindInt, Default: "10", Help: "supersteps with messages"},
			{Name: "seed", Kind: KindInt, Default: "1", Help: "of receivers and contents"},
		},
	}
	p.New = func(args []string) (bsp.Runner, error) {
		v, err := p.Values(args)
		if err != nil {
			return nil, err
		}
		r := randcomm{seed: uint64(v.Int("seed"))}
		if r.size, err = v.IntRange("size", 0, maxRandcommSize); err != nil {
			return nil, err
		}
		if r.messages, err = v.IntRange("messages", 0, maxRandcommMessages); err != nil {
			return nil, err
		}
		if r.supersteps, err = v.IntRange("supersteps", 0, maxRandcommSupersteps); err != nil {
			return nil, err
		}
		return bsp.NewRunner(r.run, bsp.WithCodec[[]byte](bytesCodec{})), nil
	}
	return p
}

// randcomm is the benchmark of the same kind as Hama's RandBench.
type randcomm struct {
	size, messages, supersteps int
	seed                       uint64
}

// randcommState changes in every superstep, by every message and their order.
type randcommState struct {
	Checksum uint64
	Received int64
}

func (r randcomm) run(ctx context.Context, p *bsp.Peer[[]byte]) error {
	var state randcommState
	if _, err := p.State(&state); err != nil {
		return err
	}
	payload := make([]byte, r.size)
	for p.Superstep() < r.supersteps {
		state.read(p)
		if r.messages > 0 {
			// The stream is a function of peer and superstep, so that a restart repeats it.
			rng := rand.NewPCG(r.seed, uint64(p.Index())<<32|uint64(p.Superstep()))
			for range r.messages {
				to := int(rng.Uint64() >> 32 * uint64(p.N()) >> 32)
				draw(payload, rng)
				p.Send(to, payload)
			}
		}
		if err := p.Sync(ctx); err != nil {
			return err
		}
	}
	state.read(p)
	return r.report(ctx, p, state)
}

// report writes the checksums of all peers as one, and the number of messages.
func (r randcomm) report(ctx context.Context, p *bsp.Peer[[]byte], state randcommState) error {
	all, err := bsp.AllGather(ctx, p, state)
	if err != nil || p.Index() != 0 {
		return err
	}
	total := randcommState{}
	for _, s := range all {
		total.Checksum = splitmix.Next(total.Checksum ^ s.Checksum)
		total.Received += s.Received
	}
	if want := int64(r.messages) * int64(r.supersteps) * int64(p.N()); total.Received != want {
		return fmt.Errorf("%d messages arrived, %d were sent", total.Received, want)
	}
	p.Write("checksum", fmt.Sprintf("%016x", total.Checksum))
	p.Write("messages", total.Received)
	return nil
}

// read takes the inbox into the checksum, every byte of every message in order.
func (s *randcommState) read(p *bsp.Peer[[]byte]) {
	sum := splitmix.Next(s.Checksum + uint64(p.Superstep()))
	for m := range p.Messages() {
		sum = digest(sum, m)
		s.Received++
	}
	s.Checksum = sum
}

// draw fills b with random bytes.
func draw(b []byte, rng *rand.PCG) {
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, rng.Uint64())
	}
	if len(b) > 0 {
		var last [8]byte
		binary.LittleEndian.PutUint64(last[:], rng.Uint64())
		copy(b, last[:])
	}
}

// digest mixes the bytes of b into sum, eight at a time.
func digest(sum uint64, b []byte) uint64 {
	sum ^= uint64(len(b))
	for ; len(b) >= 8; b = b[8:] {
		sum = splitmix.Next(sum ^ binary.LittleEndian.Uint64(b))
	}
	var last [8]byte
	copy(last[:], b)
	return splitmix.Next(sum ^ binary.LittleEndian.Uint64(last[:]))
}

// bytesCodec sends byte slices as they are, behind their lengths.
type bytesCodec struct{}

var errBytes = errors.New("malformed message of bytes")

// Append encodes each message as its length as uvarint and its bytes.
func (bytesCodec) Append(dst []byte, ms [][]byte) []byte {
	for _, m := range ms {
		dst = append(binary.AppendUvarint(dst, uint64(len(m))), m...)
	}
	return dst
}

// Decode copies src once, for all of its messages.
func (bytesCodec) Decode(dst [][]byte, src []byte) ([][]byte, error) {
	src = append([]byte(nil), src...)
	for len(src) > 0 {
		n, width := binary.Uvarint(src)
		if width <= 0 || n > uint64(len(src)-width) {
			return dst, errBytes
		}
		end := width + int(n)
		dst = append(dst, src[width:end:end])
		src = src[end:]
	}
	return dst, nil
}
