package master

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

const (
	maxLooks  = 32               // looks at the store under way: as many may hang on a dead mount
	lookLimit = 10 * time.Second // for one
)

// asides are looks at the store beside what calls it: a file system whose server is gone
// answers when that comes back, whatever a context says, and neither a call nor the
// end of the master must wait for that.
type asides struct {
	places chan struct{} // a value for every look under way; maxLooks
}

func newAsides() *asides { return &asides{places: make(chan struct{}, maxLooks)} }

// look returns what f returns. When ctx or the time for it ends, f is left alone; it may
// go on for as long as its file system hangs.
func look[T any](ctx context.Context, a *asides, f func(context.Context) (T, error)) (T, error) {
	return lookFor(ctx, a, lookLimit, f)
}

// lookFor is look with another limit.
func lookFor[T any](ctx context.Context, a *asides, limit time.Duration, f func(context.Context) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var none T
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case a.places <- struct{}{}:
	case <-ctx.Done():
		return none, fail(http.StatusServiceUnavailable, "the store does not answer: %d looks at it hang", maxLooks)
	}
	done := make(chan answer, 1)
	go func() {
		defer func() { <-a.places }()
		value, err := f(ctx)
		done <- answer{value, err}
	}()
	select {
	case got := <-done:
		return got.value, got.err
	case <-ctx.Done():
		return none, fmt.Errorf("the store does not answer: %w", context.Cause(ctx))
	}
}
