package server

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/epsbench/epsbench/reference/api"
	"github.com/epsbench/epsbench/reference/hsm"
)

// metrics are those of one server, in a registry of its own. Labels come from the
// route table and known methods only, so that callers cannot grow them.
type metrics struct {
	registry *prometheus.Registry
	calls    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics(h *hsm.HSM) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eps_calls_total", Help: "Calls answered, by listener, route and status.",
		}, []string{"listener", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "eps_call_seconds", Help: "Time to an answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"listener", "route"}),
	}
	m.registry.MustRegister(m.calls, m.seconds,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for name, read := range pool {
		m.registry.MustRegister(prometheus.NewGaugeFunc(
			prometheus.GaugeOpts{Name: "eps_hsm_" + name, Help: "HSM session pool: " + name + "."},
			func() float64 { return read(h.Stats()) }))
	}
	return m
}

// pool names what is told of the HSM session pool.
var pool = map[string]func(hsm.Stats) float64{
	"sessions":   func(s hsm.Stats) float64 { return float64(s.Sessions) },
	"in_use":     func(s hsm.Stats) float64 { return float64(s.InUse) },
	"requests":   func(s hsm.Stats) float64 { return float64(s.Requests) },
	"retries":    func(s hsm.Stats) float64 { return float64(s.Retries) },
	"recoveries": func(s hsm.Stats) float64 { return float64(s.Recoveries) },
}

func (m *metrics) count(c api.Call) {
	route := c.Route
	if route == "" {
		route = "other"
	}
	m.calls.WithLabelValues(string(c.Listener), route, strconv.Itoa(c.Status)).Inc()
	m.seconds.WithLabelValues(string(c.Listener), route).Observe(c.Took.Seconds())
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
