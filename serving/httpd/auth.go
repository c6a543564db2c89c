package httpd

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"

	"scalar/internal/name"
	"scalar/serving/protocol"

	"github.com/valyala/fasthttp"
)

// A Key is what a token allows.
type Key struct {
	SHA256    string `yaml:"sha256"`    // of the token's text, 64 hex digits
	Namespace string `yaml:"namespace"` // of whoever has it
	Admin     bool   `yaml:"admin"`     // may load, unload and route models, and read metrics
}

// A keyring has keys by the hash of their token. A look-up by hash tells nothing about tokens by the time it takes.
type keyring map[[sha256.Size]byte]*Key

func newKeyring(keys []Key) (keyring, error) {
	if keys == nil {
		return nil, nil
	}
	r := keyring{}
	for i, k := range keys {
		var hash [sha256.Size]byte
		if n, err := hex.Decode(hash[:], []byte(k.SHA256[:min(len(k.SHA256), 2*len(hash))])); err != nil || n != len(hash) || len(k.SHA256) != 2*len(hash) {
			return nil, fmt.Errorf("key %d: sha256 is %.80q: want 64 hex digits, those of `printf %%s TOKEN | sha256sum`", i+1, k.SHA256)
		}
		if !name.Valid(k.Namespace, 63) {
			return nil, fmt.Errorf("key %d: the namespace %.80q: want a letter or digit, and up to 62 more letters, digits, ., - and _", i+1, k.Namespace)
		}
		if r[hash] != nil {
			return nil, fmt.Errorf("key %d: its token is that of another key", i+1)
		}
		r[hash] = &k
	}
	return r, nil
}

const maxToken = 256 // bytes

var bearer = []byte("bearer")

// authenticate finds the namespace of a call by its token.
func (s *Server) authenticate(c *call) error {
	if c.settings.keys == nil {
		c.namespace, c.admin = s.config.Namespace, true
		return nil
	}
	if c.route.kind.open() {
		return nil
	}
	scheme, token, _ := bytes.Cut(c.ctx.Request.Header.Peek(fasthttp.HeaderAuthorization), []byte(" "))
	token = bytes.TrimSpace(token)
	if !bytes.EqualFold(scheme, bearer) || len(token) == 0 || len(token) > maxToken {
		return s.unauthorized(c, `a token is needed: send it as "Authorization: Bearer TOKEN"`)
	}
	k := c.settings.keys[sha256.Sum256(token)]
	if k == nil {
		return s.unauthorized(c, "the token is not known")
	}
	c.namespace, c.admin = k.Namespace, k.Admin
	return nil
}

func (s *Server) unauthorized(c *call, message string) error {
	c.ctx.Response.Header.Set(fasthttp.HeaderWWWAuthenticate, "Bearer")
	return &protocol.Error{Status: http.StatusUnauthorized, Message: message}
}
