package master_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"scalar/bsp/job"
)

// inStoreOf founds a cluster on the store of another one.
func inStoreOf(t *testing.T, first *cluster) (*cluster, *node) {
	t.Helper()
	c := prepare(t, 1)
	cfg := c.config(t, 0)
	cfg.Store = "file://" + filepath.Join(first.dir, "store")
	c.start(t, cfg)
	return c, c.leader(t)
}

func (c *cluster) uuid(t *testing.T, n *node) string {
	t.Helper()
	var s status
	c.told(t, n, "/v1/status", &s)
	return s.UUID
}

// TestStoreOfAnother: a cluster takes no jobs into a store that belongs to another one, and
// does once it has a snapshot of that: then the store is its own.
func TestStoreOfAnother(t *testing.T) {
	t.Parallel()
	first := newCluster(t, 1)
	old := first.leader(t)
	kept := first.submit(t, old, "kept", "")
	saved := first.do(t, old, request{method: http.MethodGet, path: "/v1/snapshot"})
	owner := func() string {
		b, err := os.ReadFile(filepath.Join(first.dir, "store", "cluster"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(b))
	}
	firstID := first.uuid(t, old)
	if owner() != firstID {
		t.Fatalf("the store is of %s, the cluster is %s", owner(), firstID)
	}
	first.kill(t, old)

	stranger := newCluster(t, 1) // has a store of its own
	foreign := stranger.do(t, stranger.leader(t), request{method: http.MethodGet, path: "/v1/snapshot"})

	second, n := inStoreOf(t, first)
	submit := func() (int, string) {
		r := second.do(t, n, request{method: http.MethodPost, path: "/v1/jobs", body: `{"program":{"builtin":"pi","name":"pi"},"peers":1}`})
		return r.status, string(r.body)
	}
	if code, body := submit(); code != http.StatusConflict || !strings.Contains(body, "belongs to cluster "+firstID) || strings.Count(body, "\n") > 1 {
		t.Errorf("a job in the store of another: %d %s", code, body)
	}
	if r := second.do(t, n, request{method: http.MethodPut, path: "/v1/snapshot", body: string(foreign.body)}); r.status != http.StatusConflict || !strings.Contains(string(r.body), firstID) {
		t.Errorf("a snapshot of a third cluster: %d %s", r.status, r.body)
	}
	if owner() != firstID {
		t.Errorf("the store is of %s before the restore", owner())
	}
	if r := second.do(t, n, request{method: http.MethodPut, path: "/v1/snapshot", body: string(saved.body)}); r.status != http.StatusOK {
		t.Fatalf("restore: %d %s", r.status, r.body)
	}
	if owner() != second.uuid(t, n) {
		t.Errorf("after the restore the store is of %s", owner())
	}
	var jobs []job.Info
	if second.told(t, n, "/v1/jobs", &jobs); len(jobs) != 1 || jobs[0].ID != kept {
		t.Errorf("jobs %+v", jobs)
	}
	if code, body := submit(); code != http.StatusCreated {
		t.Errorf("a job after the restore: %d %s", code, body)
	}
}

// TestStoreWithoutOwner: a store from before stores had owners is taken over.
func TestStoreWithoutOwner(t *testing.T) {
	t.Parallel()
	c := prepare(t, 1)
	file := filepath.Join(c.dir, "store", "programs", "x")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	c.start(t, c.config(t, 0))
	n := c.leader(t)
	c.submit(t, n, "a", "")
	if b, err := os.ReadFile(filepath.Join(c.dir, "store", "cluster")); err != nil || string(b) != c.uuid(t, n)+"\n" {
		t.Errorf("%q, %v", b, err)
	}
}
