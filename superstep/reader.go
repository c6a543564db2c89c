package superstep

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// incoming is what a link's reader goroutine keeps.
type incoming struct {
	l       *link
	head    [headerSize]byte
	step    int          // the superstep of the next mark at the earliest
	open    bool         // messages of step have come, and no mark yet
	relayed int          // the superstep of the next ballot or verdict at the earliest
	arrived []uint64     // messages since the last mark, by source and destination
	rounds  []uint32     // collective rounds received, by source and destination
	values  [2][][]byte  // of the last two marks, by source
	ballots [2]ballot    // or verdicts, by superstep
	kept    [2][2]*chunk // the memory behind values and ballots
	unpacker
}

func (in *incoming) init(l *link) {
	in.l, in.step, in.relayed = l, l.g.cfg.Superstep, l.g.cfg.Superstep
	pairs := l.peers.len() * l.g.own.len()
	in.arrived, in.rounds = make([]uint64, pairs), make([]uint32, pairs)
	for i := range in.values {
		in.values[i] = make([][]byte, l.peers.len())
		in.ballots[i].await = make([]uint32, len(l.g.links))
	}
}

// readBytes is a reader's buffer: enough for many small frames at once, and little
// of a large one is copied through it.
const readBytes = 16 << 10

// errGoodbye ends a reader in order.
var errGoodbye = errors.New("goodbye")

// read takes frames off the connection until goodbye. It never waits for a peer:
// everything goes into memory at once, or to disk. After an error it goes on draining until
// the writer closes the connection, so that two tasks that give up at the same time
// hear each other.
func (l *link) read() {
	defer close(l.readDone)
	r := bufio.NewReaderSize(l.conn, readBytes)
	for {
		err := l.in.frame(r)
		switch {
		case err == nil:
			continue
		case errors.Is(err, errGoodbye):
			return
		}
		l.g.fail(l.g.readFault(l, err))
		_, _ = io.Copy(io.Discard, r)
		return
	}
}

// readFault gives a reader's error its meaning.
func (g *Group) readFault(l *link, err error) error {
	if told, ok := errors.AsType[*toldError](err); ok {
		return told.err
	}
	if _, full := errors.AsType[*SpillError](err); full {
		return err
	}
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("task %d closed the connection without goodbye: %w", l.task, io.ErrUnexpectedEOF)
	}
	return &LinkError{Task: l.task, Err: err}
}

// toldError is what another task said about the end of the group.
type toldError struct{ err error }

func (e *toldError) Error() string { return e.err.Error() }

// frame reads one frame, or one message in fragments, and acts on it.
func (in *incoming) frame(r io.Reader) error {
	h, c, err := in.next(r)
	if err != nil {
		return err
	}
	if h.flags&flagMore != 0 {
		if h, c, err = in.assemble(r, h, c); err != nil {
			return err
		}
	}
	keep, err := in.take(h, c)
	if !keep {
		in.l.g.buffers.pool.put(c)
	}
	return err
}

// next reads one frame; c is nil without payload.
func (in *incoming) next(r io.Reader) (h header, c *chunk, err error) {
	if h, err = in.header(r); err != nil {
		return h, nil, err
	}
	return in.payload(r, h)
}

// header reads the front of a frame.
func (in *incoming) header(r io.Reader) (h header, err error) {
	if _, err := io.ReadFull(r, in.head[:]); err != nil {
		return h, err
	}
	if h, err = parseHeader(in.head[:]); err != nil {
		return h, err
	}
	return h, in.check(h)
}

// payload reads what follows a header into a chunk, and unpacks it.
func (in *incoming) payload(r io.Reader, h header) (header, *chunk, error) {
	pool := &in.l.g.buffers.pool
	var c *chunk
	var b []byte
	if h.length > 0 {
		c = pool.get(int(h.length))
		c.n, c.count, c.kind, c.flags = int(h.length), h.count, h.kind, h.flags
		b = c.payload()
	}
	if err := in.fill(r, h, b); err != nil {
		pool.put(c)
		return h, nil, err
	}
	if h.flags&(flagS2|flagZstd) == 0 {
		return h, c, nil
	}
	if c == nil || h.typ.ends() {
		pool.put(c)
		return h, nil, fmt.Errorf("%w: packed %v of %d bytes", ErrFrame, h.typ, h.length)
	}
	whole, err := in.unpack(pool, h, c)
	pool.put(c)
	if err != nil {
		return h, nil, err
	}
	h.flags &^= flagS2 | flagZstd
	whole.flags = h.flags
	return h, whole, nil
}

// fill reads a frame's payload and checks it.
func (in *incoming) fill(r io.Reader, h header, b []byte) error {
	if _, err := io.ReadFull(r, b); err != nil {
		return err
	}
	var sum uint32
	if len(b) > 0 && in.l.summed {
		sum = checksum(b)
	}
	if sum != h.sum {
		return fmt.Errorf("%w: %v frame's checksum %08x, computed %08x", ErrFrame, h.typ, h.sum, sum)
	}
	return nil
}

// check compares a header with what may come on this link now.
func (in *incoming) check(h header) error {
	g := in.l.g
	switch {
	case h.job != g.cfg.Job:
		return fmt.Errorf("%w: a %v frame of job %016x arrived in job %016x", ErrEpoch, h.typ, h.job, g.cfg.Job)
	case h.epoch != g.cfg.Epoch:
		return fmt.Errorf("%w: a %v frame of epoch %d arrived in epoch %d", ErrEpoch, h.typ, h.epoch, g.cfg.Epoch)
	}
	step := in.current(h)
	var source, dest bool
	switch h.typ {
	case frameData, frameColumns:
		source, dest = in.l.peers.has(h.source), g.own.has(h.dest)
	case frameCollective:
		source, dest, step = in.l.peers.has(h.source), g.own.has(h.dest), true
	case frameClear:
		source, dest = in.l.peers.has(h.source), h.dest == uint32(g.cfg.Task)
	case frameMark:
		source, dest = h.source == uint32(in.l.task), h.dest == uint32(g.cfg.Task)
	case frameBallot:
		_, below := g.barrier.tree.under(in.l.task)
		source, dest = below && h.source == uint32(in.l.task), h.dest == uint32(g.cfg.Task)
	case frameVerdict:
		source, dest = g.barrier.tree.above == in.l.task && h.source == uint32(in.l.task), h.dest == uint32(g.cfg.Task)
	case frameLeave:
		source, dest, step = in.l.peers.has(h.source), true, true
	case frameGoodbye, frameAbort:
		source, dest, step = true, h.dest == uint32(g.cfg.Task), true
	case frameHello:
	}
	switch {
	case !source || !dest:
		return fmt.Errorf("%w: %v frame from %d to %d", ErrFrame, h.typ, h.source, h.dest)
	case !step:
		return fmt.Errorf("%w: %v frame of superstep %d in superstep %d", ErrFrame, h.typ, h.superstep, in.step)
	}
	return nil
}

// current says whether a frame may speak of its superstep now. No task is ahead of
// what it has from us at barriers: what it sends would land in an inbox that is being
// read. None has anything left to say about a superstep that is over here, or whose
// mark it has sent; and it sends that mark before it goes on.
func (in *incoming) current(h header) bool {
	b, step := &in.l.g.barrier, int(h.superstep)
	if int64(step) < b.done.Load() || int64(step) > b.told.Load() {
		return false
	}
	if h.typ == frameBallot || h.typ == frameVerdict {
		return step >= in.relayed
	}
	return step == in.step || step > in.step && !in.open
}

// take acts on one whole frame. It says whether the chunk is still in use.
func (in *incoming) take(h header, c *chunk) (keep bool, err error) {
	switch h.typ {
	case frameData, frameColumns:
		return in.messages(h, c)
	case frameCollective:
		return in.collective(h, c)
	case frameMark:
		return in.mark(h, c)
	case frameBallot, frameVerdict:
		return in.ballot(h, c)
	case frameClear:
		in.clear(h)
		return false, nil
	case frameLeave:
		if h.flags&flagNil != 0 { // Retire: the peer stays in the barriers
			in.l.g.leaveRounds(int(h.source))
			return false, nil
		}
		if !in.l.g.barrier.leftRemote(int(h.source)) {
			return false, fmt.Errorf("%w: peer %d left twice", ErrFrame, h.source)
		}
		in.l.g.leaveRounds(int(h.source))
		return false, nil
	case frameGoodbye:
		if !in.l.g.barrier.allGone(in.l.peers) {
			return false, fmt.Errorf("%w: goodbye before all peers have left", ErrFrame)
		}
		return false, errGoodbye
	case frameAbort:
		return false, parseFarewell(h, c, in.l.task, in.l.g.cfg.Task)
	default:
		return false, fmt.Errorf("%w: %v frame after the handshake", ErrFrame, h.typ)
	}
}

// pair is the index of a source and a destination in the link's tables.
func (in *incoming) pair(source, dest int) int {
	return (source-in.l.peers.Lo)*in.l.g.own.len() + dest - in.l.g.own.Lo
}

func (in *incoming) messages(h header, c *chunk) (keep bool, err error) {
	// Each message takes a byte at least, and in columns more.
	if c == nil || int64(h.count) > int64(len(c.payload())) {
		return false, fmt.Errorf("%w: %d messages in %d bytes", ErrFrame, h.count, h.length)
	}
	in.step, in.open = int(h.superstep), true
	in.arrived[in.pair(int(h.source), int(h.dest))] += uint64(h.count)
	p := in.l.g.ports[int(h.dest)-in.l.g.own.Lo]
	if p.left.Load() {
		return false, nil
	}
	held, err := in.l.g.buffers.hold(in.step, c)
	if err != nil {
		return false, err
	}
	p.in.at(in.step, h.lane, in.l.g.peers).add(int(h.source), held)
	return true, nil
}

// clear drops what a source has sent on a lane in this superstep.
func (in *incoming) clear(h header) {
	in.step, in.open = int(h.superstep), true
	for _, p := range in.l.g.ports {
		if p.left.Load() {
			continue
		}
		p.in.at(in.step, h.lane, in.l.g.peers).drop(int(h.source), &in.l.g.buffers)
	}
}

// mark ends a superstep of the other task on this link.
func (in *incoming) mark(h header, c *chunk) (keep bool, err error) {
	step := int(h.superstep)
	m, err := parseMark(payloadOf(c), in.values[step&1], in.arrived)
	if err != nil {
		return false, err
	}
	if others := len(in.l.g.links) - 1; m.links > uint64(others) {
		return false, fmt.Errorf("%w: task %d speaks of marks for %d tasks, there are %d others", ErrFrame, in.l.task, m.links, others)
	}
	in.keep(0, step, c)
	clear(in.arrived)
	in.step, in.open = step+1, false
	return true, in.l.g.barrier.mark(step, in.l.peers, m)
}

// ballot takes what the other task has from those behind it in the tree.
func (in *incoming) ballot(h header, c *chunk) (keep bool, err error) {
	step := int(h.superstep)
	v := &in.ballots[step&1]
	tasks, peers := in.behind(h.typ)
	if err := v.parse(payloadOf(c), tasks.len(), peers); err != nil {
		return false, err
	}
	in.keep(1, step, c)
	in.relayed = step + 1
	if h.typ == frameBallot {
		return true, in.l.g.barrier.ballot(step, v)
	}
	return true, in.l.g.barrier.verdict(step, v, payloadOf(c))
}

// behind returns the tasks and the peers that a ballot or a verdict on this link can
// speak of.
func (in *incoming) behind(t frameType) (tasks, peers Range) {
	ranges := in.l.g.cfg.Ranges
	tasks = Range{0, len(ranges)}
	if t == frameBallot {
		tasks, _ = in.l.g.barrier.tree.under(in.l.task)
	}
	return tasks, Range{ranges[tasks.Lo].Lo, ranges[tasks.Hi-1].Hi}
}

// keep holds the memory of a mark, or of a ballot or verdict, until the values of the
// superstep after it have been read.
func (in *incoming) keep(kind, step int, c *chunk) {
	in.l.g.buffers.pool.put(in.kept[kind][step&1])
	in.kept[kind][step&1] = c
}

func payloadOf(c *chunk) []byte {
	if c == nil {
		return nil
	}
	return c.payload()
}
