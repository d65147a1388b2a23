package web

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Metrics is a page of metrics, in the text format of Prometheus. The zero value
// is empty.
type Metrics struct{ b bytes.Buffer }

// Gauge adds a value that goes up and down.
func (m *Metrics) Gauge(name, help string, value float64) {
	m.head(name, help, "gauge")
	m.sample(name, "", value)
}

// Counter adds a value that only rises while the member lives. Its name ends with
// _total.
func (m *Metrics) Counter(name, help string, value float64) {
	m.head(name, help, "counter")
	m.sample(name, "", value)
}

// Gauges adds one value for each value of a label, in their order.
func (m *Metrics) Gauges(name, help, label string, values map[string]float64) {
	m.head(name, help, "gauge")
	type pair struct {
		of    string
		value float64
	}
	all := make([]pair, 0, len(values))
	for of, v := range values {
		all = append(all, pair{of, v})
	}
	slices.SortFunc(all, func(a, b pair) int { return cmp.Compare(a.of, b.of) })
	for _, p := range all {
		m.sample(name, "{"+label+`="`+inQuotes.Replace(p.of)+`"}`, p.value)
	}
}

var (
	inQuotes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	inHelp   = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
)

func (m *Metrics) head(name, help, kind string) {
	_, _ = fmt.Fprintf(&m.b, "# HELP %s %s\n# TYPE %s %s\n", name, inHelp.Replace(help), name, kind)
}

func (m *Metrics) sample(name, labels string, value float64) {
	m.b.WriteString(name + labels + " " + strconv.FormatFloat(value, 'g', -1, 64) + "\n")
}

// String is the page.
func (m *Metrics) String() string { return m.b.String() }

// ShowMetrics makes a handler of what collects the metrics.
func ShowMetrics(collect func(*Metrics)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		var m Metrics
		collect(&m)
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = w.Write(m.b.Bytes())
	}
}
