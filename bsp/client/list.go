package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"scalar/bsp/job"
)

// JobQuery says which jobs are wanted. The zero value is for the newest of all that
// the masters have at hand.
type JobQuery struct {
	Running  bool   // only those that have not ended
	Archived bool   // those that only the archive has; not together with Running
	Before   job.ID // only those submitted before this one; empty: all
	Limit    int    // at most so many; 0: all, which takes a quarter of a second for 10,000; of archived ones 1,000
}

// JobPage is a part of a list of jobs, newest first.
type JobPage struct {
	Jobs []job.Info
	Next job.ID // ask with Before = Next for what follows; empty: nothing does
	More int    // how many follow; 0 with Next: not known
}

// JobPage lists jobs that the token may see.
func (c *Client) JobPage(ctx context.Context, q JobQuery) (JobPage, error) {
	query := url.Values{}
	if q.Running {
		query.Set("running", "true")
	}
	if q.Archived {
		query.Set("archived", "true")
	}
	if q.Before != "" {
		query.Set("before", string(q.Before))
	}
	if q.Limit > 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	var p JobPage
	resp, err := c.do(ctx, call{method: http.MethodGet, path: "/v1/jobs", query: query, out: &p.Jobs})
	if err != nil {
		return p, err
	}
	p.Next = job.ID(resp.Header.Get("X-Bsp-Next"))
	p.More, _ = strconv.Atoi(resp.Header.Get("X-Bsp-More")) // not there: 0
	return p, resp.Body.Close()                             // read only, and closed before where it was decoded
}

// Jobs lists jobs that the token may see, newest first.
func (c *Client) Jobs(ctx context.Context, q JobQuery) ([]job.Info, error) {
	p, err := c.JobPage(ctx, q)
	return p.Jobs, err
}
