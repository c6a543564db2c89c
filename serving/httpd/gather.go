package httpd

// A part is memory for some of a body whose client is slow: others may take it afterwards, and one that is grown copies what
// it has and leaves as much behind.
type part [firstRead]byte

// A gathering puts a body together as it comes. What does not fit into the memory that an earlier request left to its call is in parts,
// up to what is not counted; a body that is longer has memory that doubles.
type gathering struct {
	s      *Server
	c      *call
	length int // of the body, −1: it is not known
	n      int // bytes that have come
	parts  []*part
	parted int // bytes in parts
}

// room returns memory for what comes next. An error has status 503 or 413.
func (g *gathering) room() ([]byte, error) {
	c := g.c
	if g.n == 0 && g.length > cap(c.buffer) {
		g.s.borrow(c, g.length)
	}
	if len(g.parts) == 0 && len(c.buffer) < cap(c.buffer) {
		return c.buffer[len(c.buffer):cap(c.buffer)], nil
	}
	if g.parted == len(g.parts)*firstRead {
		if g.n+firstRead > uncounted {
			err := g.join(grow(g.n, g.length, c.limit))
			return c.buffer[len(c.buffer):cap(c.buffer)], err
		}
		if err := g.s.need(c, c.size()+int64(g.parted+firstRead)); err != nil {
			return nil, err
		}
		p, _ := g.s.parts.Get().(*part) // there is no other type in it
		g.parts = append(g.parts, p)
	}
	return g.parts[len(g.parts)-1][g.parted%firstRead:], nil
}

// took counts n bytes that are there now.
func (g *gathering) took(n int) {
	g.n += n
	if len(g.parts) == 0 {
		g.c.buffer = g.c.buffer[:len(g.c.buffer)+n]
		return
	}
	g.parted += n
}

// join puts all that has come into the memory of the call, with room for more. An error has status 503 or 413.
func (g *gathering) join(more int) error {
	c := g.c
	if g.n+more > cap(c.buffer) {
		if err := g.s.need(c, c.size()+int64(g.n+more+g.parted)); err != nil {
			return err
		}
		had := c.buffer
		if !g.s.borrow(c, g.n+more) {
			c.buffer = make([]byte, 0, g.n+more)
			if g.n+more <= uncounted {
				c.lent = &lent{}
			}
		}
		c.buffer = append(c.buffer, had...)
	}
	for _, p := range g.parts {
		c.buffer = append(c.buffer, p[:min(firstRead, g.n-len(c.buffer))]...)
	}
	g.end()
	return nil
}

// A lent is memory for a body that was put together from parts: the next takes it, so that many slow clients have one in turn.
type lent struct{ body []byte }

// borrow gives a call memory for a body of n bytes, if there is some.
func (s *Server) borrow(c *call, n int) bool {
	if n > uncounted || c.lent != nil {
		return false
	}
	l, _ := s.lent.Get().(*lent) // there is no other type in it
	switch {
	case l == nil:
		return false
	case cap(l.body) < n:
		s.lent.Put(l)
		return false
	}
	c.buffer, c.lent = l.body[:0], l
	return true
}

// giveBack gives back what a call has borrowed.
func (s *Server) giveBack(c *call) {
	if c.lent != nil {
		if cap(c.buffer) <= uncounted {
			c.lent.body = c.buffer
			s.lent.Put(c.lent)
		}
		c.buffer, c.lent = nil, nil
	}
}

// end gives the parts back.
func (g *gathering) end() {
	for _, p := range g.parts {
		g.s.parts.Put(p)
	}
	g.parts, g.parted = nil, 0
}

// grow returns by how much a buffer grows that has n bytes of a body of a length, −1 if that is not known: it doubles,
// but not beyond the body.
func grow(n, length, limit int) int {
	most := limit + 1 - n
	if length >= 0 {
		most = length - n
	}
	return max(1, min(max(n, firstRead), most))
}
