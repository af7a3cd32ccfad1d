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
	for _, p := range pool {
		opts := prometheus.Opts{Name: "eps_hsm_" + p.name, Help: p.help}
		read := func() float64 { return p.read(h.Stats()) }
		if p.counts {
			m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts(opts), read))
			continue
		}
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts), read))
	}
	return m
}

// pool is what is told of the HSM session pool; counts grow only.
var pool = []struct {
	name, help string
	counts     bool
	read       func(hsm.Stats) float64
}{
	{"sessions", "Worker sessions.", false, func(s hsm.Stats) float64 { return float64(s.Sessions) }},
	{"sessions_in_use", "Worker sessions lent.", false, func(s hsm.Stats) float64 { return float64(s.InUse) }},
	{"requests_total", "Times a session was lent.", true, func(s hsm.Stats) float64 { return float64(s.Requests) }},
	{"retries_total", "Requests run again after a loss.", true, func(s hsm.Stats) float64 { return float64(s.Retries) }},
	{"recoveries_total", "Logins made anew.", true, func(s hsm.Stats) float64 { return float64(s.Recoveries) }},
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
