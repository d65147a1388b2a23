package queue

// Slots keeps workers by how many free slots they have. The zero value is empty.
type Slots struct {
	free    []int32
	buckets []Bits // by number of free slots; bucket 0 is not used
	filled  Bits   // which buckets have members
	total   int
}

// Total returns the number of free slots.
func (s *Slots) Total() int { return s.total }

// Workers returns the number of workers with a free slot.
func (s *Slots) Workers() int {
	n := 0
	for c, ok := s.filled.Min(); ok; c, ok = s.filled.Next(c + 1) {
		n += s.buckets[c].Len()
	}
	return n
}

// Free returns the free slots of worker w.
func (s *Slots) Free(w int) int {
	if w >= len(s.free) {
		return 0
	}
	return int(s.free[w])
}

// Set says that worker w has n free slots.
func (s *Slots) Set(w, n int) {
	for w >= len(s.free) {
		s.free = append(s.free, 0)
	}
	old := int(s.free[w])
	if old == n {
		return
	}
	if old > 0 {
		s.buckets[old].Remove(w)
		if s.buckets[old].Len() == 0 {
			s.filled.Remove(old)
		}
	}
	if n > 0 {
		for n >= len(s.buckets) {
			s.buckets = append(s.buckets, Bits{})
		}
		s.buckets[n].Add(w)
		s.filled.Add(n)
	}
	s.total += n - old
	s.free[w] = int32(n)
}

// First returns the worker with most free slots, of those the lowest number.
func (s *Slots) First() (w int, ok bool) {
	for w := range s.All {
		return w, true
	}
	return 0, false
}

// All yields the workers with free slots: most first, then the lowest number.
// It must not be changed meanwhile.
func (s *Slots) All(yield func(w int) bool) {
	for c := len(s.buckets) - 1; c > 0; c-- {
		if !s.filled.Has(c) {
			continue
		}
		b := &s.buckets[c]
		for w, ok := b.Min(); ok; w, ok = b.Next(w + 1) {
			if !yield(w) {
				return
			}
		}
	}
}
