package master

import (
	"context"
	"math"
	"net/http"
	"strconv"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/master/fsm"
)

// archivedPage bounds the archived jobs in one answer: each is read from the store.
const archivedPage = 1000

// What an answer says of the jobs that follow it.
const (
	nextHeader = "X-Bsp-Next" // ask again with before=this; not there: nothing follows
	moreHeader = "X-Bsp-More" // how many follow, if that is known
)

// listAsk is what is wanted of a list of jobs.
type listAsk struct {
	running  bool   // only those that have not ended
	archived bool   // those that the state no longer has
	below    uint64 // only those with a smaller number
	limit    int    // 0: all
}

func listQuery(r *http.Request) (listAsk, error) {
	ask := listAsk{below: math.MaxUint64}
	q := r.URL.Query()
	var err error
	for name, to := range map[string]*bool{"running": &ask.running, "archived": &ask.archived} {
		if s := q.Get(name); s != "" {
			if *to, err = strconv.ParseBool(s); err != nil {
				return ask, fail(http.StatusBadRequest, "%s %q: want true or false", name, s)
			}
		}
	}
	if ask.running && ask.archived {
		return ask, fail(http.StatusBadRequest, "running and archived: an archived job has ended, ask for one of them")
	}
	if s := q.Get("limit"); s != "" {
		if ask.limit, err = strconv.Atoi(s); err != nil || ask.limit < 0 {
			return ask, fail(http.StatusBadRequest, "limit %q: want a number of jobs, 0: all", s)
		}
	}
	if s := q.Get("before"); s != "" {
		n, ok := wire.JobNumber(job.ID(s))
		if !ok {
			return ask, fail(http.StatusBadRequest, "before %q: give the id of a job", s)
		}
		ask.below = n
	}
	return ask, nil
}

// jobs lists what the token may see, newest first, a page at a time.
func (a *api) jobs(ctx context.Context, c *call) (reply, error) {
	ask, err := listQuery(c.r)
	if err != nil {
		return reply{}, err
	}
	if ask.archived {
		if ask.limit == 0 || ask.limit > archivedPage {
			ask.limit = archivedPage
		}
		p, err := a.archives.list(ctx, ask.below, ask.limit, func(i job.Info) bool { return inNamespace(c.token, i.Namespace) })
		if err != nil {
			return reply{}, err
		}
		if p.next != "" {
			c.w.Header().Set(nextHeader, string(p.next))
		}
		return answerOK(p.jobs), nil
	}
	list, more := a.control.Infos(ask.limit, func(j *fsm.Job) bool {
		return j.Number < ask.below && (!ask.running || !j.State.Final()) && inNamespace(c.token, j.Spec.Namespace)
	})
	if more > 0 {
		c.w.Header().Set(nextHeader, string(list[len(list)-1].ID))
		c.w.Header().Set(moreHeader, strconv.Itoa(more))
	}
	return answerOK(list), nil
}
