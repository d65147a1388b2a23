package forms

import (
	"testing"

	"github.com/gordd-project/gordd/typed"
)

const cores = 2

// modes are the ways in which a session runs a pipeline.
var modes = []struct {
	name    string
	options typed.Options
}{
	{"fused", typed.Options{Cores: cores}},
	{"operators", typed.Options{Cores: cores, NoFusing: true}},
	{"closures", typed.Options{Cores: cores, Closures: true}},
}

// All forms give the same number, on few rows and on many.
func TestForms(t *testing.T) {
	for _, p := range Pipelines {
		for _, rows := range []int64{int64(cores), 1000, p.Rows / 100} {
			want := p.Hand(cores, rows)
			for _, m := range modes {
				s, err := typed.NewSession(t.Context(), m.options)
				if err != nil {
					t.Fatal(err)
				}
				got, err := p.Run(t.Context(), s, rows)
				if err != nil || got != want {
					t.Errorf("%s of %d rows, %s: got %d, %v, want %d", p.Name, rows, m.name, got, err, want)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

func BenchmarkForms(b *testing.B) {
	for _, p := range Pipelines {
		for _, m := range modes {
			b.Run(p.Name+"/"+m.name, func(b *testing.B) {
				s, err := typed.NewSession(b.Context(), m.options)
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if _, err := p.Run(b.Context(), s, p.Rows); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(p.Rows), "ns/row")
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			})
		}
		b.Run(p.Name+"/by hand", func(b *testing.B) {
			for b.Loop() {
				sink = p.Hand(cores, p.Rows)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(p.Rows), "ns/row")
		})
	}
}

var sink int64
