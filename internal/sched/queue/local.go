package queue

// Local keeps, for each of many names of hosts, a queue of tasks. A task is in
// the queue of each name it prefers, and is skipped when met after it was taken
// from another one. The zero value is empty.
type Local struct {
	queues map[int32]*line
}

type line struct {
	tasks []int32
	head  int
}

// Push adds a task to the queue of a name.
func (l *Local) Push(name, task int32) {
	if l.queues == nil {
		l.queues = map[int32]*line{}
	}
	q := l.queues[name]
	if q == nil {
		q = &line{}
		l.queues[name] = q
	}
	if q.head > 32 && q.head*2 > len(q.tasks) {
		q.tasks = append(q.tasks[:0], q.tasks[q.head:]...)
		q.head = 0
	}
	q.tasks = append(q.tasks, task)
}

// First returns the first task of a name that is still valid, and leaves it
// there; those before it are dropped.
func (l *Local) First(name int32, valid func(task int32) bool) (int32, bool) {
	q := l.queues[name]
	if q == nil {
		return 0, false
	}
	for ; q.head < len(q.tasks); q.head++ {
		if t := q.tasks[q.head]; valid(t) {
			return t, true
		}
	}
	delete(l.queues, name)
	return 0, false
}

// Last returns the last task of a name that is still valid, and leaves it there;
// those after it are dropped.
func (l *Local) Last(name int32, valid func(task int32) bool) (int32, bool) {
	q := l.queues[name]
	if q == nil {
		return 0, false
	}
	for ; len(q.tasks) > q.head; q.tasks = q.tasks[:len(q.tasks)-1] {
		if t := q.tasks[len(q.tasks)-1]; valid(t) {
			return t, true
		}
	}
	delete(l.queues, name)
	return 0, false
}

// Empty reports whether no name has a queue; skipped tasks may remain in one.
func (l *Local) Empty() bool { return len(l.queues) == 0 }

// Clear forgets everything.
func (l *Local) Clear() { clear(l.queues) }
