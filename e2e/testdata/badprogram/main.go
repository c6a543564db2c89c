// Command badprogram does to a cluster what programs must not be able to do. Its
// first argument says what.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"scalar/bsp"
)

func misbehave(ctx context.Context, p *bsp.Peer[int64]) error {
	switch what := p.Args()[0]; what {
	case "panic":
		var nothing []int
		nothing[p.N()] = 1
	case "nothing": // for once
	case "exit":
		if p.Index() == 0 {
			os.Exit(3)
		}
	case "error":
		if p.Index() == 0 {
			return errors.New("this program never works\nand says so on two lines")
		}
	case "background": // not in a goroutine of ours
		go func() { panic("in the background") }()
		<-make(chan int)
	case "nonsense": // on the socket to the groom
		return babble()
	case "asleep": // cannot even be told to end
		return syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case "send":
		for i := 0; ; i++ {
			p.Send(i%p.N(), 1)
		}
	case "hang": // and has something to leave behind
		p.Write("half", "a result")
		<-make(chan int)
	case "spin":
		if p.Index() == 0 {
			for i := 0; ; i++ {
				p.Clear()
			}
		}
	case "flood":
		return flood(p.Args()[1])
	case "allocate":
		allocate()
	case "fork":
		return fork()
	case "cling": // to life, with all it has
		if err := fork(); err != nil {
			return err
		}
		<-make(chan int)
	default:
		return fmt.Errorf("what is %q?", what)
	}
	return p.Sync(ctx)
}

// flood prints so many bytes.
func flood(size string) error {
	left, err := strconv.Atoi(size)
	block := bytes.Repeat([]byte("a line of a log of no use to anybody, 64 bytes of it with its end\n"), 1<<12)
	for err == nil && left > 0 {
		var n int
		n, err = os.Stdout.Write(block[:min(len(block), left)])
		left -= n
	}
	fmt.Println("\nthe end")
	return err
}

// allocate takes memory without end and uses it.
func allocate() {
	var all [][]byte
	for {
		b := make([]byte, 16<<20)
		for i := 0; i < len(b); i += 512 {
			b[i] = 1
		}
		all = append(all, b)
		time.Sleep(time.Millisecond)
	}
}

// babble writes what is no message into every socket.
func babble() error {
	for fd := 3; fd < 100; fd++ {
		if _, err := syscall.Getsockname(fd); err == nil {
			_, _ = syscall.Write(fd, bytes.Repeat([]byte{0xff}, 100))
		}
	}
	<-make(chan int)
	return nil
}

// fork starts a process that leaves the session, and one that leaves the
// environment too; nobody waits for them.
func fork() error {
	for _, env := range [][]string{nil, {"PATH=" + os.Getenv("PATH")}} {
		cmd := exec.Command("sleep", "3600")
		cmd.Env = env
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Start(); err != nil {
			return err
		}
		fmt.Println("child", cmd.Process.Pid)
	}
	return nil
}

func main() { bsp.Main(misbehave, bsp.SpillLimit(64<<20)) }
