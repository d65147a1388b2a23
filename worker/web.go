package worker

import (
	"net/http"
	"time"

	"github.com/gordd-project/gordd/internal/web"
)

// pages are what the worker shows by HTTP.
func (w *Worker) pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", web.Healthy)
	mux.HandleFunc("/metrics", web.ShowMetrics(w.collect))
	return mux
}

// collect gives the worker's metrics.
func (w *Worker) collect(m *web.Metrics) {
	m.Gauge("gordd_worker_slots", "Tasks that the worker runs at a time.", float64(w.o.Slots))
	m.Gauge("gordd_worker_memory_bytes", "Budget of one executor.", float64(w.o.Memory))
	m.Gauge("gordd_worker_executors", "Processes of jobs that are there or under way.", float64(len(w.execs.list())))
	m.Gauge("gordd_worker_outputs", "Outputs of map tasks that the worker holds.", float64(w.store.count()))
	m.Counter("gordd_worker_served_bytes_total", "Bytes that other workers and drivers were given.", float64(w.server.Served()))
	m.Counter("gordd_worker_fetched_bytes_total", "Bytes that came from other workers.", float64(w.fetch.Fetched()+w.near.Fetched()))
	if until := w.until.Load(); until != 0 { // else it never had a lease
		m.Gauge("gordd_worker_lease_seconds", "Time until the worker's lease ends; below zero, since it ended.",
			(time.Duration(until) - time.Duration(w.now())).Seconds())
	}
}
