package msg

import (
	"reflect"
	"testing"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// A worker holds more than one message has room for.
func TestInParts(t *testing.T) {
	at := model.Attach{Slots: 3, Inventory: model.Inventory{Executors: []model.ExecutorRef{{Job: "j", No: 1}}}}
	if ms := InParts(at); len(ms) != 1 || !reflect.DeepEqual(ms[0], at) {
		t.Errorf("a worker without anything says %+v", ms)
	}
	inv := &at.Inventory
	for i := range 20_000 {
		inv.Outputs = append(inv.Outputs, model.MapOutput{Partition: i, Sizes: make([]byte, 1000)})
	}
	for range 100 {
		inv.Done = append(inv.Done, model.TaskDone{Output: make([]byte, 200<<10)})
		inv.Failed = append(inv.Failed, model.TaskFailed{Detail: make([]byte, 1<<10)})
	}
	if _, _, err := table.Encode(at); err == nil {
		t.Fatal("it has room in one message")
	}
	var got model.Inventory
	for _, m := range InParts(at) {
		if _, b, err := table.Encode(m); err != nil || len(b) > plan.MaxEncoded/2 {
			t.Errorf("a part of %d bytes: %v", len(b), err)
		}
		part := &model.Inventory{}
		switch m := m.(type) {
		case Held:
			part = &m.Inventory
		case model.Attach:
			part = &m.Inventory
		}
		got.Done, got.Failed, got.Outputs = append(got.Done, part.Done...), append(got.Failed, part.Failed...), append(got.Outputs, part.Outputs...)
		got.Executors = append(got.Executors, part.Executors...)
	}
	if !reflect.DeepEqual(&got, inv) {
		t.Errorf("%d reports, %d failures, %d outputs in all", len(got.Done), len(got.Failed), len(got.Outputs))
	}
}
