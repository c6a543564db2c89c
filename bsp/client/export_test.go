package client

import (
	"net/http"
	"time"
)

// LossLimit sets how long c looks for a cluster that was there.
func (c *Client) LossLimit(d time.Duration) { c.lossLimit = d }

// Through has c's requests answered by rt.
func (c *Client) Through(rt http.RoundTripper) { c.http = &http.Client{Transport: rt} }
