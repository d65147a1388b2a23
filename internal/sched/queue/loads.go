package queue

// Loads counts something by name and knows the name that has most of it; of
// equals, the lowest. The zero Loads counts nothing.
type Loads struct {
	heap []load
	pos  map[int32]int
}

type load struct{ name, n int32 }

// Add adds d to a name's count, which must not fall below zero.
func (l *Loads) Add(name, d int32) {
	if l.pos == nil {
		l.pos = map[int32]int{}
	}
	i, ok := l.pos[name]
	if !ok {
		i = len(l.heap)
		l.heap = append(l.heap, load{name: name})
		l.pos[name] = i
	}
	l.heap[i].n += d
	l.down(l.up(i))
	if i = l.pos[name]; l.heap[i].n <= 0 {
		l.remove(i)
	}
}

// Of returns a name's count.
func (l *Loads) Of(name int32) int32 {
	if i, ok := l.pos[name]; ok {
		return l.heap[i].n
	}
	return 0
}

// Top returns the name with the highest count, and the count.
func (l *Loads) Top() (name, n int32, ok bool) {
	if len(l.heap) == 0 {
		return 0, 0, false
	}
	return l.heap[0].name, l.heap[0].n, true
}

// Len returns how many names have a count.
func (l *Loads) Len() int { return len(l.heap) }

// Clear forgets all counts.
func (l *Loads) Clear() {
	l.heap = l.heap[:0]
	clear(l.pos)
}

func (l *Loads) remove(i int) {
	last := len(l.heap) - 1
	l.swap(i, last)
	delete(l.pos, l.heap[last].name)
	l.heap = l.heap[:last]
	if i < last {
		l.down(l.up(i))
	}
}

func (l *Loads) before(i, j int) bool {
	a, b := l.heap[i], l.heap[j]
	return a.n > b.n || a.n == b.n && a.name < b.name
}

func (l *Loads) swap(i, j int) {
	l.heap[i], l.heap[j] = l.heap[j], l.heap[i]
	l.pos[l.heap[i].name], l.pos[l.heap[j].name] = i, j
}

func (l *Loads) up(i int) int {
	for i > 0 && l.before(i, (i-1)/2) {
		l.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	return i
}

func (l *Loads) down(i int) {
	for {
		first := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(l.heap); c++ {
			if l.before(c, first) {
				first = c
			}
		}
		if first == i {
			return
		}
		l.swap(i, first)
		i = first
	}
}

// Sum returns the sum of all counts.
func (l *Loads) Sum() int {
	sum := 0
	for _, x := range l.heap {
		sum += int(x.n)
	}
	return sum
}
