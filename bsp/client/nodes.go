package client

import (
	"context"
	"net/http"
	"net/url"

	"scalar/bsp/job"
)

// Status is what a master says of the cluster.
type Status struct {
	Cluster string `json:"cluster"`          // name
	UUID    string `json:"uuid,omitempty"`   //
	Master  string `json:"master,omitempty"` // that answered
	Leader  string `json:"leader"`           // name of the leader, empty: none
	Term    uint64 `json:"term"`             // of Raft, as that master knows it
	Version string `json:"version,omitempty"`
}

// Status asks any master how the cluster stands.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return get[Status](ctx, c, "/v1/status")
}

// Nodes lists masters and grooms.
func (c *Client) Nodes(ctx context.Context) ([]job.Node, error) {
	return get[[]job.Node](ctx, c, "/v1/nodes")
}

// Drain lets a groom take no further task (on) or take tasks again (not on).
func (c *Client) Drain(ctx context.Context, node string, on bool) error {
	verb := "/drain"
	if !on {
		verb = "/undrain"
	}
	return c.json(ctx, http.MethodPost, "/v1/nodes/"+url.PathEscape(node)+verb, nil, nil)
}

// NewToken says which token to create.
type NewToken struct {
	Name      string   `json:"name"`
	Role      job.Role `json:"role"`
	Namespace string   `json:"namespace"`
}

// Tokens lists the tokens without their secrets.
func (c *Client) Tokens(ctx context.Context) ([]job.Token, error) {
	return get[[]job.Token](ctx, c, "/v1/tokens")
}

// CreateToken makes a token; its Secret is told this once.
func (c *Client) CreateToken(ctx context.Context, t NewToken) (job.Token, error) {
	return ask[job.Token](ctx, c, http.MethodPost, "/v1/tokens", t)
}

// RevokeToken ends a token.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	return c.json(ctx, http.MethodDelete, "/v1/tokens/"+url.PathEscape(id), nil, nil)
}
