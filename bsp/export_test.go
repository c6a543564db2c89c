package bsp

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"net"
	"slices"
	"strings"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/storage"
)

// What the checkpoint tests need of the format.
type Checkpoint = checkpoint

// GoldenCheckpoint has something in every field.
func GoldenCheckpoint() *Checkpoint {
	return &checkpoint{
		job: jobHash("golden-1"), peer: 1, peers: 3, superstep: 42, ended: 7, halted: true, hasState: true, hasInput: true, opened: true, hasOutput: true,
		state: []byte("the state"), inbox: io.NewSectionReader(strings.NewReader("the inbox"), 0, 9),
		input:    inputID{6789, 0x0a0b0c0d0e0f0102, 0x1a1b1c1d1e1f1112, 0x2a2b2c2d2e2f2122},
		position: inputPosition{storage.Position{File: 2, Offset: 1234}, 5},
		output:   wire.Part{Peer: 1, Path: "file:///out.tmp-golden-1-1/part-00001", Size: 99, CRC: 0x01020304},
		counters: map[string]int64{"messages": 12, "own": -3},
		values:   [][]byte{nil, []byte("v1"), nil},
	}
}

// Encode returns k as a file.
func (k *checkpoint) Encode() []byte {
	b := k.begin(nil)
	inbox := []byte{}
	if k.inbox != nil {
		inbox, _ = io.ReadAll(io.NewSectionReader(k.inbox, 0, k.inbox.Size())) // memory
	}
	for _, s := range [][]byte{k.state, inbox} {
		b, _ = section(b, func(dst []byte) ([]byte, error) { return append(dst, s...), nil })
	}
	return k.finish(b, 0)
}

// Seal appends the checksum that a file of b needs.
func Seal(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(slices.Clip(b), crc32.Checksum(b, castagnoli))
}

// DecodeCheckpoint decodes a file.
func DecodeCheckpoint(b []byte) (*Checkpoint, error) {
	return decodeCheckpoint(bytes.NewReader(b), int64(len(b)))
}

// AppendValue formats a value as Peer.Write does.
var AppendValue = appendValue

// Superstep is what a recorder takes of one: compute, exchange, wait, messages, active,
// longest and end.
type Superstep [7]int64

// Recorded gives a recorder supersteps and returns its stretches and their width.
func Recorded(limit int, steps []Superstep) (list []Superstep, width int) {
	r := &recorder{limit: limit, width: 1}
	for _, s := range steps {
		r.add(stretch{s[0], s[1], s[2], s[3], s[4], s[5], s[6]})
	}
	for _, s := range r.list {
		list = append(list, Superstep{s.compute, s.exchange, s.wait, s.messages, s.active, s.longest, s.end})
	}
	return list, r.width
}

// RecorderLimit is how many stretches each of so many peers in a task records.
func RecorderLimit(peers int) int { return newRecorder(peers).limit }

// LocalMain is Main without the exit.
var LocalMain = localMain

// Mesh is a task's way to the others.
type Mesh = *taskMesh

// NewMesh listens as a task process does.
func NewMesh(ctx context.Context, start *wire.TaskStart) (Mesh, error) {
	return (&member{}).mesh(ctx, start)
}

// DialTo tells the mesh where the others are.
func (m *taskMesh) DialTo(addrs []string) { m.dialTo(addrs) }

// ReadBlock checks a block of PartitionInput; AppendRecord makes one.
var (
	ReadBlock    = readBlock
	AppendRecord = appendRecord
)

// Say has a task send a message to its groom, and returns what it could not.
func Say(conn net.Conn, m wire.FromTask) *job.Failure {
	return (&member{conn: conn, cancel: func(error) {}}).say(m)
}

// Plotted gives a curve with room for limit points values, at supersteps that do not go
// back, and returns it.
func Plotted(limit int, supersteps []int, ys []float64) job.Curve {
	c := &curve{limit: limit, width: 1}
	for i, s := range supersteps {
		c.add(s, ys[i])
	}
	return c.told("y")
}

// CoresOf is what a task's place says of n cores.
func CoresOf(before, own, here, n int) (lo, hi int) { return place{before, own, here}.cores(n) }

// ProcsOf is how many goroutines a task of own peers of here runs on so many cores.
func ProcsOf(own, here, cores, all int, quota bool) int {
	return place{0, own, here}.procs(cores, all, quota)
}
