package ui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strings"

	"github.com/valyala/fasthttp"

	"scalar/serving/protocol"
)

// files are what the page loads: htmx and uPlot as assets/fetch got them, and what is written here.
//
//go:embed assets/*.js assets/*.css assets/*.svg
var files embed.FS

// assets are files by name, at addresses that change with their content, so that browsers keep them for good.
type assets map[string]asset

type asset struct {
	digest string // of the content, 16 hex digits
	kind   string
	text   []byte
}

func newAssets() assets {
	all := assets{}
	names, err := files.ReadDir("assets")
	if err != nil {
		panic(err) // they are embedded
	}
	for _, e := range names {
		text, err := files.ReadFile("assets/" + e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(text)
		all[e.Name()] = asset{hex.EncodeToString(sum[:8]), kindOf(e.Name()), text}
	}
	return all
}

func kindOf(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	}
	return "image/svg+xml"
}

// address returns where an asset is.
func (a assets) address(name string) string { return root + "/assets/" + a[name].digest + "/" + name }

// serve answers with the asset at DIGEST/NAME.
func (a assets) serve(ctx *fasthttp.RequestCtx, at string) error {
	digest, name, _ := strings.Cut(at, "/")
	one, ok := a[name]
	if !ok || one.digest != digest {
		return &protocol.Error{Status: http.StatusNotFound, Message: "there is nothing at this path"}
	}
	h := &ctx.Response.Header
	tag := `W/"` + digest + `"` // weak: it may come compressed
	h.Set(fasthttp.HeaderETag, tag)
	h.Set(fasthttp.HeaderCacheControl, "public, max-age=31536000, immutable")
	if strings.Contains(string(ctx.Request.Header.Peek(fasthttp.HeaderIfNoneMatch)), tag) {
		ctx.SetStatusCode(http.StatusNotModified)
		return nil
	}
	h.SetContentType(one.kind)
	_, err := ctx.Write(one.text) // copied: what the server does with a body is no matter of the asset
	return err
}
