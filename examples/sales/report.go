package main

import (
	"fmt"
	"time"

	"github.com/gordd-project/gordd/typed"
)

const unknown = "unknown"

// Group is what the report has a line for.
type Group struct {
	Region, Category string
	Year             int
	Month            time.Month
}

// Revenue adds up sales.
type Revenue struct {
	Sales, Quantity int64
	Sum, Max        Cents
}

// Plus adds up two revenues.
func (r Revenue) Plus(o Revenue) Revenue {
	return Revenue{r.Sales + o.Sales, r.Quantity + o.Quantity, r.Sum + o.Sum, max(r.Max, o.Max)}
}

func (r Revenue) String() string {
	return fmt.Sprintf("%d,%d,%s,%s", r.Sales, r.Quantity, r.Sum, r.Max)
}

func revenue(sales typed.RDD[Sale], products typed.RDD[Product]) typed.PairRDD[Group, Revenue] {
	categories := products.MapToPair(func(p Product) (int32, string) { return p.ID, p.Category })
	return sales.
		KeyBy(func(s Sale) int32 { return s.Product }).
		LeftOuterJoin(categories, func(s Sale, category *string) typed.Pair[Group, Revenue] {
			g := Group{s.Region, unknown, s.Day.Year(), s.Day.Month()}
			if category != nil {
				g.Category = *category
			}
			sum := Cents(s.Quantity) * s.Price
			return typed.Pair[Group, Revenue]{Key: g, Value: Revenue{1, int64(s.Quantity), sum, sum}}
		}).
		MapToPair(func(_ int32, p typed.Pair[Group, Revenue]) (Group, Revenue) { return p.Key, p.Value }).
		ReduceByKey(Revenue.Plus)
}

// line is a line of the report, as CSV.
func line(g Group, r Revenue) string {
	return fmt.Sprintf("%q,%q,%04d-%02d,%v", g.Region, g.Category, g.Year, g.Month, r)
}
