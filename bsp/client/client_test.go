package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"scalar/bsp/client"
	"scalar/bsp/job"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// master is a fake one behind TLS.
func master(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// closed returns an address on which nobody listens.
func closed(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "https://" + l.Addr().String()
}

func connect(t *testing.T, cfg client.Config, servers ...*httptest.Server) *client.Client {
	t.Helper()
	for _, s := range servers {
		cfg.Addrs = append(cfg.Addrs, s.URL)
		cfg.CA = append(cfg.CA, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})...)
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

func TestSubmitRepeatsWithTheSameRequestID(t *testing.T) {
	var mu sync.Mutex
	var ids []string
	handler := func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		ids = append(ids, r.Header.Get("X-Request-Id"))
		n := len(ids)
		mu.Unlock()
		var spec job.Spec
		if err := json.NewDecoder(r.Body).Decode(&spec); err != nil || spec.Name != "x" || r.Header.Get("Authorization") != "Bearer secret" {
			answer(w, http.StatusBadRequest, map[string]any{"error": "bad", "code": 2})
			return
		}
		switch n {
		case 1:
			answer(w, http.StatusServiceUnavailable, map[string]any{"error": "no leader", "code": 5})
		case 2:
			panic(http.ErrAbortHandler) // the link breaks: nobody knows the outcome
		default:
			answer(w, http.StatusCreated, job.Info{ID: "x-1", State: job.Queued})
		}
	}
	c := connect(t, client.Config{Token: "secret", Addrs: []string{closed(t)}}, master(t, handler), master(t, handler))
	info, err := c.Submit(t.Context(), job.Spec{Name: "x"})
	if err != nil || info.ID != "x-1" {
		t.Fatalf("Submit = %+v, %v", info, err)
	}
	if len(ids) < 3 || ids[0] == "" || ids[0] != ids[1] || ids[1] != ids[2] {
		t.Errorf("request ids = %q, want the same three times", ids)
	}
}

// A master that dies while it answers has answered nothing: another one is asked.
func TestCutAnswerIsAskedForAgain(t *testing.T) {
	var calls atomic.Int32
	handler := func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) < 3 {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `[{"id":"x-1","sta`)
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		answer(w, http.StatusOK, []job.Info{{ID: "x-2", State: job.Queued}})
	}
	c := connect(t, client.Config{}, master(t, handler), master(t, handler))
	all, err := c.Jobs(t.Context(), client.JobQuery{})
	if err != nil || len(all) != 1 || all[0].ID != "x-2" {
		t.Errorf("Jobs = %+v, %v", all, err)
	}
}

func TestErrorsKeepTheMastersWordsAndCode(t *testing.T) {
	for _, row := range []struct {
		status int
		body   string
		code   int
		text   string
	}{
		{http.StatusForbidden, `{"error":"token alice may not do that","code":4}`, job.ExitDenied, "token alice may not do that"},
		{http.StatusNotFound, `{"error":"no job x-9"}`, job.ExitNotFound, "no job x-9"},
		{http.StatusConflict, `{"error":"output exists","code":2}`, job.ExitUsage, "output exists"},
		{http.StatusInternalServerError, `oh`, job.ExitInternal, "oh"},
	} {
		c := connect(t, client.Config{}, master(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(row.status)
			io.WriteString(w, row.body)
		}))
		_, err := c.Job(t.Context(), "x-9")
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != row.status || client.ExitCode(err) != row.code || !strings.Contains(err.Error(), row.text) {
			t.Errorf("%d %s: %v, exit %d", row.status, row.body, err, client.ExitCode(err))
		}
	}
}

func TestUnreachableWithinFiveSeconds(t *testing.T) {
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0") // the kernel accepts, nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, addrs := range map[string][]string{
		"refused": {closed(t)},
		"silent":  {"https://" + silent.Addr().String()},
		"all":     {closed(t), "https://" + silent.Addr().String(), closed(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := connect(t, client.Config{Addrs: addrs, Patience: time.Second})
			start := time.Now()
			_, err := c.Jobs(t.Context(), client.JobQuery{})
			if !errors.Is(err, client.ErrUnreachable) || client.ExitCode(err) != job.ExitUnreachable {
				t.Errorf("Jobs: %v", err)
			}
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("took %s with a patience of 1 s", d)
			}
		})
	}
}

// transport is masters that answer at once.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// While masters elect a leader, a call goes on for longer than it looks for somebody who answers, and says so. Where that
// takes too long it ends in the masters' own words, whoever was asked last.
func TestElectionIsWaitedFor(t *testing.T) {
	for _, row := range []struct {
		elected time.Duration // after this
		ends    time.Duration // at the latest
		told    int
	}{{time.Second, 2 * time.Second, 0}, {10 * time.Second, 11 * time.Second, 1}, {time.Hour, 30 * time.Second, 1}} {
		synctest.Test(t, func(t *testing.T) {
			told := 0
			c, err := client.New(client.Config{Addrs: []string{"gone:1", "there:1", "gone:2"}, Election: 30 * time.Second, Waiting: func(err error) {
				if told++; err.Error() != "no leader" {
					t.Error(err)
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			c.Through(transport(func(r *http.Request) (*http.Response, error) {
				w := httptest.NewRecorder()
				switch {
				case r.URL.Hostname() == "gone":
					return nil, syscall.ECONNREFUSED
				case time.Since(began) < row.elected:
					answer(w, http.StatusServiceUnavailable, map[string]any{"error": "no leader", "code": job.ExitUnreachable})
				default:
					answer(w, http.StatusOK, job.Info{ID: "x-1", State: job.Succeeded})
				}
				return w.Result(), nil
			}))
			for name, call := range map[string]func() (job.Info, error){
				"Submit": func() (job.Info, error) { return c.Submit(t.Context(), job.Spec{Name: "x"}) },
				"Watch": func() (job.Info, error) {
					return c.Watch(t.Context(), "x-1", func(job.Info) error { return nil })
				},
			} {
				began, told = time.Now(), 0
				info, err := call()
				if took := time.Since(began); took > row.ends || took < min(row.elected, row.ends-time.Second) || told != row.told {
					t.Errorf("%s: after %s, told %d times; want %s and %d", name, took, told, row.ends, row.told)
				}
				if row.elected <= row.ends {
					if err != nil || info.State != job.Succeeded {
						t.Errorf("%s: %+v, %v", name, info, err)
					}
					continue
				}
				if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != job.ExitUnreachable || err.Error() != "no leader" {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// stranger returns a client that does not trust the one master it knows, and how often it has called there.
func stranger(t *testing.T) (*client.Client, *atomic.Int32) {
	t.Helper()
	calls := &atomic.Int32{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked") }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Config.ConnState = func(_ net.Conn, now http.ConnState) {
		if now == http.StateNew {
			calls.Add(1)
		}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return connect(t, client.Config{Addrs: []string{s.URL}}), calls
}

func TestUntrustedMasterIsNotAskedTwice(t *testing.T) {
	c, calls := stranger(t)
	_, err := c.Jobs(t.Context(), client.JobQuery{})
	if client.ExitCode(err) != job.ExitUnreachable || !strings.Contains(fmt.Sprint(err), "--ca") || calls.Load() != 1 {
		t.Errorf("Jobs: %v after %d calls", err, calls.Load())
	}
}

func TestWatchGoesOnWithAnotherMasterAndTellsNothingTwice(t *testing.T) {
	states := []job.Info{
		{ID: "x-1", State: job.Queued},
		{ID: "x-1", State: job.Running, Supersteps: 3},
		{ID: "x-1", State: job.Running, Supersteps: 4},
		{ID: "x-1", State: job.Succeeded, Supersteps: 5},
	}
	var calls atomic.Int32
	handler := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		enc := json.NewEncoder(w)
		from, to := 0, 2
		if calls.Add(1) > 1 {
			from, to = 1, len(states)
		}
		for _, s := range states[from:to] {
			enc.Encode(s)
			io.WriteString(w, "\n")
			w.(http.Flusher).Flush()
		}
		if to == 2 {
			panic(http.ErrAbortHandler)
		}
	}
	c := connect(t, client.Config{}, master(t, handler), master(t, handler))
	var seen []int
	info, err := c.Watch(t.Context(), "x-1", func(i job.Info) error { seen = append(seen, i.Supersteps); return nil })
	if err != nil || info.State != job.Succeeded || fmt.Sprint(seen) != "[0 3 4 5]" {
		t.Errorf("Watch = %v %v, saw %v", info.State, err, seen)
	}
}

// TestWatchTakesTheLongestResult: the masters put up to 1 MiB into Info, each byte of
// which may be six in JSON.
func TestWatchTakesTheLongestResult(t *testing.T) {
	for _, b := range []string{"\x01", "&", "\xff"} {
		ended := job.Info{ID: "x-1", State: job.Succeeded, Result: strings.Repeat(b, 1<<20)}
		c := connect(t, client.Config{}, master(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-ndjson")
			json.NewEncoder(w).Encode(ended)
		}))
		c.LossLimit(100 * time.Millisecond)
		info, err := c.Watch(t.Context(), "x-1", func(job.Info) error { return nil })
		if want := strings.ToValidUTF8(b, "\ufffd"); err != nil || info.Result != strings.Repeat(want, 1<<20) {
			t.Errorf("of %q: %d bytes, %v", b, len(info.Result), err)
		}
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	c := connect(t, client.Config{}, master(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		json.NewEncoder(w).Encode(job.Info{State: job.Queued})
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	ctx, cancel := context.WithCancel(t.Context())
	_, err := c.Watch(ctx, "x-1", func(job.Info) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Watch: %v", err)
	}
}

func TestLogsSkipWhatIsWritten(t *testing.T) {
	var calls atomic.Int32
	c := connect(t, client.Config{}, master(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("follow") != "true" || r.URL.Query().Has("task") {
			t.Errorf("query %q", r.URL.RawQuery)
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if calls.Add(1) == 1 {
			io.WriteString(w, "task 0: a\ntask 1: x\ntask 0: b\n")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		io.WriteString(w, "task 1: x\ntask 1: y\ntask 0: a\ntask 0: b\ntask 0: c\n")
	}))
	var out bytes.Buffer
	if err := c.Logs(t.Context(), "x-1", client.LogOptions{Task: -1, Follow: true}, &out); err != nil {
		t.Fatal(err)
	}
	if want := "task 0: a\ntask 1: x\ntask 0: b\ntask 1: y\ntask 0: c\n"; out.String() != want {
		t.Errorf("logs:\n%swant:\n%s", out.String(), want)
	}
}

// Lines are counted for each attempt: the first ones of a new attempt are not taken for
// those of the one before.
func TestLogsOfALaterAttempt(t *testing.T) {
	var calls atomic.Int32
	c := connect(t, client.Config{}, master(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		switch calls.Add(1) {
		case 1:
			io.WriteString(w, "task 0: a\ntask 1: x\ntask 0: b\n")
		case 2: // the job has been started again meanwhile
			io.WriteString(w, "[attempt 2]\ntask 0: c\n")
		case 3:
			io.WriteString(w, "[attempt 2]\ntask 1: y\ntask 0: c\ntask 0: d\n[attempt 3]\ntask 0: e\n")
		default:
			io.WriteString(w, "[attempt 3]\ntask 0: e\ntask 1: z\n")
			return
		}
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}))
	var out bytes.Buffer
	if err := c.Logs(t.Context(), "x-1", client.LogOptions{Task: -1, Follow: true}, &out); err != nil {
		t.Fatal(err)
	}
	want := "task 0: a\ntask 1: x\ntask 0: b\n[attempt 2]\ntask 0: c\ntask 1: y\ntask 0: d\n[attempt 3]\ntask 0: e\ntask 1: z\n"
	if out.String() != want {
		t.Errorf("logs:\n%swant:\n%s", out.String(), want)
	}
}

// streams are the calls that look for a lost cluster, and say so.
func streams(ctx context.Context, c *client.Client) map[string]error {
	_, err := c.Watch(ctx, "x-1", func(job.Info) error { return nil })
	return map[string]error{"Watch": err, "Logs": c.Logs(ctx, "x-1", client.LogOptions{Task: -1}, io.Discard)}
}

// A cluster that has not answered yet is not waited for longer than for any call.
func TestStreamsOfADeadCluster(t *testing.T) {
	c := connect(t, client.Config{Addrs: []string{closed(t)}, Patience: 200 * time.Millisecond})
	start := time.Now()
	for name, err := range streams(t.Context(), c) {
		if !errors.Is(err, client.ErrUnreachable) || strings.Count(err.Error(), client.ErrUnreachable.Error()) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("took %s with a patience of 200 ms", d)
	}
}

// One that was there is, for so long, and the error says it once. A master that is
// another one by its certificate is not.
func TestStreamsOfALostCluster(t *testing.T) {
	var down atomic.Bool
	s := master(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !down.Load():
			answer(w, http.StatusOK, []any{})
		case r.URL.Path == "/v1/jobs/x-1/watch": // opened, and gone
			w.Header().Set("Content-Type", "application/x-ndjson")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		default:
			panic(http.ErrAbortHandler)
		}
	})
	c := connect(t, client.Config{Patience: 100 * time.Millisecond}, s)
	c.LossLimit(500 * time.Millisecond)
	if _, err := c.Jobs(t.Context(), client.JobQuery{}); err != nil {
		t.Fatal(err)
	}
	down.Store(true)
	start := time.Now()
	for name, err := range streams(t.Context(), c) {
		if !errors.Is(err, client.ErrUnreachable) || strings.Count(err.Error(), client.ErrUnreachable.Error()) != 1 || !strings.Contains(err.Error(), "for 500ms") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if d := time.Since(start); d < time.Second {
		t.Errorf("given up after %s, twice 500 ms", d)
	}
	c, calls := stranger(t)
	for name, err := range streams(t.Context(), c) {
		if !errors.Is(err, client.ErrUnreachable) || !strings.Contains(err.Error(), "--ca") {
			t.Errorf("%s of an untrusted master: %v", name, err)
		}
	}
	if n := calls.Load(); n != 2 {
		t.Errorf("an untrusted master was called %d times for two streams", n)
	}
}

func TestUploadOnce(t *testing.T) {
	var mu sync.Mutex
	stored := map[string][]byte{}
	puts := 0
	c := connect(t, client.Config{}, master(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		switch r.Method {
		case http.MethodHead:
			if stored[r.URL.Path] == nil {
				w.WriteHeader(http.StatusNotFound)
			}
		case http.MethodPut:
			if puts++; puts == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			stored[r.URL.Path], _ = io.ReadAll(r.Body)
			w.WriteHeader(http.StatusCreated)
		}
	}))
	path := filepath.Join(t.TempDir(), "prog")
	data := bytes.Repeat([]byte("scalar"), 100_000)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		b, err := c.Upload(t.Context(), client.Programs, path)
		if err != nil || b.Size != int64(len(data)) || !bytes.Equal(stored["/v1/blobs/programs/"+b.Digest], data) {
			t.Fatalf("Upload = %+v, %v", b, err)
		}
	}
	if puts != 2 {
		t.Errorf("sent %d times, want 2 (one was refused)", puts)
	}
}

func TestTheOtherCalls(t *testing.T) {
	var got []string
	c := connect(t, client.Config{}, master(t, func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Method+" "+r.URL.Path)
		switch {
		case strings.HasSuffix(r.URL.Path, "/result"):
			io.WriteString(w, "3.14\n")
		case r.Method == http.MethodGet && (strings.HasSuffix(r.URL.Path, "nodes") || strings.HasSuffix(r.URL.Path, "tokens") || strings.HasSuffix(r.URL.Path, "jobs")):
			answer(w, http.StatusOK, []any{})
		default:
			answer(w, http.StatusOK, map[string]any{})
		}
	}))
	ctx := t.Context()
	var result bytes.Buffer
	_, e1 := c.Jobs(ctx, client.JobQuery{})
	_, e2 := c.Nodes(ctx)
	_, e3 := c.Why(ctx, "a-1")
	_, e4 := c.Plan(ctx, "a-1")
	_, e5 := c.Tokens(ctx)
	_, e6 := c.CreateToken(ctx, client.NewToken{Name: "n", Role: job.Viewer})
	_, e7 := c.Status(ctx)
	err := errors.Join(e1, e2, e3, e4, e5, e6, e7, c.Result(ctx, "a-1", &result), c.Stop(ctx, "a-1"),
		c.Drain(ctx, "g1", true), c.Drain(ctx, "g1", false), c.RevokeToken(ctx, "t1"))
	if err != nil || result.String() != "3.14\n" {
		t.Errorf("%v, result %q", err, result.String())
	}
	want := "GET /v1/jobs,GET /v1/nodes,GET /v1/jobs/a-1/why,GET /v1/jobs/a-1/plan,GET /v1/tokens,POST /v1/tokens,GET /v1/status," +
		"GET /v1/jobs/a-1/result,POST /v1/jobs/a-1/stop,POST /v1/nodes/g1/drain,POST /v1/nodes/g1/undrain,DELETE /v1/tokens/t1"
	if strings.Join(got, ",") != want {
		t.Errorf("routes:\n%s\nwant:\n%s", strings.Join(got, ","), want)
	}
}

func TestNewRefusesWrongAddresses(t *testing.T) {
	for _, addr := range []string{"http://127.0.0.1:1", "https://host", "", "https://:1"} {
		if _, err := client.New(client.Config{Addrs: []string{addr}}); err == nil {
			t.Errorf("New(%q) succeeded", addr)
		}
	}
	if _, err := client.New(client.Config{}); err == nil {
		t.Error("New without address succeeded")
	}
	if _, err := client.New(client.Config{Addrs: []string{"a:1"}, CA: []byte("no PEM")}); err == nil {
		t.Error("New with a broken CA succeeded")
	}
}
