package httpd

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"scalar/serving/cache"
	"scalar/serving/limit"
	"scalar/serving/protocol"
)

// openapiYAML describes all routes.
//
//go:embed openapi.yaml
var openapiYAML []byte

// sources is how many sources of answers there are, and sourceNames what metrics call them.
const sources = 3

var sourceNames = [sources]string{cache.Computed: "computed", cache.Hit: "hit", cache.Shared: "shared"}

// An overQuota is a refusal by a quota.
type overQuota struct {
	refusal protocol.Error
	after   time.Duration // whole seconds
}

// Error returns the message.
func (o *overQuota) Error() string { return o.refusal.Message }

// Unwrap returns the protocol's error.
func (o *overQuota) Unwrap() error { return &o.refusal }

// enter lets a call in by the quota of its namespace, or returns why not. Who has no quota is nil.
func (s *Server) enter(c *call) (*limit.Tenant, error) {
	t := s.limits.Tenant(c.namespace)
	if t == nil {
		return nil, nil //nolint:nilnil // as the doc says
	}
	refusal, in := t.Enter(time.Now(), len(c.body))
	if in {
		return t, nil
	}
	s.metrics.quotas.Add(1)
	after := time.Duration(max(1, math.Ceil(refusal.After.Seconds()))) * time.Second
	message := fmt.Sprintf("the namespace %s has used up its quota of %s: come back in %v", c.namespace, refusal.Quota, after)
	return nil, &overQuota{protocol.Error{Status: http.StatusTooManyRequests, Message: message}, after}
}

// short is the longest body that is found by its bytes, and the largest answer: neither is counted.
const short = uncounted / 2

// recall answers a call by its model's cache, if it has one that knows the body as it came.
func (s *Server) recall(c *call, body []byte) bool {
	kept := c.settings.caches[c.lease.Name()]
	if c.keyed = kept != nil && len(body) <= short; !c.keyed {
		return false
	}
	header := &c.ctx.Request.Header
	c.bodied.SetBody(c.namespace, c.lease.Digest(), cache.Body{Route: byte(c.route.kind), Type: header.ContentType(), Length: header.PeekCanonical(nameLength), Text: body})
	if !kept.Recall(&c.bodied, &c.req, &c.answer) {
		return false
	}
	kept.sources[cache.Hit].Add(1)
	c.source = cache.Hit
	c.count.sources[cache.Hit].Add(1)
	return true
}

// compute has a call answered: by its model's cache, if it has one, else by the model.
func (s *Server) compute(c *call, deadline time.Time) error {
	kept := c.settings.caches[c.lease.Name()]
	if kept == nil {
		c.sendWaiting()
		return c.lease.Predict(s.base, deadline, &c.req, &c.answer)
	}
	c.key.Set(c.namespace, c.lease.Digest(), &c.req)
	if kept.Get(&c.key, &c.answer) { // Do would allocate its function
		kept.sources[cache.Hit].Add(1)
		c.source = cache.Hit
		c.count.sources[cache.Hit].Add(1)
		if c.keyed && c.lease.Signature().AnswerSize(c.req.Rows) <= short {
			kept.Remember(&c.bodied, &c.key, &c.req)
		}
		return nil
	}
	c.sendWaiting()
	source, err := kept.Do(s.base, deadline, &c.key, &c.answer, func(a *protocol.Answer) error {
		return c.lease.Predict(s.base, deadline, &c.req, a)
	})
	c.source = source
	kept.sources[source].Add(1)
	c.count.sources[source].Add(1)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &protocol.Error{Status: http.StatusGatewayTimeout, Message: "the deadline passed before the answer was there"}
	case errors.Is(err, context.Canceled):
		return &protocol.Error{Status: http.StatusServiceUnavailable, Message: "the server ends"}
	}
	return err
}

// sendWaiting sends the answers on the call's connection that wait for others.
func (c *call) sendWaiting() {
	if c.conn != nil {
		_ = c.conn.flush() // who is not there is seen when this one's answer is written
	}
}
