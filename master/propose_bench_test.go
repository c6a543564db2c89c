package master_test

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"scalar/bsp/job"
	"scalar/master"
	"scalar/master/fsm"
)

// BenchmarkCommits measures commits through three masters in this process: real
// commands with request ids, over TLS on loopback, each on the disks of most
// masters before it is acknowledged. bench/cmd/figures runs it with
// -test.benchtime=Nx.
func BenchmarkCommits(b *testing.B) {
	c := prepare(b, 3)
	for i := range 3 {
		c.start(b, c.config(b, i))
	}
	c.leader(b)
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			var next atomic.Int64
			var running sync.WaitGroup
			b.ResetTimer()
			for range clients {
				running.Go(func() {
					token := ""
					for next.Add(1) <= int64(b.N) {
						token = c.toggleToken(b, token)
					}
				})
			}
			running.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
		})
	}
}

// toggleToken revokes a token, or creates one if old is empty, and returns what there
// is now. The state stays small, as it does in a cluster in use. Like a client, it
// goes on with the next leader where one is lost.
func (c *cluster) toggleToken(b *testing.B, old string) (now string) {
	b.Helper()
	cmd := fsm.Command{RequestID: "admin/" + rand.Text()}
	if old != "" {
		cmd.RevokeToken = &fsm.RevokeToken{ID: old}
	} else {
		now = "t-" + rand.Text()
		hash := sha256.Sum256([]byte(now))
		cmd.CreateToken = &fsm.CreateToken{ID: now, Name: "bench", Role: job.Viewer, Namespace: "default", Hash: hash[:]}
	}
	for {
		for _, n := range c.nodes {
			err := n.Propose(b.Context(), cmd)
			switch {
			case err == nil:
				return now
			case !errors.Is(err, master.ErrNotLeader):
				b.Error(err)
				return now
			}
		}
	}
}
