package superstep

import (
	"net"
	"sync"
	"time"
)

// link is the connection to one other task: a queue that a writer goroutine
// empties, and a reader goroutine that always drains what comes.
type link struct {
	g     *Group
	task  int
	peers Range // of that task
	conn  net.Conn

	mu     sync.Mutex // guards queue and queued
	queue  []outFrame
	queued int           // bytes in queue
	wake   chan struct{} // cap 1: the writer has something to do

	readDone chan struct{} // closed by the reader when it ends
	in       incoming
}

// outFrame is a frame to be sent. The writer completes its header.
type outFrame struct {
	h header
	c *chunk // payload; nil: none
}

func (f *outFrame) size() int {
	if f.c == nil {
		return headerSize
	}
	return headerSize + len(f.c.payload())
}

func newLink(g *Group, task int, conn net.Conn) *link {
	l := &link{g: g, task: task, peers: g.cfg.Ranges[task], conn: conn, wake: make(chan struct{}, 1), readDone: make(chan struct{})}
	l.in.init(l)
	return l
}

// wakeBytes is how much waits for the mark that follows it, so that both leave in
// one write; more is sent while peers compute.
const wakeBytes = 32 << 10

// send queues one frame; urgent ones, and enough bytes, wake the writer.
func (l *link) send(f outFrame, urgent bool) {
	if l.g.err() != nil { // nobody empties the queue any more
		l.g.pool.put(f.c)
		return
	}
	f.h.job, f.h.epoch = l.g.cfg.Job, l.g.cfg.Epoch
	l.mu.Lock()
	l.queue = append(l.queue, f)
	l.queued += f.size()
	urgent = urgent || l.queued >= wakeBytes
	l.mu.Unlock()
	if urgent {
		l.rouse()
	}
}

func (l *link) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// sendChunk queues a chunk of messages as one frame, or as fragments if it is one
// large message.
func (l *link) sendChunk(h header, c *chunk) {
	h.kind, h.count, h.flags = c.kind, c.count, c.flags
	if len(c.payload()) > maxPayload {
		l.sendFragments(h, c.payload(), false)
		return
	}
	l.send(outFrame{h: h, c: c}, false)
}

// sendBytes queues a copy of b, in fragments if it is long, and wakes the writer.
func (l *link) sendBytes(h header, b []byte) {
	if len(b) > maxPayload {
		l.sendFragments(h, append([]byte(nil), b...), true)
		return
	}
	c := l.g.pool.get(len(b))
	c.n = copy(c.room(), b)
	l.send(outFrame{h: h, c: c}, true)
}

// sendFragments queues pieces of b, which is not copied, behind each other with
// nothing between them: only the last one lacks flagMore and has the count.
func (l *link) sendFragments(h header, b []byte, urgent bool) {
	if l.g.err() != nil { // as in send
		return
	}
	h.job, h.epoch = l.g.cfg.Job, l.g.cfg.Epoch
	count := h.count
	l.mu.Lock()
	for {
		piece := b[:min(len(b), maxPayload)]
		b = b[len(piece):]
		h.count, h.flags = 0, h.flags|flagMore
		if len(b) == 0 {
			h.count, h.flags = count, h.flags&^flagMore
		}
		l.queue = append(l.queue, outFrame{h: h, c: &chunk{ext: piece, class: -1}})
		l.queued += headerSize + len(piece)
		if len(b) == 0 {
			break
		}
	}
	urgent = urgent || l.queued >= wakeBytes
	l.mu.Unlock()
	if urgent {
		l.rouse()
	}
}

// take exchanges the queue for an empty one.
func (l *link) take(empty []outFrame) []outFrame {
	l.mu.Lock()
	defer l.mu.Unlock()
	full := l.queue
	l.queue, l.queued = empty[:0], 0
	return full
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
		batch = l.take(batch)
		last := len(batch) > 0 && batch[len(batch)-1].h.typ == frameGoodbye
		if err := w.write(batch); err != nil {
			// The reader knows better what became of the other task: it may have told.
			l.g.linkLost(l, err)
			l.giveUp(w)
			return
		}
		clear(batch)
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
