package ui

import (
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"
)

const (
	sessionLife = 12 * time.Hour
	mostOfToken = 16 // sessions; one more ends the oldest, so that no token has room that is another's
)

// sessions are who has signed in. What the browser has is a random text, of which the hash is kept: a look-up tells nothing by its
// time. The zero value is empty. They are safe for concurrent use.
type sessions struct {
	mu  sync.Mutex // guards all
	all map[[sha256.Size]byte]session
}

type session struct {
	token   [sha256.Size]byte // hash of what signed in
	expires time.Time
}

// add begins a session, and returns what the browser is to have. It takes time in proportion to how many there are.
func (s *sessions) add(token [sha256.Size]byte, now time.Time) (id string) {
	id = rand.Text() // 130 bits
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[[sha256.Size]byte]session{}
	}
	var oldest [sha256.Size]byte
	n := 0
	for hash, one := range s.all {
		if !now.Before(one.expires) {
			delete(s.all, hash)
			continue
		}
		if one.token == token {
			if n++; n == 1 || one.expires.Before(s.all[oldest].expires) {
				oldest = hash
			}
		}
	}
	if n >= mostOfToken {
		delete(s.all, oldest)
	}
	s.all[sha256.Sum256([]byte(id))] = session{token, now.Add(sessionLife)}
	return id
}

// token returns the hash of the token that a session was begun with.
func (s *sessions) token(id string, now time.Time) (token [sha256.Size]byte, ok bool) {
	if id == "" {
		return token, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.all[sha256.Sum256([]byte(id))]
	return one.token, ok && now.Before(one.expires)
}

// drop ends a session.
func (s *sessions) drop(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, sha256.Sum256([]byte(id)))
}
