package master

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"scalar/master/fsm"
	"scalar/storage"
)

// storeOwner makes sure that the store is this cluster's before anything is written to
// or removed from it: job ids of two clusters are the same.
type storeOwner struct {
	store string // URL
	aside *asides
	ours  atomic.Bool // it was found to be
}

// claim takes a store that is nobody's, or that of the cluster whose snapshot was
// restored here, and refuses any other one.
func (o *storeOwner) claim(ctx context.Context, state *fsm.State) error {
	if o.ours.Load() || state.Cluster == "" {
		return nil
	}
	var heirOf []string
	if state.Before != "" {
		heirOf = append(heirOf, state.Before)
	}
	_, err := look(ctx, o.aside, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, storage.Claim(ctx, o.store, state.Cluster, heirOf...)
	})
	if _, other := errors.AsType[*storage.OwnerError](err); other {
		return fail(http.StatusConflict, "%v", err)
	}
	if err != nil {
		return err
	}
	o.ours.Store(true)
	return nil
}

// mayRestore refuses a snapshot of a cluster that the store has nothing to do with: jobs
// of that would find the programs, results and logs of others.
func (o *storeOwner) mayRestore(ctx context.Context, state, saved *fsm.State) error {
	owner, err := look(ctx, o.aside, func(ctx context.Context) (string, error) { return storage.Owner(ctx, o.store) })
	if err != nil {
		return err
	}
	switch owner {
	case "", state.Cluster, saved.Cluster, state.Before:
		return nil
	}
	return fail(http.StatusConflict, "store %s belongs to cluster %s, and the snapshot is of cluster %s: restore one of that cluster's", o.store, owner, saved.Cluster)
}
