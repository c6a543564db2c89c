package fsm

import (
	"math"
	"time"

	"scalar/bsp/job"
)

// lostAge is how long a lost groom is shown to people before it is forgotten.
const lostAge = 7 * 24 * time.Hour

func (s *State) registerGroom(f Facts) Result {
	switch {
	case f.Name == "" || len(f.Name) > maxName || len(f.Addr) > maxName || len(f.Version) > maxName:
		return refuse(ErrInvalid, "groom %q at %q", clip(f.Name), clip(f.Addr))
	case f.Slots < 0 || f.Slots > job.MaxPeers || f.Memory < 0 || f.GPUs < 0 || f.GPUs > 1024 || !(f.Cores >= 0 && f.Cores <= 1<<16) || math.IsNaN(f.Cores):
		return refuse(ErrInvalid, "groom %s: %d slots, %v cores, %d bytes, %d GPUs", f.Name, f.Slots, f.Cores, f.Memory, f.GPUs)
	}
	g := &Groom{Facts: f, Since: s.Now, Changed: s.Index}
	old, ok := s.grooms.get(f.Name)
	switch {
	case !ok:
		s.forgetLost()
		if s.grooms.len() >= MaxGrooms {
			return refuse(ErrFull, "%d grooms", s.grooms.len())
		}
	case !old.Lost && f.Incarnation < old.Facts.Incarnation:
		return refuse(ErrStale, "groom %s has a newer incarnation %d", f.Name, old.Facts.Incarnation)
	case !old.Lost && old.Facts == f:
		return Result{}
	default:
		if old.Facts.Incarnation != f.Incarnation && !old.Lost {
			s.endOn(f.Name, old.Facts.Incarnation, "groom "+f.Name+" restarted")
		}
		old, _ = s.grooms.get(f.Name) // less what was given back
		g.Draining, g.Drained, g.Used = old.Draining, old.Drained, old.Used
		if !old.Lost && old.Facts.Incarnation == f.Incarnation {
			g.Since = old.Since
		}
	}
	s.grooms = s.grooms.set(f.Name, g)
	return Result{}
}

func (s *State) groomLost(c GroomLost) Result {
	g, ok := s.grooms.get(c.Groom)
	switch {
	case !ok:
		return refuse(ErrNotFound, "groom %s", clip(c.Groom))
	case g.Lost || g.Facts.Incarnation != c.Incarnation:
		return refuse(ErrStale, "groom %s is of incarnation %d, lost: %t", c.Groom, g.Facts.Incarnation, g.Lost)
	}
	s.endOn(c.Groom, c.Incarnation, "groom "+c.Groom+" was lost")
	g, _ = s.grooms.get(c.Groom)
	h := *g
	h.Lost, h.Since, h.Changed = true, s.Now, s.Index
	s.grooms = s.grooms.set(c.Groom, &h)
	return Result{}
}

// endOn ends every attempt that has tasks on one life of a groom.
func (s *State) endOn(groom string, incarnation uint64, message string) {
	for j := range s.Active() {
		if j.State != job.Running {
			continue
		}
		for i, t := range j.Tasks {
			if t.Groom == groom && t.Incarnation == incarnation {
				s.endAttempt(j.clone(), job.Failure{
					Kind: job.FaultGroom, Code: job.ExitFailed, Message: message, Task: i, Peer: -1, Groom: groom,
				})
				break
			}
		}
	}
}

// forgetLost drops the grooms lost long ago.
func (s *State) forgetLost() {
	for g := range s.Grooms() {
		if g.Lost && s.Now.Sub(g.Since) >= lostAge {
			s.grooms = s.grooms.del(g.Facts.Name)
		}
	}
}

func (s *State) drain(c Drain) Result {
	g, ok := s.grooms.get(c.Groom)
	if !ok {
		return refuse(ErrNotFound, "groom %s", clip(c.Groom))
	}
	if g.Draining != c.On {
		h := *g
		h.Draining, h.Drained = c.On, 0
		if c.On {
			h.Changed, h.Drained = s.Index, s.Index
		}
		s.grooms = s.grooms.set(c.Groom, &h)
	}
	return Result{Groom: c.Groom}
}

func (s *State) createToken(c CreateToken) Result {
	switch {
	case c.ID == "" || len(c.ID) > maxName || len(c.Name) > maxName || len(c.Namespace) > maxName || len(c.Hash) != 32:
		return refuse(ErrInvalid, "a token needs an id and the SHA-256 of its secret")
	case !c.Role.Allows(job.Viewer):
		return refuse(ErrInvalid, "role %q: choose viewer, submitter, operator or admin", clip(string(c.Role)))
	case s.tokens.len() >= MaxTokens:
		return refuse(ErrFull, "%d tokens: revoke some", s.tokens.len())
	}
	if _, ok := s.tokens.get(c.ID); ok {
		return refuse(ErrConflict, "token %s exists", c.ID)
	}
	if _, ok := s.hashes.get(string(c.Hash)); ok {
		return refuse(ErrConflict, "a token with this secret exists")
	}
	s.tokens = s.tokens.set(c.ID, &Token{ID: c.ID, Name: c.Name, Role: c.Role, Namespace: c.Namespace, Hash: c.Hash, Created: s.Now})
	s.hashes = s.hashes.set(string(c.Hash), c.ID)
	return Result{Token: c.ID}
}

func (s *State) revokeToken(c RevokeToken) Result {
	t, ok := s.tokens.get(c.ID)
	if !ok {
		return refuse(ErrNotFound, "token %s", clip(c.ID))
	}
	s.tokens = s.tokens.del(c.ID)
	s.hashes = s.hashes.del(string(t.Hash))
	return Result{Token: c.ID}
}
