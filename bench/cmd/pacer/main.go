// Command pacer is a job whose supersteps take a given time and cost no processor
// time, so that what disturbs them is somebody else:
//
//	bsp job submit pacer -- -every 5ms [-trace FILE]
//
// Peer 0 appends the time of each superstep's end to FILE, in nanoseconds since
// 1970, 8 bytes, little endian. It runs until it is stopped.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"os"
	"time"

	"scalar/bsp"
	"scalar/bsp/job"
)

func pace(ctx context.Context, p *bsp.Peer[int64]) (err error) {
	flags := flag.NewFlagSet("pacer", flag.ContinueOnError)
	every := flags.Duration("every", 5*time.Millisecond, "that a peer computes in a superstep")
	trace := flags.String("trace", "", "file for peer 0's supersteps")
	if err := flags.Parse(p.Args()); err != nil {
		return p.Fail(job.FaultInput, "%v", err)
	}
	var state struct{ Sum int64 }
	if _, err := p.State(&state); err != nil {
		return err
	}
	var out *os.File
	if *trace != "" && p.Index() == 0 {
		if out, err = os.OpenFile(*trace, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, out.Close()) }()
	}
	timer := time.NewTicker(*every)
	defer timer.Stop()
	for {
		for m := range p.Messages() {
			state.Sum += m
		}
		timer.Reset(*every)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		p.Send((p.Index()+1)%p.N(), 1)
		if err := p.Sync(ctx); err != nil {
			return err
		}
		if out == nil {
			continue
		}
		if _, err := out.Write(binary.LittleEndian.AppendUint64(nil, uint64(time.Now().UnixNano()))); err != nil {
			return err
		}
	}
}

func main() { bsp.Main(pace) }
