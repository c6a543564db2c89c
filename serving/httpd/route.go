package httpd

import (
	"bytes"

	"github.com/valyala/fasthttp"
)

// A kind is what a route is for.
type kind uint8

const (
	unknown kind = iota
	serverMetadata
	serverLive
	serverReady
	modelMetadata
	modelReady
	infer
	repositoryIndex
	repositoryLoad
	repositoryUnload
	repositoryRouting
	tfStatus
	tfMetadata
	tfPredict
	tfClassify
	tfRegress
	native
	metricsPage
	openAPI
	page
	kinds
)

// names are the kinds in metrics and the access log.
var names = [kinds]string{
	unknown: "unknown", serverMetadata: "server", serverLive: "live", serverReady: "ready", modelMetadata: "metadata", modelReady: "model_ready",
	infer: "infer", repositoryIndex: "index", repositoryLoad: "load", repositoryUnload: "unload", repositoryRouting: "routing", tfStatus: "tf_status", tfMetadata: "tf_metadata",
	tfPredict: "tf_predict", tfClassify: "tf_classify", tfRegress: "tf_regress", native: "predict", metricsPage: "metrics", openAPI: "openapi", page: "ui",
}

// post reports whether a kind is asked by POST; the others are by GET.
func (k kind) post() bool {
	switch k {
	case infer, repositoryIndex, repositoryLoad, repositoryUnload, tfPredict, tfClassify, tfRegress, native:
		return true
	default:
		return false
	}
}

// open reports whether a kind needs no token: probes have none, and the page has sessions.
func (k kind) open() bool { return k == serverLive || k == serverReady || k == openAPI || k == page }

// A route is what a path asks for. Its texts share the path's memory.
type route struct {
	kind                  kind
	model, version, label []byte
}

// path returns the path of a request. One in which nothing is to be decoded or left out is its target as it came.
func path(ctx *fasthttp.RequestCtx) []byte {
	target, slash := ctx.Request.Header.RequestURI(), false
	for i, b := range target {
		switch {
		case b == '/' && !slash:
			slash = true
			continue
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', i > 0 && !slash && (b == '.' || b == ':'), b == '_', b == '-':
			slash = false
			continue
		}
		return ctx.Path()
	}
	if len(target) == 0 || target[0] != '/' {
		return ctx.Path()
	}
	return target
}

// parse reads a path. It allocates nothing.
func parse(path []byte) route {
	first, rest := segment(path)
	switch string(first) {
	case "v2":
		return parseV2(rest)
	case "v1":
		return parseV1(rest)
	case "predict":
		if model, rest := segment(rest); len(model) > 0 {
			r := versioned(route{kind: native, model: model}, &rest)
			return ended(r, rest)
		}
	case "metrics":
		return ended(route{kind: metricsPage}, rest)
	case "openapi.yaml":
		return ended(route{kind: openAPI}, rest)
	case "ui": // what is below it is the page's own
		return route{kind: page}
	}
	return route{}
}

func parseV2(path []byte) route {
	first, rest := segment(path)
	switch string(first) {
	case "":
		return ended(route{kind: serverMetadata}, path)
	case "health":
		switch what, rest := segment(rest); string(what) {
		case "live":
			return ended(route{kind: serverLive}, rest)
		case "ready":
			return ended(route{kind: serverReady}, rest)
		}
	case "models":
		return parseModel(rest)
	case "repository":
		return parseRepository(rest)
	}
	return route{}
}

func parseModel(path []byte) route {
	model, rest := segment(path)
	switch {
	case len(model) == 0:
		return route{}
	case string(rest) == "/infer": // nearly always
		return route{kind: infer, model: model}
	}
	r := versioned(route{kind: modelMetadata, model: model}, &rest)
	if whole := ended(r, rest); whole.kind != unknown {
		return whole
	}
	switch what, rest := segment(rest); string(what) {
	case "ready":
		r.kind = modelReady
		return ended(r, rest)
	case "infer":
		r.kind = infer
		return ended(r, rest)
	}
	return route{}
}

func parseRepository(path []byte) route {
	first, rest := segment(path)
	switch string(first) {
	case "index":
		return ended(route{kind: repositoryIndex}, rest)
	case "models":
		model, rest := segment(rest)
		if len(model) == 0 {
			return route{}
		}
		switch what, rest := segment(rest); string(what) {
		case "load":
			return ended(route{kind: repositoryLoad, model: model}, rest)
		case "unload":
			return ended(route{kind: repositoryUnload, model: model}, rest)
		case "routing":
			return ended(route{kind: repositoryRouting, model: model}, rest)
		}
	}
	return route{}
}

// parseV1 reads the paths of TensorFlow Serving: models/M[/versions/V|/labels/L][:predict|:classify|:regress|/metadata].
func parseV1(path []byte) route {
	first, rest := segment(path)
	if string(first) != "models" {
		return route{}
	}
	r := route{kind: tfStatus}
	if i := bytes.LastIndexByte(rest, ':'); i >= 0 {
		switch string(rest[i+1:]) {
		case "predict":
			r.kind = tfPredict
		case "classify":
			r.kind = tfClassify
		case "regress":
			r.kind = tfRegress
		default:
			return route{}
		}
		rest = rest[:i]
	}
	if r.model, rest = segment(rest); len(r.model) == 0 {
		return route{}
	}
	r = versioned(r, &rest)
	if what, after := segment(rest); r.kind == tfStatus && string(what) == "metadata" {
		r.kind, rest = tfMetadata, after
	}
	return ended(r, rest)
}

// versioned takes versions/V or labels/L off a path; one without its value is left there.
func versioned(r route, path *[]byte) route {
	what, rest := segment(*path)
	value, rest := segment(rest)
	switch {
	case len(value) == 0:
	case string(what) == "versions":
		r.version, *path = value, rest
	case string(what) == "labels":
		r.label, *path = value, rest
	}
	return r
}

// segment cuts the first segment off a path, with or without a slash before it.
func segment(path []byte) (first, rest []byte) {
	if len(path) > 0 && path[0] == '/' {
		path = path[1:]
	}
	if i := bytes.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, nil
}

// ended returns a route if nothing follows it but a slash.
func ended(r route, rest []byte) route {
	if len(rest) > 1 || len(rest) == 1 && rest[0] != '/' {
		return route{}
	}
	return r
}
