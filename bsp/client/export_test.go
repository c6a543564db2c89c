package client

import "time"

// LossLimit sets how long c looks for a cluster that was there.
func (c *Client) LossLimit(d time.Duration) { c.lossLimit = d }
