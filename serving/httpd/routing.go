package httpd

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"scalar/serving/host"
	"scalar/serving/protocol"
)

// shortBody is the longest body of what is no prediction, bytes.
const shortBody = 1 << 20

// A routed is which versions of a model answer whom, as it goes over HTTP.
type routed struct {
	Labels  map[string]string  `json:"labels"`
	Traffic map[string]float64 `json:"traffic"`
	Shadow  map[string]float64 `json:"shadow"`
}

// routing answers which versions of a model answer whom, after it has changed that if it is asked by POST. What a
// request leaves out is none; a model may be of any namespace. It holds until the configuration is read again.
func (s *Server) routing(c *call) error {
	if !c.admin {
		return &protocol.Error{Status: http.StatusForbidden, Message: "this token may not route models: its key is not an admin's"}
	}
	model := string(c.route.model)
	if c.ctx.IsPost() {
		body, err := s.readShort(c)
		if err != nil {
			return err
		}
		var r routed
		if len(body) == 0 {
			return &protocol.Error{Status: http.StatusBadRequest, Message: `the body is empty: want an object with labels, traffic and shadow, such as {"traffic": {"1": 90, "2": 10}}`}
		}
		if err := document(body, &r, true); err != nil {
			return err
		}
		if err := s.config.Host.Route(model, host.ModelConfig{Labels: r.Labels, Traffic: r.Traffic, Shadow: r.Shadow}); err != nil {
			return err
		}
		s.config.Log.Info("a model is routed anew over HTTP, until the configuration is read again",
			"model", model, "labels", r.Labels, "traffic", r.Traffic, "shadow", r.Shadow, "namespace", c.namespace)
	}
	for _, m := range s.config.Host.All() {
		if m.Name == model {
			s.json(c, routed{some(m.Config.Labels), some(m.Config.Traffic), some(m.Config.Shadow)})
			return nil
		}
	}
	return &protocol.Error{Status: http.StatusNotFound, Message: "there is no model " + clip(c.route.model)}
}

// some returns a map that is not nil.
func some[V any](m map[string]V) map[string]V {
	if m == nil {
		m = map[string]V{}
	}
	return m
}

// readShort is read of a body of at most shortBody bytes.
func (s *Server) readShort(c *call) ([]byte, error) {
	c.limit = min(c.limit, shortBody)
	return s.read(c)
}

// document reads a small body of JSON, which may be empty. Keys that v does not have are an error if it is strict.
func document(body []byte, v any, strict bool) error {
	if len(body) == 0 {
		return nil
	}
	if err := protocol.CheckJSON(body); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if strict {
		d.DisallowUnknownFields()
	}
	err := d.Decode(v)
	if err == nil {
		return nil
	}
	message := strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\n", " "), "json: ")
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		message = kind.Value + " where " + wanted(kind) + " should be"
		if kind.Field != "" {
			message = kind.Field + ": " + message
		}
	}
	return &protocol.Error{Status: http.StatusBadRequest, Message: "the body: " + message}
}

// wanted says what should be where something else is.
func wanted(e *json.UnmarshalTypeError) string {
	switch e.Type.String() {
	case "string":
		return "a text"
	case "float64":
		return "a number"
	case "bool":
		return "true or false"
	}
	return "an object"
}
