package superstep

import (
	"errors"
	"net"
	"time"
)

// Sizes of a writer's buffers. Small batches leave as one copy: up to a TLS record
// that is cheaper than a vector of pieces.
const (
	gatherBytes = 16 << 10  // one TLS record
	vectorBytes = 512 << 10 // of frames in one writev, so that the receiver begins early
	// Records of TLS leave together, up to the first on one link and up to the second on all of a task.
	heldBytes     = 256 << 10
	heldLinkBytes = 16 << 20
)

// writer turns frames into bytes on one connection.
type writer struct {
	l      *link
	held   holder      // the connection, if it is one
	gather []byte      // small frames, copied
	heads  []byte      // headers of frames whose payload is not ours
	vector net.Buffers // pieces of one writev
	packer packer
	broken bool // a write failed: a frame may be cut, nothing may follow
}

// A holder keeps what is written, up to so many bytes, until Flush.
type holder interface {
	Hold(most int)
	Flush() error
}

func newWriter(l *link) *writer {
	held, _ := l.conn.(holder)
	return &writer{l: l, held: held, gather: make([]byte, 0, gatherBytes), packer: packer{mode: l.g.cfg.Compress}}
}

// write sends the frames and gives their chunks back.
func (w *writer) write(batch []outFrame) error {
	for len(batch) > 0 {
		n, bytes := 0, 0
		for n < len(batch) && (n == 0 || bytes+batch[n].size() <= vectorBytes) {
			bytes += batch[n].size()
			n++
		}
		if err := w.fetch(batch[:n]); err != nil {
			return err // nothing of a frame is out
		}
		bytes = w.pack(batch[:n])
		begun := time.Now()
		var err error
		if w.l.g.cfg.TLS || bytes <= gatherBytes {
			err = w.together(batch[:n])
		} else {
			err = w.vectored(batch[:n])
		}
		if err != nil {
			w.broken = true
			return err
		}
		w.packer.wrote(bytes, time.Since(begun))
		w.l.g.wireBytes.Add(int64(bytes))
		for i := range batch[:n] {
			w.giveBack(&batch[i])
		}
		batch = batch[n:]
	}
	return nil
}

// fetch brings payloads back from disk.
func (w *writer) fetch(batch []outFrame) error {
	s := &w.l.g.buffers
	for i := range batch {
		f := &batch[i]
		if f.c == nil || f.c.file == nil {
			continue
		}
		whole, err := s.load(f.c)
		if err != nil {
			return err
		}
		s.release(f.c)
		f.c, f.held = whole, false
	}
	return nil
}

// pack packs what is worth it and returns the bytes of all frames.
func (w *writer) pack(batch []outFrame) (bytes int) {
	for i := range batch {
		f := &batch[i]
		if packed, flag := w.packer.pack(&w.l.g.buffers.pool, f); packed != nil {
			w.giveBack(f)
			f.c, f.held = packed, false
			f.h.flags |= flag
		}
		bytes += f.size()
	}
	return bytes
}

func (w *writer) giveBack(f *outFrame) {
	if f.held {
		w.l.g.buffers.release(f.c)
	} else {
		w.l.g.buffers.pool.put(f.c)
	}
}

// seal fills in what only the bytes can tell and returns the payload.
func (w *writer) seal(f *outFrame) []byte {
	if f.c == nil {
		return nil
	}
	payload := f.c.payload()
	f.h.length = uint32(len(payload))
	if w.l.summed {
		f.h.sum = checksum(payload)
	}
	return payload
}

// together sends frames by copied, in few writes where the connection can.
func (w *writer) together(batch []outFrame) error {
	if w.held == nil {
		return w.copied(batch)
	}
	w.held.Hold(min(heldBytes, heldLinkBytes/len(w.l.g.links)))
	return errors.Join(w.copied(batch), w.held.Flush())
}

// copied gathers frames in one record-sized buffer; what does not fit goes
// directly.
func (w *writer) copied(batch []outFrame) error {
	for i := range batch {
		payload := w.seal(&batch[i])
		if len(w.gather)+headerSize > gatherBytes {
			if err := w.flush(); err != nil {
				return err
			}
		}
		at := len(w.gather)
		w.gather = w.gather[:at+headerSize]
		batch[i].h.put(w.gather[at:])
		for len(payload) > 0 {
			n := min(len(payload), gatherBytes-len(w.gather))
			w.gather = append(w.gather, payload[:n]...)
			payload = payload[n:]
			if len(w.gather) < gatherBytes {
				continue
			}
			if err := w.flush(); err != nil {
				return err
			}
			if whole := len(payload) / gatherBytes * gatherBytes; whole > 0 {
				if _, err := w.l.conn.Write(payload[:whole]); err != nil {
					return err
				}
				payload = payload[whole:]
			}
		}
	}
	return w.flush()
}

func (w *writer) flush() error {
	if len(w.gather) == 0 {
		return nil
	}
	_, err := w.l.conn.Write(w.gather)
	w.gather = w.gather[:0]
	return err
}

// vectored sends frames where they are: a chunk has room for its header.
func (w *writer) vectored(batch []outFrame) error {
	w.vector = w.vector[:0]
	if need := len(batch) * headerSize; cap(w.heads) < need {
		w.heads = make([]byte, need)
	}
	heads := w.heads[:cap(w.heads)]
	for i := range batch {
		payload := w.seal(&batch[i])
		if c := batch[i].c; c != nil && c.ext == nil {
			batch[i].h.put(c.buf)
			w.vector = append(w.vector, c.buf[:headerSize+c.n])
			continue
		}
		batch[i].h.put(heads)
		w.vector = append(w.vector, heads[:headerSize])
		heads = heads[headerSize:]
		if len(payload) > 0 {
			w.vector = append(w.vector, payload)
		}
	}
	pieces := w.vector // WriteTo eats what it is called on
	_, err := pieces.WriteTo(w.l.conn)
	clear(w.vector)
	return err
}
