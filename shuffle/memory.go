package shuffle

import (
	"fmt"
	"math"
	"sync"
)

// Memory is the budget of one executor, shared by the accounts of its tasks. It counts; it does not allocate.
// It is safe for concurrent use.
type Memory struct {
	mu       sync.Mutex
	limit    int64
	used     int64
	peak     int64
	accounts int64

	cached  int64 // of used
	shared  int64 // of cached: by shared accounts
	reclaim func(bytes int64)
}

// maxCached is the part of the budget that may be cached: tasks that find it full
// wait for nothing, since what is cached is let go of for them.
const maxCached = 0.75

// NewMemory returns a budget of limit bytes.
func NewMemory(limit int64) *Memory { return &Memory{limit: limit} }

// Limit returns the size of the budget.
func (m *Memory) Limit() int64 { return m.limit }

// Used returns the bytes held by all accounts.
func (m *Memory) Used() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}

// Peak returns the most bytes that were held at one time.
func (m *Memory) Peak() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.peak
}

// Reclaim gives the function that lets go of what is cached, as many bytes as it is
// told, for the sake of accounts. It calls Uncache. It must be given before the
// Memory is used.
func (m *Memory) Reclaim(f func(bytes int64)) { m.reclaim = f }

// Cache takes n bytes for what may be let go of, or reports false and takes none:
// there is no room for them beside what accounts hold.
func (m *Memory) Cache(n int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used+n > m.limit || float64(m.cached+n) > maxCached*float64(m.limit) {
		return false
	}
	m.cached += n
	m.used += n
	m.peak = max(m.peak, m.used)
	return true
}

// Uncache gives back n bytes that Cache took.
func (m *Memory) Uncache(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cached -= n
	m.used -= n
}

// lock locks m when what is cached has been let go of, where that is needed for n
// more bytes.
func (m *Memory) lock(n int64) {
	m.mu.Lock()
	if short := min(m.used+n-m.limit, m.cached); short > 0 && m.reclaim != nil {
		m.mu.Unlock()
		m.reclaim(short)
		m.mu.Lock()
	}
}

// fair is what each account may hold. m is locked.
func (m *Memory) fair() int64 { return (m.limit - m.shared) / max(1, m.accounts) }

// Open returns a new account. The name is for messages.
func (m *Memory) Open(name string) *Account {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.accounts++
	return &Account{m: m, name: name}
}

// maxShared is the part of the budget that shared accounts may hold together: tasks
// cannot have it back while they read what is there.
const maxShared = 0.25

// OpenShared returns an account for what several tasks read. It is none of those that
// the budget is divided among: it takes what is free or cached, up to a quarter of the
// budget for all such accounts.
func (m *Memory) OpenShared(name string) *Account { return &Account{m: m, name: name, shared: true} }

// Account is the part of a [Memory] that one task holds. A nil Account has no limit and counts nothing.
//
// With n accounts open, an account may hold up to 1/n of the budget while there is room, and up to 1/2n even when
// there is none, since the others will meet their limit at their next Grow. So nobody waits and nobody starves.
type Account struct {
	m      *Memory
	name   string
	used   int64
	peak   int64
	closed bool
	shared bool // see OpenShared
}

// Grow takes n more bytes, or reports false and takes none: the caller has to spill first.
func (a *Account) Grow(n int64) bool {
	if a == nil {
		return true
	}
	m := a.m
	if a.shared {
		return a.growShared(n)
	}
	m.lock(n)
	defer m.mu.Unlock()
	share := m.fair()
	after := a.used + n
	if after > share || m.used+n > m.limit && after > share/2 {
		return false
	}
	a.add(n)
	return true
}

// growShared is Grow for a shared account. It has what is cached let go of.
func (a *Account) growShared(n int64) bool {
	m := a.m
	m.mu.Lock()
	defer m.mu.Unlock()
	for float64(m.shared+n) <= maxShared*float64(m.limit) {
		if m.used+n <= m.limit && float64(m.cached+n) <= maxCached*float64(m.limit) {
			a.add(n)
			return true
		}
		if m.reclaim == nil {
			return false
		}
		before := m.cached
		m.mu.Unlock()
		m.reclaim(n)
		m.mu.Lock()
		if m.cached >= before {
			return false
		}
	}
	return false
}

// Force takes n more bytes in any case. It is for the least an operator cannot work without.
func (a *Account) Force(n int64) {
	if a == nil {
		return
	}
	a.m.lock(n)
	defer a.m.mu.Unlock()
	a.add(n)
}

// Shrink gives n bytes back. After Close there are none to give.
func (a *Account) Shrink(n int64) {
	if a == nil {
		return
	}
	a.m.mu.Lock()
	defer a.m.mu.Unlock()
	if a.closed {
		return
	}
	if n > a.used {
		panic(fmt.Sprintf("shuffle: account %s gives back %d bytes of %d", a.name, n, a.used))
	}
	a.add(-n)
}

func (a *Account) add(n int64) {
	if a.closed {
		panic("shuffle: account " + a.name + " is used after Close")
	}
	a.used += n
	a.peak = max(a.peak, a.used)
	if a.shared {
		a.m.cached += n
		a.m.shared += n
	}
	a.m.used += n
	a.m.peak = max(a.m.peak, a.m.used)
}

// Used returns the bytes the account holds.
func (a *Account) Used() int64 {
	if a == nil {
		return 0
	}
	a.m.mu.Lock()
	defer a.m.mu.Unlock()
	return a.used
}

// Peak returns the most bytes that the account held.
func (a *Account) Peak() int64 {
	if a == nil {
		return 0
	}
	a.m.mu.Lock()
	defer a.m.mu.Unlock()
	return a.peak
}

// Close gives everything back. Closing twice is fine.
func (a *Account) Close() {
	if a == nil {
		return
	}
	a.m.mu.Lock()
	defer a.m.mu.Unlock()
	if a.closed {
		return
	}
	a.add(-a.used)
	a.closed = true
	if !a.shared {
		a.m.accounts--
	}
}

// Fair returns what the account may count on while there are as many as now, or a lot when it has no limit.
func (a *Account) Fair() int64 {
	if a == nil {
		return math.MaxInt64
	}
	a.m.mu.Lock()
	defer a.m.mu.Unlock()
	return a.m.fair()
}

// share is what one operator holds of its task's account.
type share struct {
	account *Account
	limit   int64 // 0: the account's own
	used    int64
}

func (s *share) grow(n int64) bool {
	if s.limit > 0 && s.used+n > s.limit || !s.account.Grow(n) {
		return false
	}
	s.used += n
	return true
}

// fair returns what the share may count on.
func (s *share) fair() int64 {
	if fair := s.account.Fair(); s.limit <= 0 || fair < s.limit {
		return fair
	}
	return s.limit
}

func (s *share) force(n int64) {
	s.account.Force(n)
	s.used += n
}

// growOr takes n bytes, by force when the share would otherwise be below least.
func (s *share) growOr(n, least int64) bool {
	if s.grow(n) {
		return true
	}
	if s.used+n > least {
		return false
	}
	s.force(n)
	return true
}

func (s *share) shrink(n int64) {
	s.account.Shrink(n)
	s.used -= n
}

func (s *share) release() {
	s.account.Shrink(s.used)
	s.used = 0
}
