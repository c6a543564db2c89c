package master

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"scalar/bsp/job"
	"scalar/master/control"
	"scalar/master/fsm"

	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics is what GET /metrics tells of this master.
type metrics struct {
	registry  *prometheus.Registry
	handler   http.Handler
	requests  *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	strangers prometheus.Counter
	apply     prometheus.Histogram
}

func newMetrics(logger *slog.Logger) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bsp_http_requests_total", Help: "Calls of the API that ended, by route and HTTP status.",
		}, []string{"route", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bsp_http_request_seconds", Help: "How long calls of the API took, streams included.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}, []string{"route"}),
		strangers: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bsp_http_strangers_total", Help: "Calls that would change something and whose token is not valid, or could not be checked.",
		}),
		apply: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "bsp_raft_apply_seconds", Help: "How long this master took to apply one committed command to its state.",
			Buckets: prometheus.ExponentialBuckets(0.00001, 4, 8),
		}),
	}
	m.registry.MustRegister(m.requests, m.seconds, m.strangers, m.apply, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn), MaxRequestsInFlight: 4,
	})
	return m
}

// request counts a call that has ended.
func (m *metrics) request(rt route, status int, took time.Duration) {
	name := rt.method + " " + rt.path
	if rt.method == "" {
		name = "unknown"
	}
	m.requests.WithLabelValues(name, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(name).Observe(took.Seconds())
}

// applied notes how long a command took.
func (m *metrics) applied(took time.Duration) { m.apply.Observe(took.Seconds()) }

// clusterCollector reads gauges from the state when they are asked for.
type clusterCollector struct {
	node *consensus

	raftState, term, commits, applied, jobs, grooms, slots *prometheus.Desc
}

func newClusterCollector(node *consensus) *clusterCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &clusterCollector{
		node:      node,
		raftState: desc("bsp_raft_state", "1 for the state that this master's Raft is in.", "state"),
		term:      desc("bsp_raft_term", "Raft's term."),
		commits:   desc("bsp_raft_commit_index", "Index of the last committed log entry that this master knows of."),
		applied:   desc("bsp_raft_applied_index", "Index of the last log entry that this master has applied."),
		jobs:      desc("bsp_jobs", "Jobs that the state holds, by state.", "state"),
		grooms:    desc("bsp_grooms", "Grooms, by state.", "state"),
		slots:     desc("bsp_slots", "Slots of grooms that take tasks, by use.", "use"),
	}
}

// Describe implements prometheus.Collector.
func (c *clusterCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.raftState, c.term, c.commits, c.applied, c.jobs, c.grooms, c.slots} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *clusterCollector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	now := c.node.raft.State()
	for _, s := range []raft.RaftState{raft.Follower, raft.Candidate, raft.Leader, raft.Shutdown} {
		is := 0.0
		if s == now {
			is = 1
		}
		gauge(c.raftState, is, s.String())
	}
	gauge(c.term, float64(c.node.raft.CurrentTerm()))
	out <- prometheus.MustNewConstMetric(c.commits, prometheus.CounterValue, float64(c.node.raft.CommitIndex()))
	out <- prometheus.MustNewConstMetric(c.applied, prometheus.CounterValue, float64(c.node.raft.AppliedIndex()))
	state := c.node.State()
	jobs := make(map[job.State]int)
	for _, j := range state.Jobs() {
		jobs[j.State]++
	}
	for s := job.Queued; s <= job.TimedOut; s++ {
		gauge(c.jobs, float64(jobs[s]), s.String())
	}
	c.collectGrooms(state, gauge)
}

func (c *clusterCollector) collectGrooms(state *fsm.State, gauge func(*prometheus.Desc, float64, ...string)) {
	grooms := map[string]int{"ready": 0, "draining": 0, control.StateLost: 0}
	total, used := 0, 0
	for g := range state.Grooms() {
		switch {
		case g.Lost:
			grooms["lost"]++
			continue
		case g.Draining:
			grooms["draining"]++
		default:
			grooms["ready"]++
		}
		total += g.Facts.Slots
		used += g.Used.Slots
	}
	for s, n := range grooms {
		gauge(c.grooms, float64(n), s)
	}
	gauge(c.slots, float64(total), "total")
	gauge(c.slots, float64(total-used), "free")
}
