package tally

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gordd-project/gordd/rdd/plan"
)

func status() *plan.ActionStatus {
	return &plan.ActionStatus{
		Name: "Collect", Site: plan.Site{File: "main.go", Line: 9}, State: plan.ActionDone, Elapsed: 1234 * time.Millisecond,
		Stages: []plan.StageStatus{
			{Tasks: 9, Done: 9, Skipped: true, Counters: plan.Counters{RowsIn: 1e6, BytesRead: 1e6}},
			{Tasks: 4, Done: 3, Ran: 5, Counters: plan.Counters{RowsIn: 1200, BytesRead: 98 << 20, ShuffleWrite: 2 << 10, Spilled: 5 << 20}},
			{Tasks: 1, Done: 1, Ran: 1, Counters: plan.Counters{RowsIn: 34, Output: 100, Rejected: 1}},
		},
	}
}

func TestLine(t *testing.T) {
	s := status()
	want := "Collect (main.go:9): 2 stages (+1 skipped), 4 tasks (+2 again), 1,234 rows, 98 MiB read, 2.0 KiB shuffled, 5.0 MiB spilled, 100 B written, 1 row rejected, 1.23s"
	if got := Line(s); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.State, s.Stages = plan.ActionCancelled, nil
	if got, want := Line(s), "Collect (main.go:9) cancelled: 0 stages, 0 tasks, 0 rows, 1.23s"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSummary(t *testing.T) {
	var sum Tally
	sum.Add(Of(status()))
	failed := status()
	failed.State, failed.Stages = plan.ActionFailed, failed.Stages[1:2]
	sum.Add(Of(failed))
	want := "2 actions (1 failed), 3 stages (+1 skipped), 7 tasks (+4 again), 2,434 rows, 196 MiB read, 4.0 KiB shuffled, 10 MiB spilled, 100 B written, 1 row rejected, 2.47s"
	if got := sum.Summary(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	b, err := json.Marshal(sum)
	if err != nil || !strings.Contains(string(b), `"bytes_spilled":10485760`) || !strings.Contains(string(b), `"tasks":7,"tasks_ran":11`) {
		t.Errorf("%s, %v", b, err)
	}
}

// TestAddAddsEveryField fails when a new field is forgotten.
func TestAddAddsEveryField(t *testing.T) {
	var one, sum Tally
	v := reflect.ValueOf(&one).Elem()
	for i := range v.NumField() {
		v.Field(i).SetInt(int64(i + 1))
	}
	sum.Add(one)
	sum.Add(one)
	v = reflect.ValueOf(sum)
	for i := range v.NumField() {
		if got := v.Field(i).Int(); got != 2*int64(i+1) {
			t.Errorf("%s: got %d, want %d", v.Type().Field(i).Name, got, 2*(i+1))
		}
	}
}

func TestNumber(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1000: "-1,000", -100: "-100", 1234567: "1,234,567"} {
		if got := Number(n); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1234567: "1ms", 1234567890: "1.23s", 61234567890: "1m1s",
	} {
		if got := Duration(d); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
