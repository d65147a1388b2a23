package master

import (
	"bytes"
	_ "embed" // of the page
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/status"
	"github.com/gordd-project/gordd/internal/web"
	"github.com/gordd-project/gordd/rdd/plan"
)

const (
	// shownJobs is how many jobs the page lists, the last ones.
	shownJobs = 50
	// shownStages is of how many jobs it lists the stages.
	shownStages = 10
	// shownCounted is of how many jobs it lists the accumulators.
	shownCounted = 5
	// shownEvents is how many events it lists.
	shownEvents = 20
	// healthWait is how long the engine may take to show that it goes on.
	healthWait = 2 * time.Second
)

var (
	//go:embed page.html
	pageText string
	//go:embed page.css
	pageStyle []byte
	page      = template.Must(template.New("page").Funcs(template.FuncMap{"short": short, "clock": clock, "join": func(all []string) string { return strings.Join(all, ", ") }, "sub": func(a, b int) int { return a - b }}).Parse(pageText))
)

// short gives a duration in seconds as people want it.
func short(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(100 * time.Millisecond).String()
}

func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateTime)
}

// pages are what the master shows by HTTP.
func (m *Master) pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", m.showPage)
	mux.HandleFunc("/page.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(pageStyle)
	})
	mux.HandleFunc("/healthz", m.showHealth)
	mux.HandleFunc("/metrics", web.ShowMetrics(m.collect))
	return mux
}

// shown is what the page has.
type shown struct {
	Cluster string
	Now     time.Time
	Totals  status.Totals
	Jobs    []status.Job // the last first
	Left    int          // jobs that are not shown
	Counted []status.Job // with accumulators, the last first
	Stages  []shownJob
	Workers []status.Worker
	Events  []status.Event // the last first
}

type shownJob struct {
	Job    status.Job
	Stages []status.Stage
}

func (m *Master) showPage(w http.ResponseWriter, _ *http.Request) {
	s := shown{Cluster: m.o.Cluster, Now: time.Now(), Totals: m.Totals(), Workers: m.Workers()}
	all := m.Jobs()
	for i := len(all) - 1; i >= 0; i-- {
		if len(s.Jobs) < shownJobs {
			s.Jobs = append(s.Jobs, all[i])
		} else {
			s.Left++
		}
		if len(all[i].Accumulators) > 0 && len(s.Counted) < shownCounted {
			s.Counted = append(s.Counted, all[i])
		}
		if !all[i].Over() && len(s.Stages) < shownStages {
			if st := m.Stages(plan.JobID(all[i].ID)); len(st) > 0 {
				s.Stages = append(s.Stages, shownJob{all[i], st})
			}
		}
	}
	for _, e := range m.history.last(shownEvents) {
		s.Events = append([]status.Event{e}, s.Events...)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, s); err != nil {
		m.log.Error("status page", "err", err)
		http.Error(w, "the page cannot be made: the master's log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(b.Bytes())
}

// showHealth answers whether the master's loop goes on.
func (m *Master) showHealth(w http.ResponseWriter, r *http.Request) {
	goesOn := make(chan struct{})
	m.engine.Call(func() model.Event {
		close(goesOn)
		return nil
	})
	late := time.NewTimer(healthWait)
	defer late.Stop()
	select {
	case <-goesOn:
		web.Healthy(w, r)
	case <-m.engine.Done():
		http.Error(w, "the scheduler has ended", http.StatusServiceUnavailable)
	case <-late.C:
		http.Error(w, "the scheduler does not answer", http.StatusServiceUnavailable)
	}
}

// collect gives the master's metrics.
func (m *Master) collect(x *web.Metrics) {
	t := m.Totals()
	jobs, workers := map[string]float64{}, map[string]float64{}
	for s := model.JobQueued; s <= model.JobCancelled; s++ {
		jobs[s.String()] = 0
	}
	for _, j := range m.Jobs() {
		jobs[j.State]++
	}
	for _, w := range m.Workers() {
		workers[w.State]++
	}
	x.Gauge("gordd_term", "Term of the master.", float64(t.Term))
	x.Gauges("gordd_workers", "Workers that are or were there.", "state", workers)
	x.Gauge("gordd_slots", "Tasks that the workers run at a time.", float64(t.Slots))
	x.Gauge("gordd_slots_free", "Slots that run nothing.", float64(t.Free))
	x.Gauges("gordd_jobs", "Jobs that are not forgotten.", "state", jobs)
	x.Gauge("gordd_stages", "Stages of jobs that are not forgotten.", float64(t.Stages))
	x.Gauge("gordd_tasks_pending", "Tasks that wait for a slot.", float64(t.Pending))
	x.Gauge("gordd_tasks_running", "Attempts of tasks that run.", float64(t.Running))
	x.Gauge("gordd_tasks_queued", "Attempts that wait at their workers for a slot.", float64(t.Queued))
	x.Counter("gordd_task_launches_total", "Attempts of tasks that were launched.", float64(t.Launched))
	x.Counter("gordd_tasks_done_total", "Attempts that ended well and were taken.", float64(t.Done))
	x.Counter("gordd_tasks_failed_total", "Attempts that failed.", float64(t.Failed))
	x.Counter("gordd_tasks_lost_total", "Attempts whose worker or executor was lost.", float64(t.Lost))
	x.Counter("gordd_tasks_discarded_total", "Attempts that ended well and were not needed any more.", float64(t.Discarded))
	x.Counter("gordd_refused_total", "Messages of workers that were refused.", float64(t.Refused))
	x.Counter("gordd_worker_stream_ends_total", "Streams of workers that have ended.", float64(m.ends.Load()))
}
