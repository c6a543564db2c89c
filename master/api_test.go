package master_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"scalar/bsp/job"
	"scalar/internal/allocs"
	"scalar/master"
)

func (c *cluster) token(t *testing.T, role job.Role, namespace string) job.Token {
	t.Helper()
	resp := c.do(t, c.nodes[0], request{method: http.MethodPost, path: "/v1/tokens", body: map[string]any{"name": string(role), "role": role, "namespace": namespace}})
	var token job.Token
	if err := json.Unmarshal(resp.body, &token); err != nil || resp.status != http.StatusCreated || token.Secret == "" {
		t.Fatalf("token: %d %s", resp.status, resp.body)
	}
	return token
}

// TestAPI holds what one master shows.
func TestAPI(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	for name, test := range map[string]func(*testing.T){
		"roles": c.roles, "namespaces": c.namespaces, "tokens": c.tokens,
		"submit refuses": c.submitRefuses, "request ids": c.requestIDs, "unknown routes": c.unknownRoutes, "job query": c.jobQuery,
	} {
		t.Run(name, test)
	}
}

// roles calls every route with every role: below the role that it needs a
// call is refused, and from there on it is not.
func (c *cluster) roles(t *testing.T) {
	t.Helper()
	n := c.nodes[0]
	roles := []job.Role{job.Viewer, job.Submitter, job.Operator, job.Admin}
	secrets := map[job.Role]string{}
	for _, role := range roles {
		secrets[role] = c.token(t, role, map[bool]string{true: "*", false: job.DefaultNamespace}[role.Allows(job.Operator)]).Secret
	}
	for _, rt := range master.Routes() {
		path := strings.NewReplacer("{id}", "nothing-1", "{kind}", "files", "{digest}", strings.Repeat("0", 64)).Replace(rt.Path)
		want := http.StatusUnauthorized
		if rt.Path == "/v1/openapi.yaml" {
			want = http.StatusOK
		}
		for _, token := range []string{"-", strings.Repeat("0", 64), "x y"} {
			if resp := c.do(t, n, request{method: rt.Method, path: path, token: token}); resp.status != want {
				t.Errorf("%s %s with token %q: %d", rt.Method, rt.Path, token, resp.status)
			}
		}
		for _, role := range roles {
			resp := c.do(t, n, request{method: rt.Method, path: path, token: secrets[role]})
			refused := resp.status == http.StatusForbidden
			if refused != (rt.Role != "" && !role.Allows(rt.Role)) || resp.status == http.StatusUnauthorized || resp.status >= 500 {
				t.Errorf("%s %s as %s: %d %s", rt.Method, rt.Path, role, resp.status, resp.body)
			}
			if message, code := resp.errorCode(); refused && rt.Method != http.MethodHead && (code != job.ExitDenied || !strings.Contains(message, string(rt.Role))) {
				t.Errorf("%s %s as %s: code %d, %q", rt.Method, rt.Path, role, code, message)
			}
		}
	}
}

func (c *cluster) namespaces(t *testing.T) {
	t.Helper()
	n := c.nodes[0]
	a, b, op := c.token(t, job.Submitter, "a"), c.token(t, job.Submitter, "b"), c.token(t, job.Operator, "*")
	spec := pi("x")
	resp := c.do(t, n, request{method: http.MethodPost, path: "/v1/jobs", token: a.Secret, body: spec})
	var info job.Info
	if json.Unmarshal(resp.body, &info) != nil || info.Namespace != "a" {
		t.Fatalf("submit: %d %s", resp.status, resp.body)
	}
	spec.Namespace = "b"
	if resp := c.do(t, n, request{method: http.MethodPost, path: "/v1/jobs", token: a.Secret, body: spec}); resp.status != http.StatusForbidden {
		t.Errorf("submit into another namespace: %d", resp.status)
	}
	for _, path := range []string{"", "/why", "/plan", "/logs", "/watch", "/result"} {
		if resp := c.do(t, n, request{method: http.MethodGet, path: "/v1/jobs/" + string(info.ID) + path, token: b.Secret}); resp.status != http.StatusNotFound || !bytes.Contains(resp.body, []byte("no such job")) {
			t.Errorf("GET %s from another namespace: %d %s", path, resp.status, resp.body)
		}
	}
	for token, want := range map[string]bool{a.Secret: true, b.Secret: false, op.Secret: true} {
		var list []job.Info
		resp := c.do(t, n, request{method: http.MethodGet, path: "/v1/jobs", token: token})
		if json.Unmarshal(resp.body, &list) != nil || slices.ContainsFunc(list, func(i job.Info) bool { return i.ID == info.ID }) != want || list == nil {
			t.Errorf("list: %s", resp.body)
		}
	}
	stop := func(token string) int {
		return c.do(t, n, request{method: http.MethodPost, path: "/v1/jobs/" + string(info.ID) + "/stop", token: token}).status
	}
	if got := stop(b.Secret); got != http.StatusNotFound {
		t.Errorf("stop from another namespace: %d", got)
	}
	if got := stop(op.Secret); got != http.StatusOK {
		t.Errorf("stop by an operator: %d", got)
	}
	if got := stop(a.Secret); got != http.StatusOK {
		t.Errorf("stop of a job that has ended: %d", got)
	}
}

func (c *cluster) tokens(t *testing.T) {
	t.Helper()
	n := c.nodes[0]
	token := c.token(t, job.Viewer, "default")
	list := c.do(t, n, request{method: http.MethodGet, path: "/v1/tokens"})
	if !bytes.Contains(list.body, []byte(token.ID)) || bytes.Contains(list.body, []byte(token.Secret)) || !bytes.Contains(list.body, []byte(`"admin"`)) {
		t.Errorf("list: %s", list.body)
	}
	body := map[string]any{"name": "twice", "role": "viewer"}
	first := c.do(t, n, request{method: http.MethodPost, path: "/v1/tokens", id: "one", body: body})
	again := c.do(t, n, request{method: http.MethodPost, path: "/v1/tokens", id: "one", body: body})
	if first.status != http.StatusCreated || again.status != http.StatusConflict || bytes.Contains(again.body, []byte("secret\"")) {
		t.Errorf("the same request twice: %d, %d %s", first.status, again.status, again.body)
	}
	if resp := c.do(t, n, request{method: http.MethodDelete, path: "/v1/tokens/" + token.ID}); resp.status != http.StatusNoContent {
		t.Errorf("revoke: %d %s", resp.status, resp.body)
	}
	if resp := c.do(t, n, request{method: http.MethodGet, path: "/v1/status", token: token.Secret}); resp.status != http.StatusUnauthorized {
		t.Errorf("a revoked token: %d", resp.status)
	}
	for id, want := range map[string]int{token.ID: http.StatusNotFound, "admin": http.StatusConflict} {
		if resp := c.do(t, n, request{method: http.MethodDelete, path: "/v1/tokens/" + id}); resp.status != want {
			t.Errorf("revoke %s: %d", id, resp.status)
		}
	}
}

func (c *cluster) submitRefuses(t *testing.T) {
	t.Helper()
	var before []job.Info
	c.get(c.nodes[0], "/v1/jobs", &before)
	zeros, store := strings.Repeat("0", 64), c.nodes[0].cfg.Store
	for name, tc := range map[string]struct {
		body         any
		status, code int
		says         string
	}{
		"nothing":         {nil, 400, 2, "empty"},
		"no JSON":         {"{", 400, 2, "malformed"},
		"an array":        {"[]", 400, 2, "malformed"},
		"unknown field":   {`{"program":{"builtin":"pi"},"pears":3}`, 400, 2, "pears"},
		"two values":      {`{"program":{"builtin":"pi"}} {}`, 400, 2, "more than one"},
		"no program":      {`{}`, 400, 2, "built-in"},
		"two programs":    {job.Spec{Program: job.Program{Builtin: "pi", Digest: zeros}}, 400, 2, "exactly one"},
		"wrong type":      {`{"program":{"builtin":"pi"},"peers":"many"}`, 400, 2, "peers"},
		"unknown builtin": {job.Spec{Program: job.Program{Builtin: "pie"}}, 404, 3, "pie"},
		"unknown digest":  {job.Spec{Program: job.Program{Digest: zeros}}, 404, 3, "store"},
		"unknown file":    {job.Spec{Program: job.Program{Builtin: "pi"}, Files: []job.File{{Name: "f", Digest: zeros}}}, 404, 3, "file f"},
		"too many peers":  {job.Spec{Program: job.Program{Builtin: "pi"}, Peers: 1 << 20}, 400, 2, "--peers"},
		"bad scheme":      {job.Spec{Program: job.Program{Builtin: "pi"}, Input: "ftp://x/y"}, 400, 2, "--input"},
		"relative":        {job.Spec{Program: job.Program{Builtin: "pi"}, Output: "out"}, 400, 2, "--output"},
		"root":            {job.Spec{Program: job.Program{Builtin: "pi"}, Output: "file:///"}, 400, 2, "root"},
		"input in store":  {job.Spec{Program: job.Program{Builtin: "pi"}, Input: store + "/results/x-1"}, 400, 2, "--input"},
		"output in store": {job.Spec{Program: job.Program{Builtin: "pi"}, Output: store + "/../store/logs/x"}, 400, 2, "the cluster's store"},
		"the store":       {job.Spec{Program: job.Program{Builtin: "pi"}, Input: store}, 400, 2, "--input"},
		"attempts":        {job.Spec{Program: job.Program{Builtin: "pi"}, MaxAttempts: 1001}, 400, 2, "--max-attempts 1001: choose 1 to 1000"},
		"file name":       {job.Spec{Program: job.Program{Builtin: "pi"}, Files: []job.File{{Name: "../f", Digest: zeros}}}, 400, 2, "--file"},
		"env":             {job.Spec{Program: job.Program{Builtin: "pi"}, Env: map[string]string{"BSP_TASK": "1"}}, 400, 2, "BSP_"},
		"namespace":       {job.Spec{Program: job.Program{Builtin: "pi"}, Namespace: "No/Way"}, 400, 2, "--namespace"},
		"too large":       {job.Spec{Program: job.Program{Builtin: "pi"}, Args: []string{strings.Repeat("x", 2<<20)}}, 413, 2, "at most"},
	} {
		t.Run(name, func(t *testing.T) {
			resp := c.do(t, c.nodes[0], request{method: http.MethodPost, path: "/v1/jobs", body: tc.body})
			message, code := resp.errorCode()
			if resp.status != tc.status || code != tc.code || !strings.Contains(message, tc.says) {
				t.Errorf("%d, code %d, %q", resp.status, code, message)
			}
		})
	}
	var after []job.Info
	if c.get(c.nodes[0], "/v1/jobs", &after); len(after) != len(before) {
		t.Errorf("%d jobs were made", len(after)-len(before))
	}
}

func (c *cluster) requestIDs(t *testing.T) {
	t.Helper()
	n := c.nodes[0]
	other := c.token(t, job.Submitter, "default")
	first := c.submit(t, n, "same", "rid")
	if again := c.submit(t, n, "same", "rid"); again != first {
		t.Errorf("%s, then %s", first, again)
	}
	theirs := c.do(t, n, request{method: http.MethodPost, path: "/v1/jobs", id: "rid", token: other.Secret, body: pi("same")})
	if bytes.Contains(theirs.body, []byte(`"`+first+`"`)) || theirs.status != http.StatusCreated {
		t.Errorf("somebody else's request id gave %s", theirs.body)
	}
	reused := c.do(t, n, request{method: http.MethodPost, path: "/v1/jobs/" + string(first) + "/stop", id: "rid"})
	if reused.status != http.StatusConflict {
		t.Errorf("a request id for another call: %d %s", reused.status, reused.body)
	}
	if resp := c.do(t, n, request{method: http.MethodGet, path: "/v1/jobs", id: "echo.me"}); resp.header.Get("X-Request-Id") != "echo.me" {
		t.Errorf("echoed %q", resp.header.Get("X-Request-Id"))
	}
	if resp := c.do(t, n, request{method: http.MethodGet, path: "/v1/jobs", id: "a b"}); resp.status != http.StatusBadRequest {
		t.Errorf("a malformed request id: %d", resp.status)
	}
}

func TestBlobs(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	n := c.followers(t)[0]
	content := []byte("#!/bin/true\n")
	sum := sha256.Sum256(content)
	digest := hex.EncodeToString(sum[:])
	path := "/v1/blobs/programs/" + digest
	do := func(method, path string, body any) int {
		return c.do(t, n, request{method: method, path: path, body: body}).status
	}
	if got := do(http.MethodHead, path, nil); got != http.StatusNotFound {
		t.Errorf("HEAD before: %d", got)
	}
	if got := do(http.MethodPut, path, "something else"); got != http.StatusBadRequest {
		t.Errorf("PUT of other bytes: %d", got)
	}
	if got := do(http.MethodPut, path, bytes.Repeat([]byte("x"), 1<<17)); got != http.StatusRequestEntityTooLarge {
		t.Errorf("PUT of too much: %d", got)
	}
	for range 2 {
		if got := do(http.MethodPut, path, content); got != http.StatusCreated {
			t.Errorf("PUT: %d", got)
		}
	}
	if got := do(http.MethodHead, path, nil); got != http.StatusOK {
		t.Errorf("HEAD after: %d", got)
	}
	for _, wrong := range []string{"/v1/blobs/secrets/" + digest, "/v1/blobs/files/" + digest} {
		if got := do(http.MethodHead, wrong, nil); got != http.StatusNotFound {
			t.Errorf("HEAD %s: %d", wrong, got)
		}
	}
	if got := do(http.MethodPut, "/v1/blobs/files/..%2f"+digest[3:], "x"); got != http.StatusBadRequest {
		t.Errorf("PUT outside: %d", got)
	}
	spec := job.Spec{Program: job.Program{Name: "mine", Digest: digest}}
	if resp := c.do(t, n, request{method: http.MethodPost, path: "/v1/jobs", body: spec}); resp.status != http.StatusCreated {
		t.Errorf("submit of an uploaded program: %d %s", resp.status, resp.body)
	}
}

func (c *cluster) unknownRoutes(t *testing.T) {
	t.Helper()
	for _, tc := range []struct {
		method, path, token string
		status              int
	}{
		{"GET", "/", "", 404},
		{"GET", "/v2/jobs", "", 404},
		{"GET", "/v2/jobs", "-", 401},
		{"PATCH", "/v1/jobs", "", 405},
		{"DELETE", "/v1/nodes", "", 405},
		{"GET", "/v1/jobs/none-1", "", 404},
		{"POST", "/v1/jobs/none-1/stop", "", 404},
		{"POST", "/v1/nodes/none/drain", "", 404},
	} {
		if resp := c.do(t, c.nodes[0], request{method: tc.method, path: tc.path, token: tc.token}); resp.status != tc.status {
			t.Errorf("%s %s: %d %s", tc.method, tc.path, resp.status, resp.body)
		}
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	c.submit(t, c.nodes[0], "counted", "")
	resp := c.do(t, c.nodes[0], request{method: http.MethodGet, path: "/metrics"})
	for _, want := range []string{
		`bsp_raft_state{state="Leader"} 1`, `bsp_raft_state{state="Follower"} 0`, `bsp_jobs{state="queued"} 1`,
		`bsp_slots{use="free"} 0`, `bsp_grooms{state="ready"} 0`, `bsp_http_requests_total{code="201",route="POST /v1/jobs"} 1`,
		"bsp_raft_commit_index ", "bsp_raft_apply_seconds_count ", "bsp_http_request_seconds_bucket",
	} {
		if !bytes.Contains(resp.body, []byte(want)) {
			t.Errorf("no %s", want)
		}
	}
	for line := range strings.Lines(string(resp.body)) {
		if name, _, _ := strings.Cut(line, " "); !strings.HasPrefix(name, "#") && !strings.HasPrefix(name, "bsp_") && !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
			t.Errorf("metric %s", fmt.Sprintf("%q", name))
		}
	}
}

func FuzzAPIBody(f *testing.F) {
	for _, seed := range []string{
		`{"program":{"builtin":"pi"},"peers":2}`, `{"program":{"digest":"` + strings.Repeat("a", 64) + `"},"args":["a"],"files":[{"name":"f","digest":"` + strings.Repeat("0", 64) + `"}]}`,
		`{"name":"x","role":"viewer","namespace":"*"}`, `{"cores":1e400}`, `{"program":{},"env":{"A":"b"}}`, `[[[[`, `{"timeout":-1}`, `null`, `{"a":1}{`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var tokenErr, specErr error
		got := allocs.Bytes(func() {
			tokenErr = master.DecodeToken(b)
			_, specErr = master.DecodeSpec(b)
		})
		if got > 2*uint64(1<<20+8*len(b)) {
			t.Errorf("%d bytes took %d of memory: %v, %v", len(b), got, tokenErr, specErr)
		}
		if err := master.DecodeToken(b); err != nil {
			if status, code := master.Status(err); status != http.StatusBadRequest || code != job.ExitUsage {
				t.Errorf("token: %d, code %d: %v", status, code, err)
			}
		}
		spec, err := master.DecodeSpec(b)
		if err != nil {
			if status, code := master.Status(err); status/100 != 4 || code != job.ExitUsage {
				t.Errorf("spec: %d, code %d: %v", status, code, err)
			}
			return
		}
		again, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := master.DecodeSpec(again); err != nil {
			t.Errorf("%s was accepted, and %s is not: %v", b, again, err)
		}
	})
}

// jobQuery lists jobs by number and by whether they have ended.
func (c *cluster) jobQuery(t *testing.T) {
	t.Helper()
	n := c.nodes[0]
	ids := make([]job.ID, 4)
	for i := range ids {
		ids[i] = c.submit(t, n, fmt.Sprintf("query-%d", i), "")
	}
	if resp := c.do(t, n, request{method: http.MethodPost, path: "/v1/jobs/" + string(ids[2]) + "/stop"}); resp.status != http.StatusOK {
		t.Fatalf("stop: %d %s", resp.status, resp.body)
	}
	for _, grace := range []string{"soon", "-1s", "25h"} {
		if resp := c.do(t, n, request{method: http.MethodPost, path: "/v1/jobs/" + string(ids[0]) + "/stop?grace=" + grace}); resp.status != http.StatusBadRequest {
			t.Errorf("stop with grace %s: %d %s", grace, resp.status, resp.body)
		}
	}
	for _, tt := range []struct {
		query string
		want  []job.ID // the first ones
		short bool     // and no more
	}{
		{"", []job.ID{ids[3], ids[2], ids[1], ids[0]}, false},
		{"?limit=0", []job.ID{ids[3], ids[2], ids[1], ids[0]}, false},
		{"?limit=2", []job.ID{ids[3], ids[2]}, true},
		{"?limit=2&running=true", []job.ID{ids[3], ids[1]}, true},
		{"?running=true", []job.ID{ids[3], ids[1], ids[0]}, false},
	} {
		var list []job.Info
		if status := c.get(n, "/v1/jobs"+tt.query, &list); status != http.StatusOK {
			t.Errorf("%q: %d", tt.query, status)
		}
		if len(list) < len(tt.want) || tt.short && len(list) > len(tt.want) {
			t.Errorf("%q: %d jobs, want %d", tt.query, len(list), len(tt.want))
			continue
		}
		for i, id := range tt.want {
			if list[i].ID != id {
				t.Errorf("%q: job %d is %s, want %s", tt.query, i, list[i].ID, id)
			}
		}
	}
	for _, query := range []string{"?limit=-1", "?limit=x", "?running=perhaps"} {
		if status := c.get(n, "/v1/jobs"+query, nil); status != http.StatusBadRequest {
			t.Errorf("%q: %d", query, status)
		}
	}
}
