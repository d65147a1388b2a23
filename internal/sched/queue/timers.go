package queue

// Timers keeps values until their time comes; those of equal time come in the
// order they were added. The zero value is empty. Nothing is cancelled: whoever
// receives a value looks whether it still means something.
type Timers[T any] struct {
	heap []timer[T]
	seq  uint64
}

type timer[T any] struct {
	at  int64
	seq uint64
	v   T
}

func (a *timer[T]) before(b *timer[T]) bool {
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}

// Len returns how many values wait.
func (t *Timers[T]) Len() int { return len(t.heap) }

// Add keeps v until at.
func (t *Timers[T]) Add(at int64, v T) {
	t.seq++
	t.heap = append(t.heap, timer[T]{at, t.seq, v})
	i := len(t.heap) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !t.heap[i].before(&t.heap[up]) {
			return
		}
		t.heap[i], t.heap[up] = t.heap[up], t.heap[i]
		i = up
	}
}

// Next returns the earliest time.
func (t *Timers[T]) Next() (int64, bool) {
	if len(t.heap) == 0 {
		return 0, false
	}
	return t.heap[0].at, true
}

// Pop takes the first value whose time is not after now.
func (t *Timers[T]) Pop(now int64) (T, bool) {
	var zero T
	if len(t.heap) == 0 || t.heap[0].at > now {
		return zero, false
	}
	v := t.heap[0].v
	last := len(t.heap) - 1
	t.heap[0] = t.heap[last]
	t.heap[last] = timer[T]{}
	t.heap = t.heap[:last]
	t.sink(0)
	return v, true
}

// All yields every value, in no useful order.
func (t *Timers[T]) All(yield func(at int64, v T) bool) {
	for i := range t.heap {
		if !yield(t.heap[i].at, t.heap[i].v) {
			return
		}
	}
}

func (t *Timers[T]) sink(i int) {
	for {
		least := i
		for c := 4*i + 1; c <= 4*i+4 && c < len(t.heap); c++ {
			if t.heap[c].before(&t.heap[least]) {
				least = c
			}
		}
		if least == i {
			return
		}
		t.heap[i], t.heap[least] = t.heap[least], t.heap[i]
		i = least
	}
}
