// Package machine says what the machine has.
package machine

// fallback is the size of memory where it is not known.
const fallback = 4 << 30
