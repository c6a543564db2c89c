package protocol_test

import (
	"encoding/base64"
	"maps"
	"slices"

	"scalar/serving/protocol"
)

// parseRows reads the JSON of the short form and of TensorFlow Serving.
func parseRows(s *protocol.Signature, form protocol.Form, body []byte) *twin {
	w, err := readRows(s, form, body)
	if err != nil {
		return &twin{refused: err}
	}
	return w
}

func readRows(s *protocol.Signature, form protocol.Form, body []byte) (*twin, error) {
	var doc any
	if err := decode(body, &doc); err != nil {
		return nil, err
	}
	w := &twin{}
	if form == protocol.Native {
		list, ok := doc.([]any)
		if !ok || len(list) > 0 && !isRow(list[0]) {
			return w, w.row(s, form, doc, false)
		}
		return w, w.list(s, form, doc)
	}
	top, ok := doc.(map[string]any)
	if !ok {
		return nil, errTwin
	}
	if name, there := top["signature_name"]; there && name != "" && name != "serving_default" {
		return nil, errTwin
	}
	if form == protocol.Classify || form == protocol.Regress {
		examples, err := withContext(s, top)
		if err != nil {
			return nil, err
		}
		return w, w.list(s, form, decoded(examples))
	}
	instances, isInstances := top["instances"]
	inputs, isInputs := top["inputs"]
	if isInstances == isInputs {
		return nil, errTwin
	}
	instances, inputs = decoded(instances), decoded(inputs)
	if isInstances {
		return w, w.list(s, form, instances)
	}
	if named, ok := inputs.(map[string]any); ok {
		if inputs, ok = named[s.Inputs[0].Name]; !ok || len(named) != 1 {
			return nil, errTwin
		}
	}
	return w, w.list(s, form, inputs)
}

// bytesOf are those of {"b64": "…"}.
type bytesOf string

// decoded replaces objects with base64 in a value.
func decoded(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = decoded(v[i])
		}
	case map[string]any:
		if text, ok := v["b64"].(string); ok && len(v) == 1 {
			for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding} {
				if b, err := encoding.DecodeString(text); err == nil {
					return bytesOf(b)
				}
			}
		}
		for key := range v {
			v[key] = decoded(v[key])
		}
	}
	return v
}

// withContext returns the examples, each with what the context says.
func withContext(s *protocol.Signature, top map[string]any) (any, error) {
	v, there := top["context"]
	context, ok := v.(map[string]any)
	if there && !ok {
		return nil, errTwin
	}
	if len(context) == 0 {
		return top["examples"], nil
	}
	list, ok := top["examples"].([]any)
	if !ok {
		return nil, errTwin
	}
	var merged []any
	for _, v := range list {
		example, ok := v.(map[string]any)
		if !ok {
			return nil, errTwin
		}
		all := maps.Clone(example)
		for name, value := range context {
			if _, twice := all[name]; twice || !slices.Contains(s.Columns, name) {
				return nil, errTwin
			}
			all[name] = value
		}
		if _, whole := all[s.Inputs[0].Name].([]any); whole && len(all) == 1 && len(context) > 0 && s.Width() > 1 {
			return nil, errTwin
		}
		merged = append(merged, all)
	}
	return merged, nil
}

func isRow(v any) bool {
	switch v.(type) {
	case []any, map[string]any:
		return true
	}
	return false
}

func (w *twin) list(s *protocol.Signature, form protocol.Form, v any) error {
	list, ok := v.([]any)
	if !ok || len(list) == 0 || len(list) > s.MaxRows {
		return errTwin
	}
	for _, v := range list {
		if err := w.row(s, form, v, true); err != nil {
			return err
		}
	}
	return nil
}

func (w *twin) row(s *protocol.Signature, form protocol.Form, v any, bare bool) error {
	w.rows++
	switch v := v.(type) {
	case []any:
		for _, shape := range append(s.Inputs[0].Also, s.Inputs[0].Shape) {
			if leaves, ok := flatten(v, shape[1:], true); ok {
				return w.add(s, leaves, "")
			}
		}
		return errTwin
	case map[string]any:
		if whole, ok := v[s.Inputs[0].Name].([]any); ok && len(v) == 1 {
			w.rows--
			return w.row(s, form, whole, false)
		}
		if len(v) == 0 || len(v) != len(s.Columns) {
			return errTwin
		}
		var leaves []any
		for _, name := range s.Columns {
			value, ok := v[name]
			if list, isList := value.([]any); isList && (form == protocol.Classify || form == protocol.Regress) && len(list) == 1 {
				value = list[0]
			}
			if !ok {
				return errTwin
			}
			leaves = append(leaves, value)
		}
		return w.add(s, leaves, "")
	}
	if s.Width() == 1 && bare {
		return w.add(s, []any{v}, "")
	}
	return errTwin
}
