package fsm

import (
	"errors"
	"time"
)

// ApplyEncoded decodes one log entry and applies it. An entry that is no
// command changes nothing.
func ApplyEncoded(s *State, index uint64, b []byte) (*State, Result) {
	c, err := Decode(b)
	if err != nil {
		return s, refuse(ErrInvalid, "%v", err)
	}
	return Apply(s, index, c)
}

// Apply returns the state after c, the command at the given log index. When c
// is refused it returns s itself.
func Apply(s *State, index uint64, c Command) (*State, Result) {
	kind := c.kind()
	switch {
	case kind == "":
		return s, refuse(ErrInvalid, "not exactly one command is set")
	case c.Now.IsZero():
		return s, refuse(ErrInvalid, "no time stamp")
	case len(c.RequestID) > maxName:
		return s, refuse(ErrInvalid, "request id longer than %d bytes", maxName)
	}
	if c.RequestID != "" {
		if r, ok := s.requests.get(c.RequestID); ok && c.Now.Sub(r.At) < RequestAge {
			if r.Kind != kind {
				return s, refuse(ErrReused, "request id %s was a %s", clip(c.RequestID), r.Kind)
			}
			return s, r.Result
		}
	}
	next := *s
	next.Index = index
	if now := c.Now.UTC().Round(0); now.After(next.Now) { // stamps of successive leaders may go back
		next.Now = now
	}
	r := next.dispatch(c)
	if r.Code != 0 {
		return s, r
	}
	if c.RequestID != "" {
		next.remember(c.RequestID, kind, r)
	}
	next.forget()
	return &next, r
}

func (s *State) dispatch(c Command) Result {
	switch {
	case c.Bootstrap != nil:
		return s.bootstrap(*c.Bootstrap)
	case c.Submit != nil:
		return s.submit(*c.Submit)
	case c.Place != nil:
		return s.place(*c.Place)
	case c.EndAttempt != nil:
		return s.endAttemptCommand(*c.EndAttempt)
	case c.CommitCheckpoint != nil:
		return s.commitCheckpoint(*c.CommitCheckpoint)
	case c.Finish != nil:
		return s.finish(*c.Finish)
	case c.Committed != nil:
		return s.committed(*c.Committed)
	case c.Stop != nil:
		return s.stop(*c.Stop)
	case c.TimeOut != nil:
		return s.timeOut(*c.TimeOut)
	case c.Cleaned != nil:
		return s.cleaned(*c.Cleaned)
	case c.Archived != nil:
		return s.archived(*c.Archived)
	case c.RegisterGroom != nil:
		return s.registerGroom(c.RegisterGroom.Facts)
	case c.GroomLost != nil:
		return s.groomLost(*c.GroomLost)
	case c.Drain != nil:
		return s.drain(*c.Drain)
	case c.CreateToken != nil:
		return s.createToken(*c.CreateToken)
	case c.RevokeToken != nil:
		return s.revokeToken(*c.RevokeToken)
	}
	return refuse(ErrInvalid, "unknown command")
}

// remember stores what a request id did.
func (s *State) remember(id, kind string, r Result) {
	if old, ok := s.requests.get(id); ok { // older than RequestAge
		s.requestLog = s.requestLog.del(old.Seq)
	}
	s.requestSeq++
	s.requests = s.requests.set(id, request{Seq: s.requestSeq, At: s.Now, Kind: kind, Result: r})
	s.requestLog = s.requestLog.set(s.requestSeq, id)
}

// forget drops the request ids that the bounds on age and number no longer keep.
func (s *State) forget() {
	for {
		seq, id, ok := s.requestLog.first()
		if !ok {
			break
		}
		r, _ := s.requests.get(id)
		if s.requestLog.len() <= MaxRequests && s.Now.Sub(r.At) < RequestAge {
			break
		}
		s.requestLog = s.requestLog.del(seq)
		s.requests = s.requests.del(id)
	}
}

func (s *State) bootstrap(c Bootstrap) Result {
	switch {
	case c.Cluster == "" || len(c.Cluster) > maxName || len(c.AdminHash) > maxName:
		return refuse(ErrInvalid, "a cluster needs a UUID")
	case s.Cluster != "" && s.Cluster != c.Cluster:
		return refuse(ErrConflict, "this is cluster %s", s.Cluster)
	case s.Cluster == "":
		s.Cluster, s.AdminHash = c.Cluster, c.AdminHash
	}
	return Result{}
}

// refusal returns the Result for an error of a check.
func refusal(err error) Result {
	for i, sentinel := range codes {
		if errors.Is(err, sentinel) {
			return Result{Code: Code(i + 1), Message: trimPrefix(err.Error(), sentinel.Error()+": ")}
		}
	}
	return refuse(ErrInvalid, "%v", err)
}

func trimPrefix(s, prefix string) string {
	if len(s) > len(prefix) && s[:len(prefix)] == prefix {
		return s[len(prefix):]
	}
	return s
}

// since returns the time from t to now, never negative.
func since(now, t time.Time) time.Duration { return max(0, now.Sub(t)) }
