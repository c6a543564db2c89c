package master

import (
	"context"
	_ "embed"
	"net/http"

	"scalar/bsp/job"
)

//go:embed openapi.yaml
var openAPI []byte

// newRoutes lists every operation. A test compares it with openapi.yaml.
func (a *api) newRoutes() []route {
	const get, post, put = http.MethodGet, http.MethodPost, http.MethodPut
	return []route{
		{method: post, path: "/v1/jobs", role: job.Submitter, write: "submit job", serve: a.submit},
		{method: get, path: "/v1/jobs", role: job.Viewer, serve: a.jobs},
		{method: get, path: "/v1/jobs/{id}", role: job.Viewer, serve: a.inspect},
		{method: get, path: "/v1/jobs/{id}/watch", role: job.Viewer, serve: a.watch},
		{method: post, path: "/v1/jobs/{id}/stop", role: job.Submitter, write: "stop job", serve: a.stop},
		{method: get, path: "/v1/jobs/{id}/why", role: job.Viewer, serve: a.why},
		{method: get, path: "/v1/jobs/{id}/plan", role: job.Viewer, serve: a.plan},
		{method: get, path: "/v1/jobs/{id}/logs", role: job.Viewer, serve: a.logs},
		{method: get, path: "/v1/jobs/{id}/trace", role: job.Viewer, serve: a.trace},
		{method: get, path: "/v1/jobs/{id}/result", role: job.Viewer, serve: a.result},
		{method: get, path: "/v1/nodes", role: job.Viewer, serve: a.nodes},
		{method: post, path: "/v1/nodes/{id}/drain", role: job.Operator, write: "drain node", serve: a.drain},
		{method: post, path: "/v1/nodes/{id}/undrain", role: job.Operator, write: "undrain node", serve: a.undrain},
		{method: put, path: "/v1/blobs/{kind}/{digest}", role: job.Submitter, write: "upload blob", blob: true, serve: a.putBlob},
		{method: http.MethodHead, path: "/v1/blobs/{kind}/{digest}", role: job.Submitter, serve: a.hasBlob},
		{method: get, path: "/v1/tokens", role: job.Admin, serve: a.tokens},
		{method: post, path: "/v1/tokens", role: job.Admin, write: "create token", serve: a.createToken},
		{method: http.MethodDelete, path: "/v1/tokens/{id}", role: job.Admin, write: "revoke token", serve: a.revokeToken},
		{method: get, path: "/v1/snapshot", role: job.Admin, serve: a.saveSnapshot},
		{method: put, path: "/v1/snapshot", role: job.Admin, write: "restore snapshot", blob: true, serve: a.restoreSnapshot},
		{method: http.MethodDelete, path: "/v1/masters/{id}", role: job.Admin, write: "remove master", serve: a.removeMaster},
		{method: get, path: "/v1/status", role: job.Viewer, local: true, serve: a.status},
		{method: get, path: "/metrics", role: job.Viewer, local: true, serve: a.serveMetrics},
		{method: get, path: "/v1/openapi.yaml", local: true, serve: a.describe},
	}
}

// describe sends the description of the API.
func (a *api) describe(_ context.Context, c *call) (reply, error) {
	c.w.Header().Set("Content-Type", "application/yaml")
	if err := c.w.piece(openAPI); err != nil {
		a.log.Debug("answer", "error", err)
	}
	return reply{}, nil
}

func (a *api) serveMetrics(_ context.Context, c *call) (reply, error) {
	a.metrics.handler.ServeHTTP(c.w, c.r)
	return reply{}, nil
}
