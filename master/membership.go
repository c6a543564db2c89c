package master

import (
	"context"
	"errors"
	"fmt"
	"time"

	"scalar/internal/gossip"

	"github.com/hashicorp/raft"
)

const (
	memberInterval = time.Second // between looks at the members, besides changes
	memberTimeout  = 3 * time.Second
	freshContact   = time.Second // a new master that heard of the leader this lately is healthy
	closeBehind    = 1024        // log entries that a healthy new master may lack
)

// keepMembers watches gossip. A master without a log founds a cluster when all
// that it expects are there; the leader takes new masters in. Nobody is ever
// taken out: a dead master may come back, and its vote with it.
func (m *Master) keepMembers(ctx context.Context) error {
	tick := time.NewTicker(memberInterval)
	defer tick.Stop()
	stable := make(map[raft.ServerID]time.Time) // non-voters, since when they keep up
	for {
		changed := m.gossip.Changed()
		live := m.roster.learn(m.gossip.Members())
		var err error
		switch {
		case m.node.leads():
			err = m.admit(ctx, live, stable)
		case !m.hasState():
			err = m.found(ctx, live)
		}
		if err != nil && ctx.Err() == nil {
			m.log.Info("masters", "error", err)
		}
		if !m.node.leads() {
			clear(stable)
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// found bootstraps Raft when BootstrapExpect masters without a log are there,
// this one has the smallest id of them, and all agree on the set.
func (m *Master) found(ctx context.Context, live []gossip.Member) error {
	expect := m.cfg.BootstrapExpect
	if expect == 0 || len(live) < expect {
		return nil
	}
	var willing []gossip.Member
	for _, peer := range live {
		if peer.ID == m.id {
			willing = append(willing, peer)
			continue
		}
		a, err := m.ask(ctx, peer, question{From: m.id})
		if err != nil {
			return err
		}
		if a.HasState || a.Cluster != "" {
			return nil // there is a cluster: its leader takes this master in
		}
		if a.Expect == expect {
			willing = append(willing, peer)
		}
	}
	if len(willing) < expect || willing[0].ID != m.id {
		return nil
	}
	return m.bootstrap(ctx, willing[:expect])
}

func (m *Master) bootstrap(ctx context.Context, founders []gossip.Member) error {
	q := question{From: m.id}
	var config raft.Configuration
	for _, f := range founders {
		q.Found = append(q.Found, f.ID)
		config.Servers = append(config.Servers, raft.Server{ID: raft.ServerID(f.ID), Address: raft.ServerAddress(f.Addr)})
	}
	asked := time.Now()
	if !m.promise.give(q.Found, asked) {
		return errors.New("found the cluster: this master agreed to other founders a moment ago")
	}
	for _, f := range founders {
		if f.ID == m.id {
			continue
		}
		a, err := m.ask(ctx, f, q)
		if err != nil {
			return err
		}
		if !a.Agrees {
			return fmt.Errorf("found the cluster: master %s does not agree to %v", f.ID, q.Found)
		}
	}
	if took := time.Since(asked); took > promiseLife/2 { // the first to agree may be free again soon
		return fmt.Errorf("found the cluster: the others took %v to agree", took)
	}
	err := m.node.wait(ctx, func() raft.Future { return m.node.raft.BootstrapCluster(config) })
	if err != nil && !errors.Is(err, raft.ErrCantBootstrap) {
		return fmt.Errorf("found the cluster: %w", err)
	}
	m.log.Info("cluster founded", "masters", q.Found)
	return nil
}

// admit is the leader's part: new masters join as non-voters, and vote once they
// have kept up for StableTime; a master that moved gets its new address.
func (m *Master) admit(ctx context.Context, live []gossip.Member, stable map[raft.ServerID]time.Time) error {
	if _, ready := m.lead.current(); !ready {
		return nil
	}
	servers, err := m.node.servers()
	if err != nil {
		return err
	}
	known := make(map[raft.ServerID]raft.Server, len(servers))
	for _, s := range servers {
		known[s.ID] = s
	}
	var errs []error
	for _, peer := range live {
		s, ok := known[raft.ServerID(peer.ID)]
		switch {
		case !ok:
			errs = append(errs, m.join(ctx, peer))
		case s.Address != raft.ServerAddress(peer.Addr):
			errs = append(errs, m.move(ctx, s, peer))
		case s.Suffrage != raft.Voter:
			errs = append(errs, m.promote(ctx, s, peer, stable))
		}
	}
	return errors.Join(errs...)
}

func (m *Master) join(ctx context.Context, peer gossip.Member) error {
	a, err := m.ask(ctx, peer, question{From: m.id})
	if err != nil {
		return err
	}
	if ours := m.node.State().Cluster; a.Cluster != ours && (a.Cluster != "" || a.HasState) {
		return fmt.Errorf("master %s is refused: its data folder belongs to cluster %q, this one is %s; wipe the folder to let it join", peer.ID, a.Cluster, ours)
	}
	m.log.Info("master joins", "master", peer.ID, "addr", peer.Addr)
	return m.configure(ctx, raft.Nonvoter, peer)
}

// move believes no gossip: who answers at the new address has a master's
// certificate and says that it is this server.
func (m *Master) move(ctx context.Context, s raft.Server, peer gossip.Member) error {
	if _, err := m.ask(ctx, peer, question{From: m.id}); err != nil {
		return err
	}
	m.log.Info("master moved", "master", peer.ID, "from", s.Address, "to", peer.Addr)
	return m.configure(ctx, s.Suffrage, peer)
}

func (m *Master) promote(ctx context.Context, s raft.Server, peer gossip.Member, stable map[raft.ServerID]time.Time) error {
	a, err := m.ask(ctx, peer, question{From: m.id})
	healthy := err == nil && a.Contact >= 0 && a.Contact < freshContact && a.Last+closeBehind >= m.node.raft.LastIndex()
	since, tracked := stable[s.ID]
	switch {
	case !healthy:
		delete(stable, s.ID)
		return err
	case !tracked:
		stable[s.ID] = time.Now()
		return nil
	case time.Since(since) < m.cfg.StableTime:
		return nil
	}
	delete(stable, s.ID)
	m.log.Info("master votes from now on", "master", peer.ID)
	return m.configure(ctx, raft.Voter, peer)
}

func (m *Master) configure(ctx context.Context, as raft.ServerSuffrage, peer gossip.Member) error {
	id, addr := raft.ServerID(peer.ID), raft.ServerAddress(peer.Addr)
	err := m.node.wait(ctx, func() raft.Future {
		if as == raft.Voter {
			return m.node.raft.AddVoter(id, addr, 0, memberTimeout)
		}
		return m.node.raft.AddNonvoter(id, addr, 0, memberTimeout)
	})
	if err != nil {
		return fmt.Errorf("configure master %s: %w", peer.ID, err)
	}
	return nil
}
