package limit

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"

	"golang.org/x/sync/errgroup"
)

// AllToAll passes rounds barriers: one byte to every other task, one from each.
// conns is nil at the own index.
func AllToAll(conns []net.Conn, rounds int) error {
	for range rounds {
		for _, c := range conns {
			if err := say(c); err != nil {
				return err
			}
		}
		for _, c := range conns {
			if err := hear(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// Star passes rounds barriers: all tell task 0, task 0 tells all.
func Star(conns []net.Conn, task, rounds int) error {
	first, second := say, hear
	if task == 0 {
		first, second = hear, say
	} else {
		conns = conns[:1]
	}
	for range rounds {
		for _, c := range conns {
			if err := first(c); err != nil {
				return err
			}
		}
		for _, c := range conns {
			if err := second(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func say(c net.Conn) error {
	if c == nil {
		return nil
	}
	_, err := c.Write([]byte{1})
	return err
}

func hear(c net.Conn) error {
	if c == nil {
		return nil
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	return err
}

// streamBytes is one write of Stream.
const streamBytes = 256 << 10

// Stream sends size bytes, a multiple of 256 KiB, and receives as many at the same
// time.
func Stream(conn net.Conn, size int) error {
	var both errgroup.Group
	both.Go(func() error {
		buf := make([]byte, streamBytes)
		for range size / streamBytes {
			if _, err := conn.Write(buf); err != nil {
				return err
			}
		}
		return nil
	})
	buf := make([]byte, streamBytes)
	for range size / streamBytes {
		if _, err := io.ReadFull(conn, buf); err != nil {
			return err
		}
	}
	return both.Wait()
}

// Sizes of Columns.
const (
	Slots        = 1 << 20 // of the accumulator; a power of two
	frameEntries = 1 << 16
)

// Slot spreads message i over the slots: a permutation of each run of Slots.
func Slot(i int) uint32 { return uint32(i) * 2654435761 % Slots }

// Columns sends count messages {slot, 1}, a multiple of 64 Ki, as frames of a u32
// and a float64 column, 12 bytes a message, and adds up as many that come.
func Columns(conn net.Conn, count int) error {
	var both errgroup.Group
	both.Go(func() error { return sendColumns(conn, count) })
	ids, values := make([]byte, 4*frameEntries), make([]byte, 8*frameEntries)
	acc := make([]float64, Slots)
	for range count / frameEntries {
		if _, err := io.ReadFull(conn, ids); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, values); err != nil {
			return err
		}
		for i := range frameEntries {
			acc[binary.LittleEndian.Uint32(ids[4*i:])%Slots] += math.Float64frombits(binary.LittleEndian.Uint64(values[8*i:]))
		}
	}
	if err := both.Wait(); err != nil {
		return err
	}
	sum := 0.0
	for _, v := range acc {
		sum += v
	}
	if sum != float64(count) {
		return fmt.Errorf("the columns add up to %v of %d", sum, count)
	}
	return nil
}

func sendColumns(conn net.Conn, count int) error {
	ids, values := make([]byte, 4*frameEntries), make([]byte, 8*frameEntries)
	one := math.Float64bits(1)
	for base := 0; base < count; base += frameEntries {
		for i := range frameEntries {
			binary.LittleEndian.PutUint32(ids[4*i:], Slot(base+i))
			binary.LittleEndian.PutUint64(values[8*i:], one)
		}
		frame := net.Buffers{ids, values}
		if _, err := frame.WriteTo(conn); err != nil {
			return err
		}
	}
	return nil
}
