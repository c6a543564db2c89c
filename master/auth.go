package master

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"

	"scalar/bsp/job"
	"scalar/master/fsm"
)

const (
	secretBytes    = 32
	allNamespaces  = "*"
	adminID        = "admin" // of the token that bsp init makes
	maxTokenHeader = 256     // bytes
)

// NewSecret returns the secret of a new token, 64 hex digits of 32 random bytes,
// and its hash as HashSecret gives it.
func NewSecret() (secret, hash string) {
	var b [secretBytes]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails
	secret = hex.EncodeToString(b[:])
	return secret, HashSecret(secret)
}

// HashSecret returns what is stored of a token's secret: the lower-case hex
// SHA-256 of its text. A slow hash would add nothing to 256 random bits.
func HashSecret(secret string) string { return hex.EncodeToString(hashSecret(secret)) }

func hashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// authenticate finds the token that a request carries. Its hash is compared in
// constant time with the one found by it.
func authenticate(s *fsm.State, r *http.Request) (*fsm.Token, error) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	secret = strings.TrimSpace(secret)
	if !strings.EqualFold(scheme, "Bearer") || secret == "" || len(secret) > maxTokenHeader {
		return nil, fail(http.StatusUnauthorized, "a token is needed: send it as \"Authorization: Bearer TOKEN\" (bsp: --token or BSP_TOKEN)")
	}
	hash := hashSecret(secret)
	if len(s.AdminHash) > 0 && subtle.ConstantTimeCompare(hash, s.AdminHash) == 1 {
		return &fsm.Token{ID: adminID, Name: adminID, Role: job.Admin, Namespace: allNamespaces, Hash: s.AdminHash}, nil
	}
	t, ok := s.TokenByHash(hash)
	if !ok || subtle.ConstantTimeCompare(hash, t.Hash) != 1 {
		return nil, fail(http.StatusUnauthorized, "the token is not valid in this cluster: it was revoked, or belongs to another one")
	}
	return t, nil
}

// allow checks that a token has a role.
func allow(t *fsm.Token, need job.Role) error {
	if !t.Role.Allows(need) {
		return fail(http.StatusForbidden, "token %s has role %s, this needs role %s", t.ID, t.Role, need)
	}
	return nil
}

// allowNamespace checks that a token may submit to a namespace.
// Operators and admins are not bound to one.
func allowNamespace(t *fsm.Token, namespace string) error {
	if !inNamespace(t, namespace) {
		return fail(http.StatusForbidden, "token %s is for namespace %s, not for %s", t.ID, t.Namespace, namespace)
	}
	return nil
}

func inNamespace(t *fsm.Token, namespace string) bool {
	return t.Namespace == allNamespaces || t.Namespace == namespace || t.Role.Allows(job.Operator)
}
