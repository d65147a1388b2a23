//go:build !amd64

package ml

import "unsafe"

func products(sums, fours, p, shift *float64, dims, n int) {
	productsInGo(unsafe.Slice(sums, 4*n), unsafe.Slice(fours, 4*n*dims), unsafe.Slice(p, dims), unsafe.Slice(shift, dims))
}
