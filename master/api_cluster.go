package master

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"scalar/bsp/job"
	"scalar/master/control"
	"scalar/master/fsm"

	"github.com/hashicorp/raft"
)

// clusterStatus is what GET /v1/status answers: the cluster as this master sees it.
type clusterStatus struct {
	Cluster string       `json:"cluster"` // name
	UUID    string       `json:"uuid"`
	Master  string       `json:"master"` // that answers
	Leader  string       `json:"leader"` // empty: none
	Term    uint64       `json:"term"`
	Version string       `json:"version"`
	Masters []masterNode `json:"masters"`
}

// masterNode is one master of the configuration.
type masterNode struct {
	ID    string `json:"id"`
	Addr  string `json:"addr"`
	API   string `json:"api"`
	Voter bool   `json:"voter"`
	State string `json:"state"` // leader, follower or joining; lost: it does not answer the leader

	LastSeen time.Time `json:"last_seen,omitzero"` // of a lost one
}

func (a *api) status(_ context.Context, _ *call) (reply, error) {
	_, leader := a.node.raft.LeaderWithID()
	masters, err := a.masters(leader)
	if err != nil {
		return reply{}, err
	}
	return answerOK(clusterStatus{
		Cluster: a.cfg.Cluster, UUID: a.node.State().Cluster, Master: a.id, Leader: string(leader),
		Term: a.node.raft.CurrentTerm(), Version: a.cfg.Version, Masters: masters,
	}), nil
}

func (a *api) masters(leader raft.ServerID) ([]masterNode, error) {
	servers, err := a.node.servers()
	if err != nil {
		return nil, err
	}
	masters := make([]masterNode, 0, len(servers))
	for _, s := range servers {
		m := masterNode{ID: string(s.ID), Addr: string(s.Address), Voter: s.Suffrage == raft.Voter, State: "follower"}
		if seen, known := a.roster.find(m.ID); known {
			m.API = seen.API
		}
		switch {
		case s.ID == leader:
			m.State = "leader"
		case !m.Voter:
			m.State = "joining"
		}
		if since, lost := a.node.contacts.lost(s.ID); lost && s.ID != leader {
			m.State, m.LastSeen = control.StateLost, since
		}
		masters = append(masters, m)
	}
	return masters, nil
}

// nodes lists masters, then grooms.
func (a *api) nodes(_ context.Context, _ *call) (reply, error) {
	_, leader := a.node.raft.LeaderWithID()
	masters, err := a.masters(leader)
	if err != nil {
		return reply{}, err
	}
	nodes := make([]job.Node, 0, len(masters))
	for _, m := range masters {
		n := job.Node{ID: m.ID, Role: "master", State: m.State, Addr: m.Addr, LastSeen: m.LastSeen}
		if m.ID == a.id {
			n.Version = a.cfg.Version
		}
		nodes = append(nodes, n)
	}
	return answerOK(append(nodes, a.control.Nodes()...)), nil
}

func (a *api) drain(ctx context.Context, c *call) (reply, error) { return a.setDrain(ctx, c, true) }

func (a *api) undrain(ctx context.Context, c *call) (reply, error) { return a.setDrain(ctx, c, false) }

func (a *api) setDrain(ctx context.Context, c *call, on bool) (reply, error) {
	id := c.r.PathValue("id")
	c.did.Groom = id
	done, err := a.propose(ctx, c, fsm.Command{Drain: &fsm.Drain{Groom: id, On: on}})
	switch {
	case errors.Is(err, fsm.ErrNotFound):
		return reply{}, fail(http.StatusNotFound, "no such groom %q (bsp node list)", id)
	case err != nil:
		return reply{}, err
	case done.Groom != id:
		return reply{}, usedFor(c, "groom "+done.Groom)
	}
	nodes := a.control.Nodes()
	i := slices.IndexFunc(nodes, func(n job.Node) bool { return n.ID == id })
	if i < 0 {
		return reply{}, fail(http.StatusNotFound, "no such groom %q (bsp node list)", id)
	}
	return answerOK(nodes[i]), nil
}

// newToken is the body of POST /v1/tokens.
type newToken struct {
	Name      string   `json:"name"`
	Role      job.Role `json:"role"`
	Namespace string   `json:"namespace"`
}

func (t newToken) check() error {
	switch {
	case t.Name == "" || len(t.Name) > 128 || strings.ContainsAny(t.Name, "\x00\r\n"):
		return fail(http.StatusBadRequest, "name: say whose token it is, in at most 128 bytes")
	case !t.Role.Allows(job.Viewer):
		return fail(http.StatusBadRequest, "role %q: choose viewer, submitter, operator or admin", t.Role)
	case t.Namespace != allNamespaces && !namespacePattern.MatchString(t.Namespace):
		return fail(http.StatusBadRequest, "namespace %q: use lower-case letters, digits and dashes, or * for all", t.Namespace)
	case t.Role.Allows(job.Operator) && t.Namespace != allNamespaces:
		return fail(http.StatusBadRequest, "role %s covers the whole cluster: leave namespace out or say *", t.Role)
	}
	return nil
}

func (a *api) createToken(ctx context.Context, c *call) (reply, error) {
	var t newToken
	if err := decodeJSON(c.r.Body, &t); err != nil {
		return reply{}, err
	}
	if t.Namespace == "" {
		t.Namespace = job.DefaultNamespace
		if t.Role.Allows(job.Operator) {
			t.Namespace = allNamespaces
		}
	}
	if err := t.check(); err != nil {
		return reply{}, err
	}
	c.did.Role, c.did.Namespace = t.Role, t.Namespace
	secret, _ := NewSecret()
	id := "t-" + strings.ToLower(rand.Text()[:12])
	result, err := a.propose(ctx, c, fsm.Command{CreateToken: &fsm.CreateToken{
		ID: id, Name: t.Name, Role: t.Role, Namespace: t.Namespace, Hash: hashSecret(secret),
	}})
	if err != nil {
		return reply{}, err
	}
	c.did.Token = result.Token
	if result.Token != id { // the request came before; its secret is known to nobody but who got that answer
		return reply{}, fail(http.StatusConflict, "this request has created token %s already; if its secret was not received, revoke it and create another", result.Token)
	}
	told, err := a.token(id)
	told.Secret = secret
	return reply{http.StatusCreated, told}, err
}

func (a *api) token(id string) (job.Token, error) {
	t, known := a.node.State().Token(id)
	if !known {
		return job.Token{}, fail(http.StatusNotFound, "no such token %q (bsp acl token list)", id)
	}
	return tell(t), nil
}

func tell(t *fsm.Token) job.Token {
	return job.Token{ID: t.ID, Name: t.Name, Role: t.Role, Namespace: t.Namespace, Created: t.Created}
}

// tokens lists the tokens without their secrets; the first admin's is always there.
func (a *api) tokens(_ context.Context, _ *call) (reply, error) {
	list := []job.Token{{ID: adminID, Name: adminID, Role: job.Admin, Namespace: allNamespaces}}
	for t := range a.node.State().Tokens() {
		list = append(list, tell(t))
	}
	return answerOK(list), nil
}

func (a *api) revokeToken(ctx context.Context, c *call) (reply, error) {
	id := c.r.PathValue("id")
	if id == adminID {
		return reply{}, fail(http.StatusConflict, "token %s was made by bsp init and stays", adminID)
	}
	c.did.Token = id
	if t, known := a.node.State().Token(id); known {
		c.did.Role, c.did.Namespace = t.Role, t.Namespace
	}
	done, err := a.propose(ctx, c, fsm.Command{RevokeToken: &fsm.RevokeToken{ID: id}})
	switch {
	case errors.Is(err, fsm.ErrNotFound):
		return reply{}, fail(http.StatusNotFound, "no such token %q (bsp acl token list)", id)
	case err != nil:
		return reply{}, err
	case done.Token != id:
		return reply{}, usedFor(c, "token "+done.Token)
	}
	return reply{status: http.StatusNoContent}, nil
}

// blobStore returns the store of the kind in the path, and the digest.
func (a *api) blobStore(c *call) (kind, digest string, err error) {
	kind, digest = c.r.PathValue("kind"), c.r.PathValue("digest")
	if a.blobs[kind] == nil {
		return "", "", fail(http.StatusNotFound, "no blobs of kind %q: there are programs and files", kind)
	}
	if !isDigest(digest) {
		return "", "", fail(http.StatusBadRequest, "digest %q: want the lower-case hex SHA-256 of the content", digest)
	}
	return kind, digest, nil
}

func (a *api) putBlob(ctx context.Context, c *call) (reply, error) {
	kind, digest, err := a.blobStore(c)
	if err != nil {
		return reply{}, err
	}
	if err := a.blobs[kind].Put(ctx, c.r.Body, digest, a.cfg.BlobLimit); err != nil {
		return reply{}, fmt.Errorf("upload: %w", err)
	}
	return reply{status: http.StatusCreated}, nil
}

func (a *api) hasBlob(ctx context.Context, c *call) (reply, error) {
	kind, digest, err := a.blobStore(c)
	if err != nil {
		return reply{}, err
	}
	has, err := a.blobs[kind].Touch(ctx, digest)
	if err != nil {
		return reply{}, fmt.Errorf("look up blob: %w", err)
	}
	if !has {
		return reply{status: http.StatusNotFound}, nil
	}
	return reply{status: http.StatusOK}, nil
}
