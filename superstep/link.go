package superstep

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// link is the connection to one other task: a queue that a writer goroutine
// empties, and a reader goroutine that always drains what comes.
type link struct {
	g     *Group
	task  int
	peers Range // of that task
	conn  net.Conn
	// summed says that payloads have checksums: not in memory that both tasks share, nor in
	// records of TLS, which have an authentication tag each.
	summed bool

	mu     sync.Mutex // guards queue and queued
	queue  []outFrame
	queued int           // bytes in queue
	roused atomic.Bool   // the writer has been told, and has not taken the queue yet
	unsent atomic.Int64  // bytes that are queued, or being written
	wake   chan struct{} // cap 1: the writer has something to do

	readDone chan struct{} // closed by the reader when it ends
	in       incoming
}

// outFrame is a frame to be sent. The writer completes its header.
type outFrame struct {
	h    header
	c    *chunk // payload; nil: none
	held bool   // by the store
}

func (f *outFrame) size() int {
	if f.c == nil {
		return headerSize
	}
	return headerSize + f.c.size()
}

func newLink(g *Group, task int, conn net.Conn) *link {
	l := &link{
		g: g, task: task, peers: g.cfg.Ranges[task], conn: conn, summed: !inMemory(conn) && !g.cfg.TLS,
		wake: make(chan struct{}, 1), readDone: make(chan struct{}),
	}
	l.in.init(l)
	return l
}

// inMemory says whether a connection is memory of this machine, which gives back the bytes
// that were put there: both ends know it.
func inMemory(conn net.Conn) bool {
	m, ok := conn.(interface{ InMemory() bool })
	return ok && m.InMemory()
}

// wakeBytes is how much waits for the mark that follows it, so that both leave in
// one write; more is sent while peers compute.
const wakeBytes = 32 << 10

// send queues one frame; urgent ones, and enough bytes, wake the writer.
func (l *link) send(f outFrame, urgent bool) {
	l.sendAll([]outFrame{f}, urgent)
}

// sendAll queues frames with nothing between them.
func (l *link) sendAll(fs []outFrame, urgent bool) {
	if l.g.err() != nil { // nobody empties the queue any more
		return
	}
	l.mu.Lock()
	before := l.queued
	for i := range fs {
		fs[i].h.job, fs[i].h.epoch = l.g.cfg.Job, l.g.cfg.Epoch
		l.queued += fs[i].size()
	}
	l.queue = append(l.queue, fs...)
	l.unsent.Add(int64(l.queued - before))
	urgent = urgent || l.queued >= wakeBytes
	l.mu.Unlock()
	if urgent {
		l.rouse()
	}
}

// rouse tells the writer that there is something to send.
func (l *link) rouse() {
	l.roused.Store(true)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// sendChunk queues a chunk of messages as one frame, or as fragments if it is one
// large message. What is beyond the memory budget waits on disk.
func (l *link) sendChunk(h header, c *chunk) {
	h.kind, h.count, h.flags = c.kind, c.count, c.flags
	s, step := &l.g.buffers, int(h.superstep)
	if len(c.payload()) <= maxPayload {
		held, err := s.hold(step, c)
		if err != nil {
			l.g.fail(err) // the next Sync returns it
			return
		}
		l.send(outFrame{h: h, c: held, held: true}, false)
		return
	}
	frames := fragments(h, c.payload())
	for i := range frames {
		piece := s.pool.get(len(frames[i].c.ext))
		piece.n = copy(piece.room(), frames[i].c.ext)
		held, err := s.hold(step, piece)
		if err != nil {
			l.g.fail(err)
			return
		}
		frames[i].c, frames[i].held = held, true
	}
	l.sendAll(frames, false)
}

// sendBytes queues a copy of b, in fragments if it is long, and wakes the writer.
func (l *link) sendBytes(h header, b []byte) {
	if len(b) > maxPayload {
		l.sendAll(fragments(h, append([]byte(nil), b...)), true)
		return
	}
	c := l.g.buffers.pool.get(len(b))
	c.n = copy(c.room(), b)
	l.send(outFrame{h: h, c: c}, true)
}

// fragments cuts b, which is not copied, into frames: only the last one lacks
// flagMore and has the count.
func fragments(h header, b []byte) []outFrame {
	count := h.count
	var frames []outFrame
	for {
		piece := b[:min(len(b), maxPayload)]
		b = b[len(piece):]
		h.count, h.flags = 0, h.flags|flagMore
		if len(b) == 0 {
			h.count, h.flags = count, h.flags&^flagMore
		}
		frames = append(frames, outFrame{h: h, c: &chunk{ext: piece, class: -1}})
		if len(b) == 0 {
			return frames
		}
	}
}

// take exchanges the queue for an empty one and returns its bytes too.
func (l *link) take(empty []outFrame) (full []outFrame, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	full, bytes = l.queue, l.queued
	l.queue, l.queued = empty[:0], 0
	l.roused.Store(false)
	return full, bytes
}

// write sends what is queued until goodbye, or until the group is dead and the
// other task has been told why. It closes the connection, since nobody else can
// know when its last frame is out.
func (l *link) write() {
	w := newWriter(l)
	var batch []outFrame
	for done := false; !done; {
		select {
		case <-l.wake:
		case <-l.g.dead:
			l.giveUp(w)
			return
		}
		var bytes int
		batch, bytes = l.take(batch)
		last := len(batch) > 0 && batch[len(batch)-1].h.typ == frameGoodbye
		if err := w.write(batch); err != nil {
			if _, full := errors.AsType[*SpillError](err); full {
				l.g.fail(err)
			}
			// The reader knows better what became of the other task: it may have told.
			l.g.linkLost(l, err)
			l.giveUp(w)
			return
		}
		clear(batch)
		l.g.wrote(l, bytes)
		done = last
	}
	select {
	case <-l.readDone:
		_ = l.conn.Close() // all is said
	case <-l.g.dead:
		l.giveUp(w)
	}
}

// giveUp tells the other task why the group ends, as far as the connection allows.
func (l *link) giveUp(w *writer) {
	<-l.g.dead
	if !w.broken {
		_ = w.write([]outFrame{l.g.farewell(l)})
	}
	_ = l.conn.Close() // the cause is known already
}

// linkLost ends the group for a broken link, unless its other end has told, or is
// about to tell, why.
func (g *Group) linkLost(l *link, err error) {
	select {
	case <-l.readDone:
	case <-g.dead:
		return
	case <-time.After(abortGrace):
	}
	g.fail(&LinkError{Task: l.task, Err: err})
}
