package master

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/master/fsm"

	"github.com/hashicorp/raft"
)

// SetAbrupt makes the end of Run a hard stop: nothing is handed over.
func (m *Master) SetAbrupt() { m.abrupt = true }

// Ending reports whether Raft is about to be shut down.
func (m *Master) Ending() bool { return m.node.ending.Load() }

// Verify asks most masters whether this one still leads.
func (m *Master) Verify(ctx context.Context) error { return m.node.verify(ctx) }

// Questions returns how many of those Raft has not come to.
func (m *Master) Questions() int {
	return reflect.ValueOf(m.node.raft).Elem().FieldByName("verifyCh").Len()
}

// WrapLog puts a store in front of the disk's.
func (m *Master) WrapLog(wrap func(raft.LogStore) raft.LogStore) {
	m.WrapStores(func(s Stores) Stores { s.Log = wrap(s.Log); return s })
}

// Stores are what Raft writes to.
type Stores struct {
	Log       raft.LogStore
	Stable    raft.StableStore
	Snapshots raft.SnapshotStore
}

// WrapStores puts stores in front of the disk's.
func (m *Master) WrapStores(wrap func(Stores) Stores) {
	m.wrap = func(s stores) stores {
		w := wrap(fromStores(s))
		return stores{w.Log, w.Stable, w.Snapshots}
	}
}

// Tune changes Raft's settings before Run.
func (m *Master) Tune(f func(*raft.Config)) { m.tune = f }

// Propose commits a command, as the API and the control loop do.
func (m *Master) Propose(ctx context.Context, cmd fsm.Command) error {
	result, err := m.node.propose(ctx, cmd)
	if err != nil {
		return err
	}
	return result.Err()
}

// State is this master's copy of the replicated state.
func (m *Master) State() *fsm.State { return m.node.State() }

// SetFree says how much is free on the disk of the data folder.
func (m *Master) SetFree(free func() int64) {
	m.disk.free = func(string) (int64, error) { return free(), nil }
}

// SetWall sets the machine's clock wrong by a constant.
func (m *Master) SetWall(wrong time.Duration) {
	m.wall = func() time.Time { return time.Now().Add(wrong) }
}

// TransferTo hands Raft's leadership to another master.
func (m *Master) TransferTo(id, addr string) error {
	return m.node.raft.LeadershipTransferToServer(raft.ServerID(id), raft.ServerAddress(addr)).Error()
}

// SetElections changes after how long without a leader this master stands for
// election, while it runs.
func (m *Master) SetElections(after time.Duration) error {
	rc := m.node.raft.ReloadableConfig()
	rc.HeartbeatTimeout, rc.ElectionTimeout = after, after
	return m.node.raft.ReloadConfig(rc)
}

// AwaitRaft waits until Raft has ended, which Run does not where a disk hangs: until
// then something may be written.
func (m *Master) AwaitRaft(tb testing.TB) {
	tb.Helper()
	if err := m.node.end().Error(); err != nil {
		tb.Error(err)
	}
}

// WrapListener puts a listener in front of the cluster's.
func (m *Master) WrapListener(wrap func(net.Listener) net.Listener) {
	m.streams.listener = wrap(m.streams.listener)
}

// SetAPI makes a master look for the API of another one at addr, until gossip
// says otherwise.
func (m *Master) SetAPI(id, addr string) {
	m.roster.mu.Lock()
	defer m.roster.mu.Unlock()
	peer := m.roster.masters[id]
	peer.API = addr
	m.roster.masters[id] = peer
}

// MaxHandshakes is how many strangers may be shaking hands.
const MaxHandshakes = maxHandshakes

// HideHolders leaves the holders that a token of a namespace may see.
func HideHolders(s *fsm.State, namespace string, role job.Role, why *job.Why) {
	r := newReplica(nil)
	r.set(s)
	(&api{node: &consensus{replica: r}}).hideHolders(&fsm.Token{Namespace: namespace, Role: role}, why)
}

// LimitConns closes connections beyond a limit.
func LimitConns(limit int64) func(net.Conn, http.ConnState) { return limitConns(limit) }

// ReadsInTime reports whether the body of a request gets a deadline.
func ReadsInTime(r *http.Request) (bool, error) {
	w := &deadlineWriter{ResponseWriter: httptest.NewRecorder()}
	err := (&api{}).limitBody(&call{w: &recorder{ResponseWriter: w}, r: r})
	return w.set, err
}

// WritesInTime reports how often an answer of several writes and flushes got a deadline to write by, and whether it has one afterwards.
func WritesInTime(writes int) (deadlines int, left bool, err error) {
	w := &deadlineWriter{ResponseWriter: httptest.NewRecorder()}
	rec := &recorder{ResponseWriter: w}
	for range writes {
		if _, err := rec.Write([]byte("x")); err != nil {
			return w.writes, false, err
		}
		if err := rec.control().Flush(); err != nil {
			return w.writes, false, err
		}
	}
	return w.writes, w.left, nil
}

type deadlineWriter struct {
	http.ResponseWriter
	set    bool
	writes int
	left   bool
}

func (w *deadlineWriter) SetWriteDeadline(t time.Time) error {
	if w.left = !t.IsZero(); w.left {
		w.writes++
	}
	return nil
}

// Unwrap lets http.ResponseController flush.
func (w *deadlineWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *deadlineWriter) SetReadDeadline(time.Time) error { w.set = true; return nil }

// Route is what a test sees of a route.
type Route struct {
	Method, Path string
	Role         job.Role
}

// Routes lists the API.
func Routes() []Route {
	all := (&api{}).newRoutes()
	list := make([]Route, 0, len(all))
	for _, r := range all {
		list = append(list, Route{r.method, r.path, r.role})
	}
	return list
}

// OpenAPI is the embedded description.
func OpenAPI() []byte { return openAPI }

// Bodies are the types that openapi.yaml describes beside bsp/job's.
var Bodies = map[string]any{"Status": clusterStatus{}, "MasterNode": masterNode{}, "NewToken": newToken{}, "Restored": restored{}, "Error": apiError{}}

// DecodeSpec is what the API does with the body of a submission.
func DecodeSpec(b []byte) (job.Spec, error) {
	var s job.Spec
	if err := decodeJSON(bytes.NewReader(b), &s); err != nil {
		return s, err
	}
	return s, checkSpec(s)
}

// DecodeToken is what the API does with the body of a token's creation.
func DecodeToken(b []byte) error {
	var t newToken
	if err := decodeJSON(bytes.NewReader(b), &t); err != nil {
		return err
	}
	return t.check()
}

// Status returns what a client is told of an error.
func Status(err error) (status, code int) {
	e := toAPIError(err)
	return e.status, e.Code
}

// Watch puts a watchdog before stores.
func Watch(s Stores, limit time.Duration) (watched Stores, report <-chan error) {
	w := newWatchdog(limit)
	return fromStores(w.over(stores{s.Log, s.Stable, s.Snapshots})), w.report
}

func fromStores(s stores) Stores { return Stores{s.log, s.stable, s.snapshots} }

// Audit writes lines to an audit log.
func Audit(path string, what ...string) error {
	return AuditTo(slog.New(slog.DiscardHandler), path, what...)
}

// AuditTo is Audit with a log for its warnings.
func AuditTo(log *slog.Logger, path string, what ...string) error {
	a, err := openAudit(path, log)
	if err != nil {
		return err
	}
	for _, w := range what {
		if err := a.append(auditEntry{Time: time.Unix(1, 0).UTC(), Who: "t-1", What: w, On: "/v1", Outcome: "ok"}); err != nil {
			return errors.Join(err, a.close())
		}
	}
	return a.close()
}
