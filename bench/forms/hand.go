package forms

import (
	"strings"
	"sync"
)

// onCores calls f for as many parts of the numbers below rows, and adds up what
// it gives.
func onCores(cores int, rows int64, f func(from, to int64) int64) int64 {
	sums := make([]int64, cores)
	var g sync.WaitGroup
	for c := range int64(cores) {
		g.Go(func() { sums[c] = f(rows*c/int64(cores), rows*(c+1)/int64(cores)) })
	}
	g.Wait()
	var sum int64
	for _, s := range sums {
		sum += s
	}
	return sum
}

func numbersByHand(cores int, rows int64) int64 {
	return onCores(cores, rows, func(from, to int64) (sum int64) {
		for n := from; n < to; n++ {
			if m := n*3 + 1; m%7 != 0 {
				sum += m ^ m>>3
			}
		}
		return sum
	})
}

func wordsByHand(cores int, rows int64) int64 {
	return onCores(cores, rows, func(from, to int64) (sum int64) {
		for n := from; n < to; n++ {
			for w := range strings.FieldsSeq(line(n)) {
				if !strings.HasPrefix(w, "a") {
					sum += int64(len(w))
				}
			}
		}
		return sum
	})
}

func structsByHand(cores int, rows int64) int64 {
	return onCores(cores, rows, func(from, to int64) (count int64) {
		for n := from; n < to; n++ {
			p := point{n, float64(n % 100), float64(n % 101), float64(n % 103)}
			if p.X <= p.Y {
				continue
			}
			q := point{p.ID, p.Y, p.Z, p.X + 1}
			if q.X*q.X+q.Y*q.Y < q.Z*q.Z {
				count++
			}
		}
		return count
	})
}

func joinByHand(cores int, rows int64) int64 {
	right := make(map[int64]int64, keys)
	for n := range int64(keys) {
		right[n] = n % 13
	}
	return onCores(cores, rows, func(from, to int64) (sum int64) {
		for n := from; n < to; n++ {
			if v, ok := right[n*7%keys]; ok {
				sum += n * v
			}
		}
		return sum
	})
}

// groupByHand keeps the values of each group, as GroupByKey has to: a fold that
// needs none of them would be ReduceByKey.
func groupByHand(cores int, rows int64) int64 {
	parts := make([]map[int64][]int64, cores)
	onCores(cores, rows, func(from, to int64) int64 {
		groups := map[int64][]int64{}
		for n := from; n < to; n++ {
			k := n * 31 % 10_007
			groups[k] = append(groups[k], n)
		}
		parts[from*int64(cores)/rows] = groups
		return 0
	})
	all := parts[0]
	for _, p := range parts[1:] {
		for k, vs := range p {
			all[k] = append(all[k], vs...)
		}
	}
	var sum int64
	for k, vs := range all {
		sum += spread(k, func(yield func(int64) bool) {
			for _, v := range vs {
				if !yield(v) {
					return
				}
			}
		})
	}
	return sum
}
