package dev_test

import (
	"net"
	"slices"
	"strings"
	"testing"

	"scalar/bsp/job"
	"scalar/cmd/bsp/internal/dev"
	"scalar/cmd/bsp/internal/fault"
)

// Where the prediction server listens, and what it is called by clients.
func TestServing(t *testing.T) {
	for _, row := range []struct{ serve, listen, url, host string }{
		{"", "127.0.0.1:", "https://127.0.0.1:", "127.0.0.1"},
		{"127.0.0.1:0", "127.0.0.1:", "https://127.0.0.1:", "127.0.0.1"},
		{":0", ":", "https://localhost:", "localhost"},
		{"0.0.0.0:0", "0.0.0.0:", "https://localhost:", "localhost"},
		{"localhost:0", "localhost:", "https://localhost:", "localhost"},
	} {
		listen, url, hosts, err := dev.Serving(dev.Config{Serve: row.serve})
		if err != nil || !strings.HasPrefix(listen, row.listen) || !strings.HasPrefix(url, row.url) || !slices.Contains(hosts, row.host) ||
			listen[strings.LastIndex(listen, ":"):] != url[strings.LastIndex(url, ":"):] {
			t.Errorf("--serve %q: listens on %s, at %s, for %v, %v", row.serve, listen, url, hosts, err)
		}
	}
	if listen, _, _, err := dev.Serving(dev.Config{Serve: dev.Off}); listen != "" || err != nil {
		t.Errorf("off: %q, %v", listen, err)
	}
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	defer ln.Close()
	for _, serve := range []string{"nonsense", ln.Addr().String(), "127.0.0.1:70000"} {
		if _, _, _, err := dev.Serving(dev.Config{Serve: serve}); err == nil || fault.Code(err) != job.ExitUsage || !strings.Contains(err.Error(), "--serve") {
			t.Errorf("--serve %s: %v", serve, err)
		}
	}
}
