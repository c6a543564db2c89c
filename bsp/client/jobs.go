package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"scalar/bsp/job"
)

func jobPath(id job.ID, rest string) string {
	return "/v1/jobs/" + url.PathEscape(string(id)) + rest
}

// Submit asks for a job to be run and returns it as accepted.
func (c *Client) Submit(ctx context.Context, spec job.Spec) (job.Info, error) {
	return ask[job.Info](ctx, c, http.MethodPost, "/v1/jobs", spec)
}

// Job returns one job.
func (c *Client) Job(ctx context.Context, id job.ID) (job.Info, error) {
	return get[job.Info](ctx, c, jobPath(id, ""))
}

// Stop is StopWithin with job.DefaultStopGrace.
func (c *Client) Stop(ctx context.Context, id job.ID) error {
	return c.StopWithin(ctx, id, job.DefaultStopGrace)
}

// StopWithin asks for a job to be stopped and does not wait for it. Its tasks end at
// their next barrier; those that have not when grace has passed are killed: at once
// with 0. A job that has ended stays as it is.
func (c *Client) StopWithin(ctx context.Context, id job.ID, grace time.Duration) error {
	return c.json(ctx, http.MethodPost, jobPath(id, "/stop?grace="+grace.String()), nil, nil)
}

// Why explains why a job is where it is.
func (c *Client) Why(ctx context.Context, id job.ID) (job.Why, error) {
	return get[job.Why](ctx, c, jobPath(id, "/why"))
}

// Plan returns what the scheduler decides for a job as things stand, as the
// master's JSON.
func (c *Client) Plan(ctx context.Context, id job.ID) (json.RawMessage, error) {
	return get[json.RawMessage](ctx, c, jobPath(id, "/plan"))
}

// Result copies what the peers of a finished job without output wrote, in peer
// order, to w.
func (c *Client) Result(ctx context.Context, id job.ID, w io.Writer) error {
	resp, err := c.do(ctx, call{method: http.MethodGet, path: jobPath(id, "/result")})
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("result of %s: %w", id, err)
	}
	return nil
}
