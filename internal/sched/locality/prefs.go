package locality

// Prefs are lists of places by task, in one piece. The zero Prefs has none.
type Prefs struct {
	start []int32 // by task, and the end
	names []int32
}

// Append adds the list of the next task.
func (p *Prefs) Append(names ...int32) {
	if len(p.start) == 0 {
		p.start = append(p.start, 0)
	}
	p.names = append(p.names, names...)
	p.start = append(p.start, int32(len(p.names)))
}

// Of returns the list of task i.
func (p *Prefs) Of(i int) []int32 {
	if i+1 >= len(p.start) {
		return nil
	}
	return p.names[p.start[i]:p.start[i+1]]
}

// Empty reports whether no task prefers anything.
func (p *Prefs) Empty() bool { return len(p.names) == 0 }

// Heavy finds out which hosts hold much of what each of n readers reads.
type Heavy struct {
	bytes map[int32]int64 // by host, of one reader
	names []int32         // in the order in which they came
	sum   int64
}

// Add says that a host holds some bytes of the reader's input.
func (h *Heavy) Add(host int32, bytes int64) {
	if h.bytes == nil {
		h.bytes = map[int32]int64{}
	}
	if _, seen := h.bytes[host]; !seen {
		h.names = append(h.names, host)
	}
	h.bytes[host] += bytes
	h.sum += bytes
}

// Hosts returns the hosts that hold at least a part of 1/of of all, and begins
// anew. The slice is valid until then.
func (h *Heavy) Hosts(of int64) []int32 {
	out := h.names[:0]
	for _, x := range h.names {
		if h.sum > 0 && h.bytes[x]*of >= h.sum {
			out = append(out, x)
		}
	}
	clear(h.bytes)
	h.names, h.sum = h.names[:0], 0
	return out
}
