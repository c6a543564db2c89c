package httpd

import (
	"net/http"
	"strconv"

	"scalar/serving/protocol"
)

// about answers what is about the server.
func (s *Server) about(c *call) error {
	ctx := c.ctx
	switch c.route.kind {
	case serverMetadata:
		s.json(c, map[string]any{
			"name": s.config.Name, "version": s.config.Version,
			"extensions": []string{"binary_tensor_data", "classification", "model_repository", "model_repository(unload_dependents)"},
		})
	case serverLive:
		ctx.Response.SetBodyString(`{"live":true}`)
	case serverReady:
		if !s.Ready() {
			ctx.SetStatusCode(http.StatusServiceUnavailable)
		}
		ctx.Response.SetBodyString(`{"ready":` + strconv.FormatBool(s.Ready()) + `}`)
	default:
		return s.manage(c)
	}
	return nil
}

// Ready reports whether all models are loaded and warm.
func (s *Server) Ready() bool { return s.config.Loaded() && s.config.Host.Ready() }

// describe answers what is about a version of a model.
func (s *Server) describe(c *call) error {
	if err := s.acquire(c); err != nil {
		return err
	}
	defer c.lease.Release()
	resp := &c.ctx.Response
	switch c.route.kind {
	case modelReady:
		resp.SetBodyString(`{"name":"` + c.lease.Name() + `","ready":true}`)
	case tfMetadata:
		resp.SwapBody(protocol.AppendTFMetadata(resp.SwapBody(nil)[:0], c.lease.Signature()))
	default:
		resp.SwapBody(protocol.AppendMetadata(resp.SwapBody(nil)[:0], c.lease.Signature(), s.config.Host.Versions(c.lease.Name())))
	}
	return nil
}
