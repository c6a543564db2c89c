package superstep

import "context"

// drainBytes is what may be left to write when peers go on: a socket takes so much at once.
const drainBytes = 64 << 10

// drain returns when the writers have begun to write what they were told of, and have written it
// but for a little. A barrier or a collective can be over while what the own peers sent still
// waits: they would compute then, on a task's only core perhaps, while other tasks wait for
// frames that nobody writes. Measured with 2 tasks of one core each, the supersteps of PageRank
// at scale 20 took 1.8 times as long without it; where only a mark waited, which is a few bytes,
// a step of 3 ms of training took 8.
func (g *Group) drain(ctx context.Context, p *Port) error {
	if g.drained() {
		return nil
	}
	g.draining.Add(1)
	defer g.draining.Add(-1)
	return p.wait(ctx, g.drained)
}

func (g *Group) drained() bool {
	for _, l := range g.links {
		if l != nil && (l.roused.Load() || l.unsent.Load() > drainBytes) {
			return false
		}
	}
	return true
}

// wrote counts bytes of a link out and rouses the ports that wait for it.
func (g *Group) wrote(l *link, bytes int) {
	if l.unsent.Add(int64(-bytes)) > drainBytes || g.draining.Load() == 0 {
		return
	}
	for _, p := range g.ports {
		p.rouse()
	}
}
