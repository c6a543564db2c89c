package master

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"scalar/internal/gossip"
	"scalar/internal/pki"

	"github.com/hashicorp/raft"
)

// roster remembers every master that gossip has named while this process
// lives: gossip forgets a member that it believes dead, but an address does not
// become wrong by that. It tells Raft addresses by server id, so that a master
// may come back at another one.
type roster struct {
	raft atomic.Pointer[raft.Raft] // for addresses that gossip has not named yet; nil until Raft has started

	mu      sync.Mutex // guards masters
	masters map[string]gossip.Member
}

func newRoster() *roster { return &roster{masters: make(map[string]gossip.Member)} }

// learn takes in the members that gossip knows now and returns the masters
// among them, by id.
func (r *roster) learn(members []gossip.Member) []gossip.Member {
	live := slices.DeleteFunc(slices.Clone(members), func(m gossip.Member) bool { return m.Role != pki.RoleMaster })
	slices.SortFunc(live, func(a, b gossip.Member) int { return cmp.Compare(a.ID, b.ID) })
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range live {
		r.masters[m.ID] = m
	}
	return live
}

func (r *roster) find(id string) (gossip.Member, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, ok := r.masters[id]
	return m, ok
}

// ServerAddr implements raft.ServerAddressProvider.
func (r *roster) ServerAddr(id raft.ServerID) (raft.ServerAddress, error) {
	if m, ok := r.find(string(id)); ok {
		return raft.ServerAddress(m.Addr), nil
	}
	if node := r.raft.Load(); node != nil {
		for _, s := range node.GetConfiguration().Configuration().Servers {
			if s.ID == id {
				return s.Address, nil
			}
		}
	}
	return "", fmt.Errorf("master %s is not known", id)
}
