package ml

// products is productsInGo, with two numbers at a time in a register. There is one
// dimension or more, and sums has room for n fours.
//
//go:noescape
func products(sums, fours, p, shift *float64, dims, n int)
