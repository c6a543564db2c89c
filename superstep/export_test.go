package superstep

import (
	"bytes"
	"errors"
	"io"
	"net"
)

// MaxFrame is the most bytes of one frame.
const MaxFrame = headerSize + maxPayload

// ReadFrames lets a reader of task 0 of three, with peers {0,1}, {2,3} and {4}, take
// what task 1 sends, until an error.
func ReadFrames(b []byte) error {
	none, other := net.Pipe()
	defer none.Close()
	defer other.Close()
	g, err := NewGroup(Config{Job: 42, Epoch: 7, Ranges: []Range{{0, 2}, {2, 4}, {4, 5}}, Conns: []net.Conn{nil, none, none}})
	if err != nil {
		return err
	}
	l := g.links[1]
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

// ParseMark decodes a mark of two sources and checks it against the counts.
func ParseMark(b []byte, arrived []uint64) (Control, bool, uint64, [][]byte, error) {
	m, err := parseMark(b, make([][]byte, 2), arrived)
	return m.control, m.busy, m.sent, m.values, err
}

// AppendMark encodes what ParseMark reads.
func AppendMark(control Control, busy bool, sent uint64, values [][]byte, counts []uint64) []byte {
	m := mark{control: control, busy: busy, sent: sent, values: values}
	return appendCounts(m.append(nil), counts)
}

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

// Packed returns what a frame carries of a payload that is packed.
func Packed(way Compression, payload []byte) []byte {
	c, _ := (&packer{mode: way}).encode(new(pool), way, payload)
	return c.payload()
}
