//go:build e2e

package e2e_test

import (
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// weather is what a wire does to frames.
type weather struct {
	least, most time.Duration // delay of a frame; none overtakes another one from the same daemon
	drop        float64       // of all frames
	stall       float64       // of frames: all behind it wait too, for stallTime
	reset       float64       // of TCP segments: becomes one that resets the connection
}

// stallTime is how long a stall lasts.
const stallTime = time.Second

// wire carries all frames between the daemons, and those of the commands, in this
// process instead of the kernel's bridge: so the weather is that of real packets,
// of all protocols, and the kernel's TCP answers it.
type wire struct {
	ports   []*os.File
	weather atomic.Pointer[weather]
	mu      sync.Mutex // guards homes and rng
	homes   map[[6]byte]*os.File
	rng     *rand.Rand
	running sync.WaitGroup

	passed, dropped, stalled, resets atomic.Int64
}

// vnetHeader is the size of struct virtio_net_hdr before each frame: its offloads,
// passed on as they are.
const vnetHeader = 10

// throughUs takes all daemons off the bridge and carries their frames from now on,
// without a weather first, until the test ends.
func (n *network) throughUs(t *testing.T, seed uint64) *wire {
	t.Helper()
	w := &wire{homes: map[[6]byte]*os.File{}, rng: rand.New(rand.NewPCG(seed, 2))}
	w.weather.Store(&weather{})
	n.ip(t, hub, "link", "add", "us", "type", "veth", "peer", "name", "us-hub")
	n.ip(t, hub, "link", "set", "us-hub", "master", hub, "up")
	n.ip(t, hub, "link", "set", "us", "up")
	names := append(slices.Collect(maps.Keys(n.hosts)), "us")
	w.open(t, "/run/netns/"+n.prefix+hub, names)
	t.Cleanup(func() {
		for _, p := range w.ports {
			_ = p.Close()
		}
		w.running.Wait()
	})
	for name := range n.hosts {
		n.isolate(t, name)
	}
	for _, p := range w.ports {
		line := make(chan flight, 4096) // what more is lost, as on a wire
		w.running.Go(func() { w.read(p, line) })
		w.running.Go(func() { w.write(p, line) })
	}
	return w
}

// counts returns how many frames have passed, were lost, were stalled and became resets.
func (w *wire) counts() [4]int64 {
	return [4]int64{w.passed.Load(), w.dropped.Load(), w.stalled.Load(), w.resets.Load()}
}

// open opens a packet socket on links of a namespace.
func (w *wire) open(t *testing.T, namespace string, links []string) {
	t.Helper()
	var err error
	var there sync.WaitGroup
	there.Go(func() {
		runtime.LockOSThread() // and never unlocked: the thread is in the other namespace, and ends here
		var ns *os.File
		if ns, err = os.Open(namespace); err != nil {
			return
		}
		defer ns.Close()
		if err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return
		}
		for _, name := range links {
			var p *os.File
			if p, err = openPort(name); err != nil {
				return
			}
			w.ports = append(w.ports, p)
		}
	})
	there.Wait()
	if err != nil {
		t.Skipf("no packet sockets here: %v", err)
	}
}

func openPort(name string) (*os.File, error) {
	link, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	const all = unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8 // big endian
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	p := os.NewFile(uintptr(fd), name)
	for _, o := range []int{unix.PACKET_IGNORE_OUTGOING, unix.PACKET_VNET_HDR} {
		if err = unix.SetsockoptInt(fd, unix.SOL_PACKET, o, 1); err != nil {
			return nil, err
		}
	}
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20); err != nil {
		return nil, err
	}
	return p, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: link.Index})
}

// flight is a frame on its way.
type flight struct {
	due   time.Time
	frame []byte // with its vnet header
}

// read takes the frames of one port and decides what becomes of each.
func (w *wire) read(p *os.File, line chan<- flight) {
	defer close(line)
	buf := make([]byte, vnetHeader+(64<<10)+64)
	var last time.Time
	for {
		n, err := p.Read(buf)
		if err != nil {
			return // closed
		}
		if n < vnetHeader+14 {
			continue
		}
		frame := append([]byte(nil), buf[:n]...)
		w.mu.Lock()
		w.homes[[6]byte(frame[vnetHeader+6:])] = p
		lot := [3]float64{w.rng.Float64(), w.rng.Float64(), w.rng.Float64()}
		w.mu.Unlock()
		now := w.weather.Load()
		due := time.Now().Add(now.least + time.Duration(lot[1]*float64(now.most-now.least)))
		switch {
		case lot[0] < now.drop:
			w.dropped.Add(1)
			continue
		case lot[0] < now.drop+now.stall:
			w.stalled.Add(1)
			due = due.Add(stallTime)
		case lot[2] < now.reset && resets(frame):
			w.resets.Add(1)
			frame = frame[:vnetHeader+14+40]
		}
		if due.Before(last) {
			due = last
		}
		last = due
		select {
		case line <- flight{due, frame}:
			w.passed.Add(1)
		default:
			w.dropped.Add(1)
		}
	}
}

// write sends frames on when they are due: to the port where the receiver was seen,
// else to all others.
func (w *wire) write(from *os.File, line <-chan flight) {
	for f := range line {
		time.Sleep(time.Until(f.due))
		to := [6]byte(f.frame[vnetHeader:])
		w.mu.Lock()
		home := w.homes[to]
		w.mu.Unlock()
		for _, p := range w.ports {
			if p == home || home == nil && p != from {
				_, _ = p.Write(f.frame) // a link that is down loses it
			}
		}
	}
}

// resets turns a TCP segment over IPv4 into one with the same number that resets the
// connection, 40 bytes long with both headers. It reports whether it was one.
func resets(frame []byte) bool {
	ip := frame[vnetHeader+14:]
	const tcp, reset, ack = 6, 4, 16
	if binary.BigEndian.Uint16(frame[vnetHeader+12:]) != unix.ETH_P_IP || len(ip) < 40 || ip[0] != 0x45 || ip[9] != tcp || ip[33]&ack == 0 {
		return false
	}
	clear(frame[:vnetHeader])
	binary.BigEndian.PutUint16(ip[2:], 40)
	binary.BigEndian.PutUint16(ip[10:], 0)
	binary.BigEndian.PutUint16(ip[10:], checksum(0, ip[:20]))
	seg := ip[20:40]
	seg[12], seg[13] = 5<<4, reset|ack
	binary.BigEndian.PutUint16(seg[16:], 0)
	pseudo := uint32(tcp + 20)
	for i := 12; i < 20; i += 2 {
		pseudo += uint32(binary.BigEndian.Uint16(ip[i:]))
	}
	binary.BigEndian.PutUint16(seg[16:], checksum(pseudo, seg))
	return true
}

// checksum is the internet checksum (RFC 1071) of bytes, an even number of them.
func checksum(sum uint32, b []byte) uint16 {
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
