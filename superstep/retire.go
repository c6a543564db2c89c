package superstep

// Retire says that the peer's program is over while the peer goes on to take part
// in barriers, so that checkpoints can have its part. What it sent in this superstep
// is dropped, and so is what others send to it; its boxes and lanes must not be used
// any more. In collectives it gives nil to everybody, as after Leave, which must
// follow in the end.
func (p *Port) Retire() {
	if p.left.Load() || p.g.err() != nil {
		return
	}
	for _, l := range p.lanes {
		l.drop()
	}
	p.lanes = nil
	p.quiet.Store(true)
	for _, l := range p.g.links {
		if l != nil {
			l.send(outFrame{h: header{typ: frameLeave, flags: flagNil, superstep: uint32(p.step), source: uint32(p.index)}}, true)
		}
	}
	p.g.leaveRounds(p.index)
}

// Sent returns how many messages this peer has sent, before combining, and their
// encoded bytes, after combining; counted as Group.Stats counts them. For the port's
// goroutine.
func (p *Port) Sent() (messages, bytes int64) { return p.messages, p.bytes }

// countSent adds what one lane has sent in a superstep.
func (p *Port) countSent(messages, bytes int64) {
	p.messages += messages
	p.bytes += bytes
	p.g.messages.Add(messages)
	p.g.messageBytes.Add(bytes)
}
