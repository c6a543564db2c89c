package httpd

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"scalar/serving/host"
	"scalar/serving/protocol"

	"github.com/valyala/fasthttp"
)

// manage answers what is about all models, and what changes them.
func (s *Server) manage(c *call) error {
	switch c.route.kind {
	case repositoryIndex:
		return s.index(c)
	case repositoryLoad, repositoryUnload:
		return s.change(c)
	case tfStatus:
		return s.status(c)
	case repositoryRouting:
		return s.routing(c)
	default:
		if !c.admin { // they tell of all namespaces
			return &protocol.Error{Status: http.StatusForbidden, Message: "this token may not read metrics: its key is not an admin's"}
		}
		return s.metrics.write(c.ctx)
	}
}

// json answers with a value.
func (s *Server) json(c *call, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // all that is written here can be
	}
	s.compress(c, append(c.ctx.Response.SwapBody(nil)[:0], text...))
}

// An indexed is a version in the repository's index.
type indexed struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	State   string `json:"state"`
	Reason  string `json:"reason"`
}

// index answers which models there are.
func (s *Server) index(c *call) error {
	body, err := s.readShort(c)
	if err != nil {
		return err
	}
	var asked struct {
		Ready bool `json:"ready"`
	}
	if err := document(body, &asked, false); err != nil {
		return err
	}
	all := []indexed{}
	for _, m := range s.config.Host.Models(c.namespace) {
		for _, v := range m.Versions {
			if v.State == host.Ready || !asked.Ready {
				all = append(all, indexed{m.Name, v.Version, string(v.State), reason(c, v)})
			}
		}
	}
	s.json(c, all)
	return nil
}

// change loads or unloads a model, of any namespace.
func (s *Server) change(c *call) error {
	if !c.admin {
		return &protocol.Error{Status: http.StatusForbidden, Message: "this token may not load or unload models: its key is not an admin's"}
	}
	body, err := s.readShort(c)
	if err != nil {
		return err
	}
	var asked struct {
		Parameters map[string]json.RawMessage `json:"parameters"`
	}
	if err := document(body, &asked, false); err != nil {
		return err
	}
	for name := range asked.Parameters {
		if c.route.kind == repositoryLoad || name != "unload_dependents" { // models have no dependents
			return &protocol.Error{Status: http.StatusBadRequest, Message: "the parameter " + clip([]byte(name)) + " is not known: models are loaded as their folders are"}
		}
	}
	c.ctx.Response.Header.Del(fasthttp.HeaderContentType) // an answer that is no error has no body
	model := string(c.route.model)
	if c.route.kind == repositoryUnload {
		return s.config.Host.Unload(model, "")
	}
	err = s.config.Host.Reload(s.base, model)
	var known *protocol.Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled):
		return &protocol.Error{Status: http.StatusServiceUnavailable, Message: "the server ends"}
	}
	// What is in the folder is not what can be served, which the request cannot change.
	return &protocol.Error{Status: http.StatusConflict, Message: strings.ReplaceAll(err.Error(), "\n", "; ")}
}

// A tfVersion is a version as TensorFlow Serving tells of it.
type tfVersion struct {
	Version string `json:"version"`
	State   string `json:"state"`
	Status  struct {
		Code    string `json:"error_code"`
		Message string `json:"error_message"`
	} `json:"status"`
}

// status answers how a model's versions are, the highest first.
func (s *Server) status(c *call) error {
	if err := s.allowed(c); err != nil {
		return err
	}
	for _, m := range s.config.Host.Models(c.namespace) {
		if m.Name != string(c.route.model) {
			continue
		}
		wanted := string(c.route.version)
		if label := string(c.route.label); label != "" {
			wanted = m.Config.Labels[label]
			if wanted == "" {
				return &protocol.Error{Status: http.StatusNotFound, Message: "model " + m.Name + " has no label " + clip(c.route.label)}
			}
		}
		all := []tfVersion{}
		for _, v := range m.Versions {
			if wanted == "" || wanted == v.Version {
				all = append([]tfVersion{told(c, v)}, all...)
			}
		}
		if len(all) == 0 {
			return &protocol.Error{Status: http.StatusNotFound, Message: "model " + m.Name + " has no version " + wanted}
		}
		s.json(c, map[string]any{"model_version_status": all})
		return nil
	}
	return &protocol.Error{Status: http.StatusNotFound, Message: "there is no model " + clip(c.route.model)}
}

// reason says why a version does not answer; admins hear where its folder is.
func reason(c *call, v host.VersionStatus) string {
	if c.admin {
		return v.Reason
	}
	return v.Told
}

// told says how a version is in TensorFlow Serving's words.
func told(c *call, v host.VersionStatus) tfVersion {
	t := tfVersion{Version: v.Version}
	t.Status.Code, t.Status.Message = "OK", reason(c, v)
	switch v.State {
	case host.Ready:
		t.State = "AVAILABLE"
	case host.Loading:
		t.State = "LOADING"
	default:
		t.State = "END"
		if v.Reason != "unloaded" {
			t.Status.Code = "UNKNOWN"
		}
	}
	return t
}
