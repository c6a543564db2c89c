//go:build e2e

package e2e_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"scalar/bsp/job"
)

var jobs = flag.Int("jobs", 100, "jobs of TestJobsLeaveNothing")

// TestJobsLeaveNothing runs trivial jobs through one cluster: afterwards its daemons
// have no goroutine, open file or child more than before, and there is no cgroup,
// task folder, checkpoint, unfinished output or temporary file.
func TestJobsLeaveNothing(t *testing.T) {
	tmp := t.TempDir()
	c := &cluster{
		bsp: os.Getenv("BSP"), data: filepath.Join(t.TempDir(), "cluster"), masters: 3, grooms: 2,
		env: []string{"TMPDIR=" + tmp},
	}
	dev := c.start(t)
	t.Cleanup(func() { c.end(t, dev) })
	c.settle(t)
	c.restartWithMetrics(t)
	c.trivial(t, 20) // connections and caches are there then
	scrape := c.scraper(t)

	before := holdings{}
	for range 20 { // the most in a quiet while: some come and go
		for name, n := range c.holdings(t, scrape, tmp) {
			before[name] = max(before[name], n)
		}
		time.Sleep(100 * time.Millisecond)
	}
	start := time.Now()
	c.trivial(t, *jobs)
	t.Logf("%d jobs in %.1f s", *jobs, time.Since(start).Seconds())

	c.clean(t)
	var more []string
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		now := c.holdings(t, scrape, tmp)
		more = nil
		for name, n := range now {
			if n > before[name] {
				more = append(more, fmt.Sprintf("%s: %d, was %d", name, n, before[name]))
			}
		}
		if len(more) == 0 {
			t.Logf("before %v, now %v", before, now)
			return
		}
		if time.Now().After(deadline) {
			slices.Sort(more)
			t.Fatalf("more than before, %s after the last job:\n%s", patience, strings.Join(more, "\n"))
		}
	}
}

// restartWithMetrics gives the grooms a port for their metrics, which bsp dev does not.
func (c *cluster) restartWithMetrics(t *testing.T) {
	t.Helper()
	for _, name := range []string{"g1", "g2"} {
		f, err := os.OpenFile(filepath.Join(c.data, name+".yaml"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteString("metrics: 127.0.0.1:0\n")
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(c.pid(name), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	c.until(t, "both tell where their metrics are", func() bool {
		return metricsAt.MatchString(c.file(t, "log/g1.log")) && metricsAt.MatchString(c.file(t, "log/g2.log"))
	})
	c.settle(t)
}

// trivial runs so many jobs, a few at once.
func (c *cluster) trivial(t *testing.T, n int) {
	t.Helper()
	left := make(chan int, n)
	for i := range n {
		left <- i
	}
	close(left)
	cl := c.connect(t)
	defer cl.Close()
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			for range left {
				info, err := cl.Submit(t.Context(), job.Spec{Name: "trivial", Program: job.Program{Name: "pi", Builtin: "pi"}, Args: []string{"--samples", "10"}, Peers: 1})
				if err == nil {
					info, err = cl.Watch(t.Context(), info.ID, func(job.Info) error { return nil })
				}
				if err != nil || info.State != job.Succeeded {
					t.Errorf("%s: %v: %v, %v", info.ID, info.State, info.Error, err)
					return
				}
			}
		})
	}
	running.Wait()
}

// holdings is how much there is of what may leak, by daemon and kind.
type holdings map[string]int

// holdings counts.
func (c *cluster) holdings(t *testing.T, scrape func(daemon string) int, tmp string) holdings {
	t.Helper()
	h := holdings{}
	for _, name := range []string{"m1", "m2", "m3", "g1", "g2"} {
		pid := c.pid(name)
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			t.Fatal(err)
		}
		children, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range children {
			b, _ := os.ReadFile(f) // a thread that has ended has none
			h[name+" children"] += len(strings.Fields(string(b)))
		}
		h[name+" files"] = len(fds)
		h[name+" goroutines"] = scrape(name)
	}
	for what, pattern := range map[string]string{"temporary files": tmp + "/*", "files of grooms": c.data + "/g*/*", "checkpoints": c.data + "/store/checkpoints/*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		h[what] = len(found)
	}
	h["processes"] = len(processes(c.data))
	h["cgroups"] = len(c.cgroups(false))
	return h
}

var (
	metricsAt  = regexp.MustCompile(`url=(http://\S+/metrics)`)
	goroutines = regexp.MustCompile(`(?m)^go_goroutines (\d+)$`)
)

// scraper returns what asks a daemon how many goroutines it has.
func (c *cluster) scraper(t *testing.T) func(daemon string) int {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(c.file(t, "ca.pem") + "\n"))
	web := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}}
	urls := map[string]string{}
	for i, addr := range c.apis(t) {
		urls[fmt.Sprintf("m%d", i+1)] = "https://" + addr + "/metrics"
	}
	for _, groom := range []string{"g1", "g2"} {
		urls[groom] = metricsAt.FindStringSubmatch(c.file(t, "log/"+groom+".log"))[1]
	}
	token := c.file(t, "admin.token")
	return func(daemon string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, urls[daemon], nil)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(daemon, "m") {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := web.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		found := goroutines.FindSubmatch(b)
		if found == nil {
			t.Fatalf("%s tells no goroutines: %d, %s", urls[daemon], resp.StatusCode, tail(string(b), 300))
		}
		n, err := strconv.Atoi(string(found[1]))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
}
