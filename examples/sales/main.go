// Sales adds up what was sold, of tables in CSV.
//
// Usage:
//
//	sales -sales PATHS -products PATHS -out DIR [-skip]
//
// The sales have the columns id, day, region, product, quantity and price, and
// the products id, name and category; the first line of a file names them. DIR
// gets the revenue of each region, category and month. A sale of a product that
// nobody knows has the category "unknown". A line that is no sale ends the
// program; with -skip it is left out.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/gordd-project/gordd/typed"
)

//go:generate go tool rddgen

func main() {
	sales := flag.String("sales", "", "`paths` of the sales")
	products := flag.String("products", "", "`paths` of the products")
	out := flag.String("out", "", "`directory` for the report, which must not be there yet")
	skip := flag.Bool("skip", false, "leave out lines that are no sales")
	flag.Parse()

	policy := typed.Fail()
	if *skip {
		policy = typed.Skip(0)
	}
	typed.Main(func(ctx context.Context, s *typed.Session) error {
		if *sales == "" || *products == "" || *out == "" {
			return typed.Usagef("give -sales, -products and -out; %s -help says more", os.Args[0])
		}
		report := revenue(
			records[Sale](s.TextFile(*sales)),
			records[Product](s.TextFile(*products)),
		)
		total, err := report.Values().Fold(ctx, Revenue{}, Revenue.Plus)
		if err != nil {
			return err
		}
		fmt.Println(total)
		return report.Map(line).SaveAsTextFile(ctx, *out)
	}, typed.Options{Policy: policy})
}
