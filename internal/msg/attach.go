package msg

import "github.com/gordd-project/gordd/internal/sched/model"

const (
	// partBytes is about how much one message has of what a worker holds.
	partBytes = 4 << 20
	// itemBytes is about what one thing takes, beside the bytes that it carries.
	itemBytes = 1 << 10
)

// Held is a part of what an attaching worker holds. It goes before Attach.
type Held struct{ Inventory model.Inventory }

// InParts gives an attach as messages of a bounded size: a worker may hold more than
// one has room for. Attach is the last, with what those before it leave.
func InParts(at model.Attach) (ms []any) {
	all := at.Inventory
	part, size := &model.Inventory{}, 0
	next := func(carried ...int) *model.Inventory {
		n := itemBytes
		for _, c := range carried {
			n += c
		}
		if size += n; size > partBytes {
			ms = append(ms, Held{*part})
			part, size = &model.Inventory{}, n
		}
		return part
	}
	for _, d := range all.Done {
		p := next(len(d.Output), len(d.Sizes), len(d.Address), len(d.Updates))
		p.Done = append(p.Done, d)
	}
	for _, f := range all.Failed {
		p := next(len(f.Detail), len(f.Message))
		p.Failed = append(p.Failed, f)
	}
	for _, o := range all.Outputs {
		p := next(len(o.Output), len(o.Sizes), len(o.Updates))
		p.Outputs = append(p.Outputs, o)
	}
	at.Inventory.Done, at.Inventory.Failed, at.Inventory.Outputs = part.Done, part.Failed, part.Outputs
	return append(ms, at)
}
