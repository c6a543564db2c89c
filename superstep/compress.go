package superstep

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// Compression says how a task packs the payloads that it sends on its links.
// Tasks of one job may differ: every reader takes all forms.
type Compression uint8

// The ways to pack.
const (
	CompressOff  Compression = iota
	CompressS2               // pays below some 0.4 GB/s a link, on data that shrinks
	CompressZstd             // fastest level; pays below some 0.2 GB/s
	CompressAuto             // what is measured fastest, link by link, again and again
)

const (
	packedFront = 4       // u32 bytes of the payload once unpacked
	minPacked   = 1 << 10 // smaller payloads are not worth it

	// CompressAuto tries each way once in so many bytes, or on a slow link once in so
	// long, but not on less than the least.
	trialBytes = 4 << 20
	trialTime  = 100 * time.Millisecond
	trialLeast = 64 << 10
	fastLink   = 1e-9 // seconds a byte: nothing packs as fast as that (measured: s2 pays below 0.4 GB/s)
)

// packer packs for one writer.
type packer struct {
	mode Compression
	now  Compression // of CompressAuto: what is used until the next trial
	zstd *zstd.Encoder

	sent  int64         // bytes written since the last trial
	spent time.Duration // in writing them
}

// pack returns a payload's packed form in a chunk of the pool, and its flag; nil
// where the payload goes as it is.
func (p *packer) pack(pool *pool, f *outFrame) (*chunk, uint8) {
	if p.mode == CompressOff || f.size() < headerSize+minPacked || f.h.typ.ends() {
		return nil, 0
	}
	payload := f.c.payload()
	way := p.mode
	if p.mode == CompressAuto {
		p.try(pool, payload)
		way = p.now
	}
	if way == CompressOff {
		return nil, 0
	}
	return p.encode(pool, way, payload)
}

// encode packs by s2 or zstd; nil if nothing is won.
func (p *packer) encode(pool *pool, way Compression, payload []byte) (*chunk, uint8) {
	c := pool.get(packedFront + s2.MaxEncodedLen(len(payload)))
	room := c.room()
	var block []byte
	flag := uint8(flagS2)
	if way == CompressZstd {
		flag = flagZstd
		if p.zstd == nil {
			p.zstd, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false)) // these options are no error
		}
		block = p.zstd.EncodeAll(payload, room[packedFront:packedFront])
	} else {
		block = s2.Encode(room[packedFront:], payload)
	}
	if len(block)+packedFront >= len(payload) || &block[0] != &room[packedFront] {
		pool.put(c)
		return nil, 0
	}
	binary.LittleEndian.PutUint32(room, uint32(len(payload)))
	c.n = packedFront + len(block)
	return c, flag
}

// wrote tells how long the link took for some bytes.
func (p *packer) wrote(n int, d time.Duration) {
	p.sent += int64(n)
	p.spent += d
}

// try packs one payload in every way and chooses what is fastest for it: the time to
// pack and the time of the link for what is left. The first trial comes once there is
// something to judge the link by.
func (p *packer) try(pool *pool, payload []byte) {
	if p.sent < trialLeast || p.sent < trialBytes && p.spent < trialTime {
		return
	}
	link := p.spent.Seconds() / float64(p.sent)
	p.sent, p.spent = 0, 0
	if link < fastLink {
		p.now = CompressOff
		return
	}
	best, way := link, CompressOff
	for _, w := range []Compression{CompressS2, CompressZstd} {
		start := time.Now()
		c, _ := p.encode(pool, w, payload)
		took := time.Since(start).Seconds() / float64(len(payload))
		if c == nil {
			continue // it does not shrink
		}
		total := took + link*float64(c.n)/float64(len(payload))
		pool.put(c)
		if total < 0.9*best { // not back and forth for little
			best, way = total, w
		}
	}
	p.now = way
}

// unpacker unpacks for one reader.
type unpacker struct{ zstd *zstd.Decoder }

// unpack returns the payload of a packed frame in a chunk of the pool.
func (u *unpacker) unpack(pool *pool, h header, packed *chunk) (*chunk, error) {
	b := packed.payload()
	if len(b) <= packedFront {
		return nil, fmt.Errorf("%w: packed %v of %d bytes", ErrFrame, h.typ, len(b))
	}
	n, b := binary.LittleEndian.Uint32(b), b[packedFront:]
	if n > maxPayload {
		return nil, fmt.Errorf("%w: packed %v that unpacks to %d bytes, at most %d", ErrFrame, h.typ, n, maxPayload)
	}
	c := pool.get(int(n))
	c.n, c.count, c.kind, c.flags = int(n), h.count, h.kind, h.flags
	if err := u.decode(h, c.payload(), b); err != nil {
		pool.put(c)
		return nil, fmt.Errorf("%w: packed %v: %w", ErrFrame, h.typ, err)
	}
	return c, nil
}

// decode unpacks b, which must fill dst and no more.
func (u *unpacker) decode(h header, dst, b []byte) error {
	if h.flags&flagS2 != 0 {
		n, err := s2.DecodedLen(b)
		if err != nil {
			return err
		}
		if n != len(dst) {
			return fmt.Errorf("%d bytes instead of %d", n, len(dst))
		}
		_, err = s2.Decode(dst, b)
		return err
	}
	if u.zstd == nil {
		u.zstd, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPayload), zstd.WithDecoderLowmem(true)) // these options are no error
	}
	out, err := u.zstd.DecodeAll(b, dst[:0:len(dst)])
	if err != nil {
		return err
	}
	if len(out) != len(dst) {
		return fmt.Errorf("%d bytes instead of %d", len(out), len(dst))
	}
	return nil
}
