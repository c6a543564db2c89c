package master

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"scalar/master/fsm"

	"github.com/hashicorp/raft"
)

// restoreLimit is how long a snapshot may take to reach most masters.
const restoreLimit = time.Minute

// saveSnapshot sends the state as a snapshot.
func (a *api) saveSnapshot(_ context.Context, c *call) (reply, error) {
	c.w.Header().Set("Content-Type", "application/octet-stream")
	c.w.Header().Set("Cache-Control", "no-store")
	if err := a.node.State().Encode(c.w); err != nil {
		return reply{}, fmt.Errorf("%w: %w", errAborted, err)
	}
	return reply{}, nil
}

// restored is what PUT /v1/snapshot answers.
type restored struct {
	Saved time.Time `json:"saved"` // when the snapshot was made
	Jobs  int       `json:"jobs"`  // that it has
}

// restoreSnapshot replaces the state by a snapshot.
func (a *api) restoreSnapshot(ctx context.Context, c *call) (reply, error) {
	saved, err := fsm.Restore(c.r.Body)
	if err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return reply{}, err
		}
		return reply{}, fail(http.StatusBadRequest, "this is no snapshot that bsp has saved whole: %v", err)
	}
	if err := a.owner.mayRestore(ctx, a.node.State(), saved); err != nil {
		return reply{}, err
	}
	answer := restored{saved.Now, len(saved.Jobs())}
	if err := a.node.restore(ctx, a.node.State().Adopt(saved)); err != nil {
		return reply{}, err
	}
	a.owner.ours.Store(false) // it may be the saved one's still
	return answerOK(answer), a.owner.claim(ctx, a.node.State())
}

// removeMaster takes a dead master out of Raft's configuration: it counts no longer
// for a majority. One that lives would come back by itself.
func (a *api) removeMaster(ctx context.Context, c *call) (reply, error) {
	id := raft.ServerID(c.r.PathValue("id"))
	servers, err := a.node.servers()
	if err != nil {
		return reply{}, err
	}
	for _, s := range servers {
		if s.ID != id {
			continue
		}
		if _, lost := a.node.contacts.lost(id); !lost {
			return reply{}, fail(http.StatusConflict, "master %s is there: stop it for good, wait until bsp node list calls it lost, and remove it then", id)
		}
		err := a.node.wait(ctx, func() raft.Future { return a.node.raft.RemoveServer(id, 0, enqueueTimeout) })
		return reply{status: http.StatusNoContent}, err
	}
	return reply{}, fail(http.StatusNotFound, "no such master %q (bsp node list)", id)
}
