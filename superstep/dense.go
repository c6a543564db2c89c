package superstep

import (
	"encoding/binary"
	"fmt"
)

// openDense makes a chunk of values for a remote peer, in the order of a list that both know: of those that
// are left from one on, as many as it takes. They are to be written to vs before it is pushed.
func openDense[V Number](p *Port, from, left int) (c *chunk, vs []V) {
	kind, _, _ := traits[V]()
	width := sizeOf[V]()
	count := min(left, (columnChunk-headerSize-denseFront)/width)
	c = p.g.buffers.pool.get(denseFront + count*width)
	c.n = denseFront + count*width
	binary.LittleEndian.PutUint64(c.room(), uint64(from))
	c.count, c.kind, c.flags = uint32(count), kind, flagDense
	return c, viewOf[V](c.payload()[denseFront:])
}

// checkDense checks that a chunk has values of V, and no more than are still to come.
func checkDense[V Number](c *chunk, left int) error {
	if kind, _, _ := traits[V](); c.kind != kind || c.flags&flagDense == 0 || int64(c.count) > int64(left) {
		return fmt.Errorf("%w: %d values of kind %d, expected %d of kind %d", ErrInbox, c.count, c.kind, left, kind)
	}
	return nil
}

// takeDense gives the values of such a chunk to put, of which at came before, and returns
// how many there are now.
func takeDense[V Number](p *Port, c *chunk, at int, put func(from int, vs []V)) (int, error) {
	s := &p.g.buffers
	whole, err := s.load(c)
	if err != nil {
		return 0, err
	}
	defer s.unload(c, whole)
	b := whole.payload()
	if len(b) != denseFront+int(c.count)*sizeOf[V]() || binary.LittleEndian.Uint64(b) != uint64(at) {
		return 0, fmt.Errorf("%w: %d values in %d bytes", ErrInbox, c.count, len(b))
	}
	put(at, viewOf[V](b[denseFront:]))
	return at + int(c.count), nil
}
