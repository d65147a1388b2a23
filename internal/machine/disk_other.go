//go:build !(darwin || linux)

package machine

import "math"

// Disk says that there is room: nobody knows here.
func Disk(string) (free, size int64, err error) { return math.MaxInt64, math.MaxInt64, nil }
