package httpd

import (
	"crypto/sha256"
	"time"

	"scalar/serving/cache"
	"scalar/serving/ui"
)

// newPage returns the page of a server.
func (s *Server) newPage() *ui.Page {
	c := ui.Config{Host: s.config.Host, Name: s.config.Name, Version: s.config.Version, Figures: s.ledger.sum}
	if s.settings.Load().keys == nil {
		c.Everyone = s.config.Namespace
		return ui.New(c)
	}
	c.User = func(token [sha256.Size]byte) (ui.User, bool) {
		k := s.settings.Load().keys[token]
		if k == nil {
			return ui.User{}, false
		}
		return ui.User{Namespace: k.Namespace, Admin: k.Admin}, true
	}
	return ui.New(c)
}

// servePage answers with the page or something of it.
func (s *Server) servePage(c *call) error {
	if err := s.page.Serve(c.ctx, &visit{s, c}); err != nil {
		return err
	}
	s.compress(c, c.ctx.Response.SwapBody(nil))
	return nil
}

// A visit is a call of the page.
type visit struct {
	s *Server
	c *call
}

// As implements ui.Visit.
func (v *visit) As(u ui.User) { v.c.namespace, v.c.admin = u.Namespace, u.Admin }

// Body implements ui.Visit.
func (v *visit) Body(limit int) ([]byte, error) {
	v.c.limit = min(v.c.limit, limit)
	if err := v.s.receive(v.c); err != nil {
		return nil, err
	}
	const copies = 3 // of a form: the page takes out its fields, and what is escaped in them
	if err := v.s.need(v.c, v.c.size()+copies*int64(len(v.c.body))); err != nil {
		return nil, err
	}
	return v.c.body, nil
}

// Predict implements ui.Visit: a question is a request in the short form, and goes its way.
func (v *visit) Predict(q ui.Question) (ui.Reply, error) {
	s, c := v.s, v.c
	c.route = route{kind: native, model: q.Model, version: q.Version, label: q.Label}
	if err := s.hold(c); err != nil {
		return ui.Reply{}, err
	}
	defer c.lease.Release()
	start := time.Now()
	if err := s.answer(c, q.Rows); err != nil {
		return ui.Reply{}, err
	}
	return ui.Reply{
		Version: c.lease.Version.Version(), Signature: c.lease.Signature(), Request: &c.req, Answer: &c.answer,
		Took: time.Since(start), Kept: c.source == cache.Hit,
	}, nil
}
