package allocs_test

import (
	"testing"

	"scalar/internal/allocs"
)

func TestBytes(t *testing.T) {
	var keep []byte
	if n := allocs.Bytes(func() { keep = make([]byte, 1<<20) }); n < 1<<20 || n > 2<<20 {
		t.Errorf("%d bytes counted for a slice of %d", n, len(keep))
	}
}
