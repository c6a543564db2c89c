package master_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/internal/pki"
	"scalar/master"
	"scalar/master/fsm"
)

// hungLeader is the API of a leader that takes calls and answers none, but for
// the first line of a stream.
func (c *cluster) hungLeader(t *testing.T) (addr string, called <-chan string) {
	t.Helper()
	cfg := c.config(t, 9)
	own, err := pki.NewOwn(cfg.CA, pki.Pair{Cert: cfg.Cert, Key: cfg.Key}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", own.ServerTLS(pki.ServerOptions{ALPN: []string{"http/1.1"}}))
	if err != nil {
		t.Fatal(err)
	}
	calls := make(chan string, 100)
	s := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/watch") {
			_, _ = io.WriteString(w, "{}\n")
			_ = http.NewResponseController(w).Flush()
		}
		calls <- r.URL.Path
		<-r.Context().Done()
	})}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-ended })
	return l.Addr().String(), calls
}

// TestHungLeaderHoldsNoCall: a follower gives up the calls that it has handed to
// a leader once that one leads no longer, whether there is another or none.
func TestHungLeaderHoldsNoCall(t *testing.T) {
	t.Parallel()
	for _, masters := range []int{3, 2} { // of two, the other elects nobody
		t.Run(fmt.Sprint(masters, " masters"), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, masters)
			leader := c.leader(t)
			follower := c.nodes[(slices.Index(c.nodes, leader)+1)%masters]
			addr, called := c.hungLeader(t)
			answers := make(chan response, 2)
			send := func(path string) {
				for end := time.Now().Add(patience); ; { // gossip may set the address right before the call
					if time.Now().After(end) {
						t.Fatal("no call came to the leader: another one leads")
					}
					follower.SetAPI(leader.ID(), addr)
					answered := make(chan response, 1)
					go func() {
						resp, err := c.try(follower, request{method: http.MethodGet, path: path})
						if err != nil {
							resp.header = http.Header{"Cut": {err.Error()}}
						}
						answered <- resp
					}()
					select {
					case <-called:
						go func() { answers <- <-answered }()
						return
					case resp := <-answered:
						t.Logf("answered: %d", resp.status)
					}
				}
			}
			send("/v1/jobs")
			send("/v1/jobs/x-1/watch")
			began := time.Now()
			c.kill(t, leader)
			for range 2 {
				resp := <-answers // one that is held ends with the caller's patience, and no status
				t.Logf("%d after %v: %s %v", resp.status, time.Since(began).Round(time.Millisecond), resp.body, resp.header["Cut"])
				switch resp.status {
				case http.StatusServiceUnavailable:
					if resp.header.Get("Retry-After") == "" {
						t.Error("no Retry-After")
					}
				case http.StatusOK:
					if resp.header.Get("Cut") == "" {
						t.Error("a stream that was cut looks whole")
					}
				default:
					t.Errorf("status %d", resp.status)
				}
			}
			if masters == 3 {
				c.submit(t, follower, "later", "")
			}
		})
	}
}

// TestMasterComesBackWithoutSeeds: it finds the others by where it has seen them.
func TestMasterComesBackWithoutSeeds(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	n := c.followers(t)[0]
	c.kill(t, n)
	cfg := n.cfg
	cfg.Seeds = nil // and the others have never seen its new address
	back := c.start(t, cfg)
	eventually(t, "the master is back", func() bool { return c.get(back, "/v1/jobs", nil) == http.StatusOK })
}

// TestStrangersKeepNobodyOut: connections that say nothing give way to those of
// the cluster's own.
func TestStrangersKeepNobodyOut(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	n := c.nodes[0]
	strangers := make([]net.Conn, 0, master.MaxHandshakes+20)
	for range cap(strangers) {
		s, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", n.Addrs().Cluster)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		strangers = append(strangers, s)
	}
	if _, err := c.groom(t, n, "g2"); err != nil {
		t.Errorf("a groom is kept out: %v", err)
	}
	_ = strangers[0].SetReadDeadline(time.Now().Add(2 * time.Second)) // before its time is over
	if _, err := bufio.NewReader(strangers[0]).ReadByte(); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("the oldest stranger stays: %v", err)
	}
}

func TestHoldersInOtherNamespaces(t *testing.T) {
	t.Parallel()
	s := fsm.New()
	for i, namespace := range []string{"a", "b", "a", "c"} {
		spec := pi("x")
		spec.Namespace = namespace
		var r fsm.Result
		s, r = fsm.Apply(s, uint64(i+1), fsm.Command{Now: time.Unix(1, 0), Submit: &fsm.Submit{Spec: spec, Submitter: "s", Results: "file:///r"}})
		if err := r.Err(); err != nil {
			t.Fatal(err)
		}
	}
	holders := []job.ID{"x-1", "x-2", "x-3", "x-4", "gone-9"}
	for _, tc := range []struct {
		namespace string
		role      job.Role
		want      []job.ID
		free      string
	}{
		{"a", job.Viewer, []job.ID{"x-1", "x-3"}, "0 slots (holders in other namespaces: 3)"},
		{"d", job.Submitter, []job.ID{}, "0 slots (holders in other namespaces: 5)"},
		{"*", job.Viewer, holders, "0 slots"},
		{"a", job.Operator, holders, "0 slots"},
	} {
		why := job.Why{Reasons: []job.Reason{{Free: "0 slots", Holders: holders}, {Free: "none"}}}
		master.HideHolders(s, tc.namespace, tc.role, &why)
		if r := why.Reasons[0]; !slices.Equal(r.Holders, tc.want) || r.Free != tc.free {
			t.Errorf("%s %s sees %v, %s", tc.namespace, tc.role, r.Holders, r.Free)
		}
		if why.Reasons[1].Free != "none" || len(holders) != 5 || holders[1] != "x-2" {
			t.Errorf("changed %+v, %v", why.Reasons[1], holders)
		}
	}
}
