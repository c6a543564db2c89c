package host

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"scalar/bsp/job"
	"scalar/serving/protocol"
)

// SetModels says of all models what Config.Models has said until now. Requests that hold a version are answered by it. On
// an error nothing changes.
func (h *Host) SetModels(models map[string]ModelConfig) error {
	if err := checkModels(models); err != nil {
		return job.Fail(job.FaultInput, "%v", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.config.Models = maps.Clone(models)
	h.publish()
	return nil
}

// Route says of one model that is known which versions answer whom; its namespaces stay. It holds until SetModels. An
// error is a *protocol.Error with status 404 or 400, and nothing has changed then.
func (h *Host) Route(name string, c ModelConfig) error {
	if err := c.check(); err != nil {
		return &protocol.Error{Status: http.StatusBadRequest, Message: fmt.Sprintf("model %.64s: %v", name, err)}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.models[name] == nil {
		return &protocol.Error{Status: http.StatusNotFound, Message: fmt.Sprintf("there is no model %.64q", name)}
	}
	c.Namespaces = h.config.Models[name].Namespaces
	all := maps.Clone(h.config.Models) // others have the old one
	if all == nil {
		all = map[string]ModelConfig{}
	}
	all[name] = c
	h.config.Models = all
	h.publish()
	return nil
}

// checkModels returns what is wrong with what is said of models.
func checkModels(models map[string]ModelConfig) error {
	for _, name := range slices.Sorted(maps.Keys(models)) {
		if err := checkName(name); err != nil {
			return err
		}
		if err := models[name].check(); err != nil {
			return fmt.Errorf("model %s: %w", name, err)
		}
	}
	return nil
}
