package superstep

import (
	"bytes"
	"errors"
	"io"
	"net"
)

// MaxFrame is the most bytes of one frame.
const MaxFrame = headerSize + maxPayload

// A Place says which reader ReadFrames feeds.
type Place struct {
	Tasks []int // peers of each
	Own   int   // the task that reads
	From  int   // the task that sends
	Voted bool  // the own peers have ended the superstep
}

// Places of readers: of a mark, of a ballot, of a verdict.
var (
	AmongThree = Place{Tasks: []int{2, 2, 1}, From: 1}
	Above      = Place{Tasks: []int{1, 2, 1, 1, 1}, From: 1}
	Below      = Place{Tasks: []int{1, 2, 1, 1, 1}, Own: 1, Voted: true}
)

// ReadFrames lets a reader take what another task sends, until an error.
func ReadFrames(at Place, b []byte) error {
	none, other := net.Pipe()
	defer none.Close()
	defer other.Close()
	cfg := Config{Job: 42, Epoch: 7, Task: at.Own}
	lo := 0
	for _, n := range at.Tasks {
		cfg.Ranges, cfg.Conns = append(cfg.Ranges, Range{lo, lo + n}), append(cfg.Conns, none)
		lo += n
	}
	g, err := NewGroup(cfg)
	if err != nil {
		return err
	}
	if at.Voted {
		for _, p := range g.ports {
			g.barrier.arrive(p, Vote{})
		}
	}
	l := g.links[at.From]
	r := bytes.NewReader(b)
	for {
		if err := l.in.frame(r); err != nil {
			if errors.Is(err, io.EOF) && r.Len() == 0 {
				return io.EOF
			}
			return err
		}
	}
}

// A Mark is what a mark of two sources holds, but for the counts.
type Mark struct {
	Control     Control
	Busy        bool
	Sent, Links uint64
	Values      [][]byte
}

// ParseMark decodes a mark and checks it against the counts.
func ParseMark(b []byte, arrived []uint64) (Mark, error) {
	m, err := parseMark(b, make([][]byte, 2), arrived)
	return Mark{m.control, m.busy, m.sent, m.links, m.values}, err
}

// AppendMark encodes what ParseMark reads.
func AppendMark(what Mark, counts []uint64) []byte {
	m := mark{sums: sums{control: what.Control, busy: what.Busy, sent: what.Sent, links: what.Links}, values: what.Values}
	return appendCounts(m.append(nil), counts)
}

// A Ballot is what a ballot holds; Peers are those whose values are in Mark.Values.
type Ballot struct {
	Mark
	Await []uint32
	Peers []int
}

// ParseBallot decodes a ballot of tasks 1 and 2 of five, with the peers 3 to 6.
func ParseBallot(b []byte) (out Ballot, err error) {
	v := ballot{await: make([]uint32, 5)}
	err = v.parse(b, 2, Range{3, 7})
	out = Ballot{Mark: Mark{Control: v.control, Busy: v.busy, Sent: v.sent, Links: v.links}, Await: v.await}
	for _, p := range v.values {
		out.Peers, out.Values = append(out.Peers, p.peer), append(out.Values, p.bytes)
	}
	return out, err
}

// AppendBallot encodes what ParseBallot reads.
func AppendBallot(v Ballot) []byte {
	b := appendBallot(nil, sums{control: v.Control, busy: v.Busy, sent: v.Sent}, v.Await, len(v.Values))
	for i, p := range v.Peers {
		b = appendValues(b, peerValues{p, v.Values[i]})
	}
	return b
}

// TreeOf returns a task's place: the task above, -1 for none, and for each task right
// below that and all below it.
func TreeOf(task, tasks int) (above int, below []Range) {
	t := newTree(task, tasks)
	return t.above, t.below
}

// TreeFan is how many tasks can be right below one.
const TreeFan = treeFan

// Hello encodes a handshake; ReadHello decodes one of a job of three tasks.
func Hello(m Mesh, to, tasks int) []byte {
	var b bytes.Buffer
	if err := m.sendHello(writeOnly{Writer: &b}, to, tasks, helloAsk); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// ReadHello returns the source of a hello.
func ReadHello(b []byte) (uint32, error) {
	h, _, err := readHello(bytes.NewReader(b), 3)
	return h.source, err
}

type writeOnly struct {
	net.Conn
	io.Writer
}

func (w writeOnly) Write(b []byte) (int, error) { return w.Writer.Write(b) }

// Frame encodes any frame of job 42, epoch 7: type, lane, flags and kind; superstep,
// source, destination and count.
func Frame(what [4]uint8, numbers [4]uint32, payload []byte) []byte {
	h := header{
		typ: frameType(what[0]), lane: what[1], flags: what[2], kind: what[3], job: 42, epoch: 7,
		superstep: numbers[0], source: numbers[1], dest: numbers[2], count: numbers[3],
		length: uint32(len(payload)), sum: checksum(payload),
	}
	b := make([]byte, headerSize, headerSize+len(payload))
	h.put(b)
	return append(b, payload...)
}

// Fold hands a columns payload of peer 0 to a lane, as if it had come in a frame.
func Fold[V Number](l *Lane[V], payload []byte, count uint32, dense bool, f func(slot uint32, vs []V)) error {
	c := l.p.g.buffers.pool.get(len(payload))
	c.n, c.count, c.kind = copy(c.room(), payload), count, l.kind
	if dense {
		c.flags = flagDense
	}
	in := &inbox{from: make([]bundle, l.p.N())}
	in.add(0, c)
	return l.fold(in, f)
}

// TakeValues hands a payload of peer 0 to an area, as if it had come in a frame. They are in Next then.
func TakeValues[V Number](a *Area[V], payload []byte, count uint32, dense bool) error {
	kind, _, _ := traits[V]()
	c := a.p.g.buffers.pool.get(len(payload))
	c.n, c.count, c.kind = copy(c.room(), payload), count, kind
	if dense {
		c.flags = flagDense
	}
	in := &inbox{from: make([]bundle, a.p.N())}
	in.add(0, c)
	return a.take(in, a.p.step)
}

// Packed returns what a frame carries of a payload that is packed.
func Packed(way Compression, payload []byte) []byte {
	c, _ := (&packer{mode: way}).encode(new(pool), way, payload)
	return c.payload()
}

// Waits reports whether a writer of the port's task has not begun yet what it was told of.
func Waits(p *Port) bool {
	for _, l := range p.g.links {
		if l != nil && l.roused.Load() {
			return true
		}
	}
	return false
}

// Patient reports whether ports ask on before they sleep.
func Patient(c Config) bool {
	_, patient := c.wakers()
	return patient
}

// A Temper is that of a port.
type Temper struct{ temper }

// Patient reports whether to ask on in the wait that begins.
func (t *Temper) Patient() bool { return t.patient() }

// Learn is told whether asking has ended a wait.
func (t *Temper) Learn(ended bool) { t.learn(ended) }

// NewPlaces returns places.of.
func NewPlaces() func(list []uint32, slots uint32) (once, at []uint32) {
	var p places
	return p.of
}
