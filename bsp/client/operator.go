package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"
)

// SaveSnapshot copies the masters' state to w.
func (c *Client) SaveSnapshot(ctx context.Context, w io.Writer) error {
	resp, err := c.do(ctx, call{method: http.MethodGet, path: "/v1/snapshot"})
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("save snapshot: %w", err)
	}
	return nil
}

// Restored is what a cluster says of a snapshot that it has taken over.
type Restored struct {
	Saved time.Time `json:"saved"` // when it was made
	Jobs  int       `json:"jobs"`  // that it has
}

// RestoreSnapshot makes the snapshot in the file at path the masters' state.
func (c *Client) RestoreSnapshot(ctx context.Context, path string) (Restored, error) {
	var r Restored
	info, err := os.Stat(path)
	if err != nil {
		return r, err
	}
	resp, err := c.do(ctx, call{
		method: http.MethodPut, path: "/v1/snapshot", kind: "application/octet-stream",
		body: func() (io.Reader, int64, error) {
			f, err := os.Open(path)
			return f, info.Size(), err // net/http closes it
		},
	})
	if err != nil {
		return r, err
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	return r, json.NewDecoder(io.LimitReader(resp.Body, maxJSON)).Decode(&r)
}

// RemoveMaster takes a dead master out of the configuration.
func (c *Client) RemoveMaster(ctx context.Context, id string) error {
	return c.json(ctx, http.MethodDelete, "/v1/masters/"+url.PathEscape(id), nil, nil)
}
