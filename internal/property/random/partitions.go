package random

import "fmt"

// coalesce puts partitions together; rows stay in order.
func coalesce(g *generator, d *data) *step {
	n := g.partitions()
	return &step{out: *d, call: fmt.Sprintf("Coalesce(%d)", n), plain: fmt.Sprintf("oracle.Coalesce(%s, %d)", d.name, n)}
}
