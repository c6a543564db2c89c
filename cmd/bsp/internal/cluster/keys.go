package cluster

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"scalar/internal/gossip"
)

// NewKey returns a random gossip key.
func NewKey() []byte {
	key := make([]byte, gossip.KeySize)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the process instead
	return key
}

// ParseKeys reads a file of gossip keys: one a line, in base64; at least one, none twice.
func ParseKeys(text []byte) ([][]byte, error) {
	var keys [][]byte
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		key, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(key) != gossip.KeySize {
			return nil, fmt.Errorf("line %d is not a gossip key: want %d bytes in base64", n, gossip.KeySize)
		}
		keys = append(keys, key)
	}
	return keys, gossip.CheckKeys(keys)
}

// FormatKeys is the file that ParseKeys reads.
func FormatKeys(keys [][]byte) []byte {
	var b []byte
	for _, k := range keys {
		b = append(base64.StdEncoding.AppendEncode(b, k), '\n')
	}
	return b
}

// KeyID is a name for a key that may be shown: the first digits of its SHA-256.
func KeyID(key []byte) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:4])
}
