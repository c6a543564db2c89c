package superstep_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"scalar/superstep"
)

// meet connects tasks that differ in job or epoch, and gives up once one of them,
// or all of those in last, have failed, as their groom would.
func meet(t *testing.T, transport string, meshes []superstep.Mesh, last []bool, before func(dial dialFunc)) []error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dial, listeners := world{transport: transport}.listen(ctx, t, len(meshes))
	errs, all := make([]error, len(meshes)), make([][]net.Conn, len(meshes))
	var wg, awaited sync.WaitGroup
	for _, l := range last {
		if l {
			awaited.Add(1)
		}
	}
	for i, m := range meshes {
		m.Task, m.Listener, m.Dial = i, listeners[i], dial
		wg.Go(func() {
			conns, err := m.Connect(ctx, len(meshes))
			errs[i] = err
			all[i] = conns
			if last != nil && last[i] {
				awaited.Done()
			}
			if err != nil {
				awaited.Wait()
				cancel()
			}
		})
	}
	if before != nil {
		before(dial)
	}
	wg.Wait()
	for _, conns := range all {
		for _, c := range conns {
			if c != nil {
				c.Close()
			}
		}
	}
	return errs
}

func TestMeshRefuses(t *testing.T) {
	for _, transport := range transports {
		for name, c := range map[string]struct {
			meshes []superstep.Mesh
			met    []bool // who is told ErrEpoch
		}{
			"older dials newer": {[]superstep.Mesh{{Job: 1, Epoch: 3}, {Job: 1, Epoch: 2}}, []bool{false, true}},
			"newer dials older": {[]superstep.Mesh{{Job: 1, Epoch: 2}, {Job: 1, Epoch: 3}}, []bool{true, false}},
			"other job":         {[]superstep.Mesh{{Job: 1, Epoch: 2}, {Job: 2, Epoch: 2}}, []bool{false, true}},
		} {
			t.Run(name+" over "+transport, func(t *testing.T) {
				for task, err := range meet(t, transport, c.meshes, c.met, nil) {
					if err == nil || c.met[task] && !errors.Is(err, superstep.ErrEpoch) {
						t.Errorf("task %d: %v", task, err)
					}
				}
			})
		}
	}
}

// Noise, silence and hang-ups at the listener disturb nobody.
func TestMeshIgnoresStrangers(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			var strangers []net.Conn
			errs := meet(t, transport, make([]superstep.Mesh, 3), nil, func(dial dialFunc) {
				for i, noise := range []string{"", "GET / HTTP/1.1\r\nHost: nobody\r\n\r\n and more than a header", "BSP\x02 but nothing else that would be a frame............"} {
					conn, err := dial(t.Context(), 0)
					if err != nil {
						continue // the mesh is complete already
					}
					strangers = append(strangers, conn)
					if i > 0 {
						_ = conn.SetDeadline(time.Now().Add(time.Second))
						_, _ = conn.Write([]byte(noise))
						conn.Close()
					}
				}
			})
			for _, c := range strangers {
				c.Close()
			}
			must(t, errs)
		})
	}
}

func TestMeshVerifies(t *testing.T) {
	wrong := func(_ net.Conn, task int) error {
		if task == 1 {
			return errTest
		}
		return nil
	}
	if errs := meet(t, "pipe", []superstep.Mesh{{}, {}, {Verify: wrong}}, nil, nil); !errors.Is(errs[2], errTest) {
		t.Error(errs)
	}
	if errs := meet(t, "pipe", []superstep.Mesh{{Verify: wrong}, {}}, nil, nil); errs[1] == nil || errs[0] == nil {
		t.Error(errs)
	}
}

// A task that never comes is waited for as long as the context allows.
func TestMeshWaits(t *testing.T) {
	dial, listeners := world{transport: "tcp"}.listen(t.Context(), t, 3)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := superstep.Mesh{Listener: listeners[0], Dial: dial}.Connect(ctx, 3)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	// The listeners of the others accept nothing: the handshake ends with the context.
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err = (superstep.Mesh{Task: 2, Listener: listeners[2], Dial: dial}).Connect(ctx, 3); err == nil {
		t.Error("connected to nobody")
	}
	listeners[1].Close()
	if _, err = (superstep.Mesh{Task: 3}).Connect(t.Context(), 3); err == nil {
		t.Error("task 3 of 3")
	}
	if conns, err := (superstep.Mesh{}).Connect(t.Context(), 1); err != nil || len(conns) != 1 {
		t.Error(conns, err)
	}
}
