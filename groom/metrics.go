package groom

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"scalar/bsp/wire"
	"scalar/internal/netx"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const metricsPrefix = "bsp_groom_"

// metrics is what an operator's monitoring reads.
type metrics struct {
	registry  *prometheus.Registry
	started   prometheus.Counter
	restarted prometheus.Counter
	failed    prometheus.Counter
	logBytes  prometheus.Counter
}

func newMetrics(n *node) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: metricsPrefix + name, Help: help})
	}
	m := &metrics{
		registry:  prometheus.NewRegistry(),
		started:   counter("tasks_started_total", "Task processes started."),
		restarted: counter("tasks_restarted_total", "Of the tasks started, those of a second or later attempt."),
		failed:    counter("tasks_failed_total", "Tasks that ended with a failure."),
		logBytes:  counter("log_bytes_total", "Bytes that tasks wrote to stdout and stderr."),
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(m.started, m.restarted, m.failed, m.logBytes, &state{
		node:     n,
		tasks:    prometheus.NewDesc(metricsPrefix+"tasks", "Tasks known, by phase.", []string{"phase"}, nil),
		used:     prometheus.NewDesc(metricsPrefix+"slots_used", "Slots held by tasks that are not over.", nil, nil),
		slots:    prometheus.NewDesc(metricsPrefix+"slots", "Slots offered.", nil, nil),
		programs: prometheus.NewDesc(metricsPrefix+"program_cache_bytes", "Bytes in the program cache.", nil, nil),
		fetches:  prometheus.NewDesc(metricsPrefix+"program_fetches_total", "Programs copied from the store.", nil, nil),
	})
	return m
}

// state reads the node's state when it is asked for.
type state struct {
	node                                  *node
	tasks, used, slots, programs, fetches *prometheus.Desc
}

// Describe sends the descriptions.
func (s *state) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(s, out) }

// Collect sends the values of now.
func (s *state) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	phases, used := s.node.table.Usage()
	for p := wire.Starting; p <= wire.Stopped; p++ {
		gauge(s.tasks, float64(phases[p]), p.String())
	}
	gauge(s.used, float64(used))
	gauge(s.slots, float64(s.node.cfg.Slots))
	size, fetches := s.node.programs.usage()
	gauge(s.programs, float64(size))
	out <- prometheus.MustNewConstMetric(s.fetches, prometheus.CounterValue, float64(fetches))
}

// serve answers GET /metrics until ctx ends.
func (m *metrics) serve(ctx context.Context, addr string, logger *slog.Logger) error {
	l, err := netx.Listen(ctx, addr)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	logger.Info("metrics are served", "url", "http://"+l.Addr().String()+"/metrics")
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10}
	closed := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { closed <- s.Close() })
	err = s.Serve(l)
	if !stop() { // ctx has ended: Serve returned because of it
		err = <-closed
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
