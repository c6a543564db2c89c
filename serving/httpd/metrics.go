package httpd

import (
	"bytes"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"scalar/serving/host"
	"scalar/serving/ui"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"
	"github.com/valyala/fasthttp"
)

const statuses = 600 // of HTTP

// metrics count requests by what they asked and how they were answered. Counting allocates nothing.
type metrics struct {
	host     *host.Host
	caches   func() map[string]*kept // by model
	ledger   *ledger
	bodies   *budget
	quotas   atomic.Uint64
	registry *prometheus.Registry
	requests [kinds][statuses]atomic.Uint64
	seconds  [kinds]prometheus.Observer
	descs    descs
}

// descs are what is read from the host when it is asked for.
type descs struct {
	requests, success, rows, executions, took, latency, batches, batched, queued, refused, shadows, waiting, memory, used, draining *prometheus.Desc
	cached, entries, kept, quotas, bodies, allBodies, crowded                                                                       *prometheus.Desc
}

func newMetrics(h *host.Host, caches func() map[string]*kept, l *ledger, bodies *budget) *metrics {
	m := &metrics{host: h, registry: prometheus.NewRegistry(), caches: caches, ledger: l, bodies: bodies}
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "http_request_duration_seconds", Help: "Time from a request's header to its answer, by what it asked.",
		Buckets: prometheus.ExponentialBuckets(25e-6, 2, 18), // 25 µs to 3.3 s
	}, []string{"route"})
	for k := range kinds {
		m.seconds[k] = seconds.WithLabelValues(names[k])
	}
	of := []string{"model", "version"}[:2:2]
	desc := prometheus.NewDesc
	m.descs = descs{
		requests:   desc("http_requests_total", "Requests, by what they asked and the status of the answer.", []string{"route", "code"}, nil),
		success:    desc("nv_inference_request_success", "Requests that a version answered.", of, nil),
		rows:       desc("nv_inference_count", "Rows that a version predicted.", of, nil),
		executions: desc("nv_inference_exec_count", "Times that a version computed, one request or a batch.", of, nil),
		took:       desc("nv_inference_request_duration_us", "Time of all answers of a version, from a request's header to its answer.", of, nil),
		latency:    desc("bsp_serve_model_duration_seconds", "Time from a request's header to its answer, by the version that answered.", of, nil),
		batches:    desc("bsp_serve_batches_total", "Batches of more than one request.", of, nil),
		batched:    desc("bsp_serve_batched_requests_total", "Requests in batches of more than one.", of, nil),
		queued:     desc("bsp_serve_queued_requests_total", "Requests that waited for an executor.", of, nil),
		refused:    desc("nv_inference_request_failure", "Requests that a version refused: no room in the queue, or past the deadline.", append(of, "reason"), nil),
		shadows:    desc("bsp_serve_shadow_requests_total", "Requests that a version predicted as another one's shadow.", of, nil),
		waiting:    desc("nv_inference_pending_request_count", "Rows that wait for a version.", of, nil),
		memory:     desc("bsp_serve_model_bytes", "Memory of a version.", of, nil),
		used:       desc("bsp_serve_models_bytes", "Memory of all versions, those that drain too.", nil, nil),
		cached:     desc("bsp_serve_cache_requests_total", "Requests of a model with a cache, by where the answer came from.", []string{"model", "source"}, nil),
		entries:    desc("bsp_serve_cache_entries", "Answers that are kept.", []string{"model"}, nil),
		kept:       desc("bsp_serve_cache_bytes", "Memory of the answers that are kept.", []string{"model"}, nil),
		quotas:     desc("bsp_serve_quota_refusals_total", "Requests over the quota of their namespace.", nil, nil),
		bodies:     desc("bsp_serve_bodies_bytes", "Memory of large requests and their answers, counted against the limit of all.", nil, nil),
		allBodies:  desc("bsp_serve_bodies_limit_bytes", "The limit of them.", nil, nil),
		crowded:    desc("bsp_serve_bodies_refusals_total", "Requests that were refused since all together had no memory left.", nil, nil),
		draining:   desc("bsp_serve_draining_versions", "Versions that are out of service and still held by requests.", nil, nil),
	}
	m.registry.MustRegister(seconds, m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// count counts an answer.
func (m *metrics) count(k kind, status int, took time.Duration) {
	m.requests[k][min(max(status, 0), statuses-1)].Add(1)
	m.seconds[k].Observe(took.Seconds())
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, out) }

// Collect implements prometheus.Collector.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	d := &m.descs
	add := func(desc *prometheus.Desc, t prometheus.ValueType, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, t, v, labels...)
	}
	for k := range kinds {
		for status := range statuses {
			if n := m.requests[k][status].Load(); n > 0 {
				add(d.requests, prometheus.CounterValue, float64(n), names[k], strconv.Itoa(status))
			}
		}
	}
	for model, kept := range m.caches() {
		for source, name := range sourceNames {
			add(d.cached, prometheus.CounterValue, float64(kept.sources[source].Load()), model, name)
		}
		entries, bytes := kept.Size()
		add(d.entries, prometheus.GaugeValue, float64(entries), model)
		add(d.kept, prometheus.GaugeValue, float64(bytes), model)
	}
	add(d.bodies, prometheus.GaugeValue, float64(m.bodies.used.Load()))
	add(d.allBodies, prometheus.GaugeValue, float64(m.bodies.limit))
	add(d.crowded, prometheus.CounterValue, float64(m.bodies.refused.Load()))
	add(d.quotas, prometheus.CounterValue, float64(m.quotas.Load()))
	bytes, draining := m.host.Usage()
	add(d.used, prometheus.GaugeValue, float64(bytes))
	add(d.draining, prometheus.GaugeValue, float64(draining))
	for _, model := range m.host.All() {
		for _, v := range model.Versions {
			if v.State == host.Ready {
				m.collect(out, model.Name, &v)
			}
		}
	}
}

// collect collects what a version has done.
func (m *metrics) collect(out chan<- prometheus.Metric, model string, v *host.VersionStatus) {
	d, s := &m.descs, v.Stats
	counter := func(desc *prometheus.Desc, n uint64, more ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), append([]string{model, v.Version}, more...)...)
	}
	gauge := func(desc *prometheus.Desc, n float64) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, n, model, v.Version)
	}
	counter(d.success, s.Requests)
	counter(d.rows, s.Rows)
	counter(d.executions, s.Requests-s.Batched+s.Batches)
	counter(d.batches, s.Batches)
	counter(d.batched, s.Batched)
	counter(d.queued, s.Queued)
	counter(d.refused, s.Full, "queue")
	counter(d.refused, s.Late, "deadline")
	counter(d.shadows, s.Shadows)
	gauge(d.waiting, float64(v.Waiting))
	gauge(d.memory, float64(v.Bytes))
	f := m.ledger.sum(ui.User{Admin: true}, model, v.Version)
	counter(d.took, uint64(f.Took.Microseconds()))
	out <- prometheus.MustNewConstHistogram(d.latency, f.Requests(), f.Took.Seconds(), bounds(&f), model, v.Version)
}

// bounds returns how many answers took at most as long as each of the bounds, in seconds.
func bounds(f *ui.Figures) map[float64]uint64 {
	of := make(map[float64]uint64, ui.Buckets-1)
	below := uint64(0)
	for i, n := range f.Latency[:ui.Buckets-1] {
		below += n
		of[ui.Bound(i).Seconds()] = below
	}
	return of
}

// write answers with all metrics as Prometheus reads them.
func (m *metrics) write(ctx *fasthttp.RequestCtx) error {
	families, err := m.registry.Gather()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			return err
		}
	}
	ctx.SetStatusCode(http.StatusOK)
	ctx.Response.Header.SetContentType(string(format))
	ctx.Response.SetBodyRaw(b.Bytes())
	return nil
}
