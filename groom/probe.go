package groom

import (
	"context"
	"errors"

	"scalar/bsp/wire"
	"scalar/storage"
)

// maxProbes bounds the looks at storage under way: as many may hang on a dead mount.
const maxProbes = 16

// prober looks at people's paths, which may be on a mount whose server is gone: such a
// look ends when the server comes back, whatever its context says. The link to the
// master waits for its handlers, and must not wait for that.
type prober struct {
	places chan struct{} // a value for every look under way; maxProbes
	look   func(context.Context, wire.Probe) wire.ProbeReply
}

func newProber(look func(context.Context, wire.Probe) wire.ProbeReply) *prober {
	return &prober{places: make(chan struct{}, maxProbes), look: look}
}

var errProbesHang = errors.New("looks at storage hang on this node: is a mount dead?")

// run looks in a goroutine of its own. When ctx ends that is left alone, and nothing
// waits for it, not even the end of the groom.
func (p *prober) run(ctx context.Context, q wire.Probe) (wire.ProbeReply, error) {
	select {
	case p.places <- struct{}{}:
	default:
		return wire.ProbeReply{}, errProbesHang
	}
	answer := make(chan wire.ProbeReply, 1)
	go func() {
		defer func() { <-p.places }()
		answer <- p.look(ctx, q)
	}()
	select {
	case r := <-answer:
		return r, nil
	case <-ctx.Done():
		return wire.ProbeReply{}, context.Cause(ctx)
	}
}

// probe answers what this node sees of a job's paths. A path that cannot be
// looked at counts as missing: a task here could not read it either.
func probe(ctx context.Context, p wire.Probe) wire.ProbeReply {
	var r wire.ProbeReply
	for _, url := range p.Inputs {
		fsys, name, err := storage.Resolve(url)
		if err == nil {
			_, err = fsys.Stat(ctx, name)
		}
		if err != nil {
			r.Missing = append(r.Missing, url)
		}
	}
	if p.Output != "" {
		exists, err := storage.OutputExists(ctx, p.Output)
		r.OutputExists = exists && err == nil
	}
	return r
}
