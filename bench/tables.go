package main

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"strconv"
	"time"

	"github.com/gordd-project/gordd/typed"
)

// The columns of TPC-H's tables that its queries 1, 3 and 6 read.
const (
	customerKey, customerSegment                              = 0, 6
	orderKey, orderCustomer, orderDate                        = 0, 1, 4
	lineOrder, lineQuantity, linePrice, lineDiscount, lineTax = 0, 4, 5, 6, 7
	lineReturned, lineStatus, lineShipped                     = 8, 9, 10
)

// cents parses an amount, of two decimals at most, as hundredths.
func cents(amount string) int64 {
	n, point := int64(0), len(amount)
	for i := range len(amount) {
		if amount[i] == '.' {
			point = i
			continue
		}
		n = n*10 + int64(amount[i]-'0')
	}
	for range 3 - max(1, len(amount)-point) {
		n *= 10
	}
	return n
}

// item is a line of table lineitem.
type item struct {
	Order, Quantity, Price, Discount, Tax int64
	Shipped                               string
	Flags                                 flags
}

// flags are letters: whether it was returned, and its status.
type flags struct{ Returned, Status byte }

// letter gives a column of one letter, 0 where there is none.
func letter(column string) byte {
	if column == "" {
		return 0
	}
	return column[0]
}

func parseItem(line string) item {
	var f [lineShipped + 1]string
	typed.Columns(line, '|', f[:])
	order, _ := strconv.ParseInt(f[lineOrder], 10, 64)
	return item{order, cents(f[lineQuantity]), cents(f[linePrice]), cents(f[lineDiscount]), cents(f[lineTax]),
		f[lineShipped], flags{letter(f[lineReturned]), letter(f[lineStatus])}}
}

// totals are those of query 1, which needs no more than these of amounts with
// discounts and taxes.
type totals struct{ N, Quantity, Base, Discounted, Charged, Discount int64 }

func (t *totals) add(i item) {
	t.N++
	t.Quantity += i.Quantity
	t.Base += i.Price
	t.Discounted += i.Price * (100 - i.Discount)
	t.Charged += i.Price * (100 - i.Discount) * (100 + i.Tax)
	t.Discount += i.Discount
}

func (t *totals) merge(o *totals) {
	t.N += o.N
	t.Quantity += o.Quantity
	t.Base += o.Base
	t.Discounted += o.Discounted
	t.Charged += o.Charged
	t.Discount += o.Discount
}

func (i item) flags() flags { return i.Flags }

func items(s *typed.Session) typed.RDD[item] {
	return s.TextFile(filepath.Join(*in, "lineitem.tbl")).Map(parseItem)
}

// tblQ1 is the pricing summary.
func tblQ1(ctx context.Context, s *typed.Session) (result, error) {
	t := time.Now()
	groups, err := items(s).
		Filter(func(i item) bool { return i.Shipped <= "1998-09-02" }).
		KeyBy(item.flags).
		AggregateByKey(func() totals { return totals{} }, (*totals).add, (*totals).merge).
		Values().
		Collect(ctx)
	sum := 0.0
	for _, g := range groups {
		sum += float64(g.Charged) / 1e6
	}
	return result{run: time.Since(t).Seconds(), check: fmt.Sprintf("%d:%.5e", len(groups), sum)}, err
}

// tblQ6 is the forecast of a change of revenue.
func tblQ6(ctx context.Context, s *typed.Session) (result, error) {
	t := time.Now()
	sum, err := items(s).
		Filter(func(i item) bool {
			return i.Shipped >= "1994-01-01" && i.Shipped < "1995-01-01" && i.Discount >= 5 && i.Discount <= 7 && i.Quantity < 2400
		}).
		Map(func(i item) int64 { return i.Price * i.Discount }).
		Reduce(ctx, add)
	return result{run: time.Since(t).Seconds(), check: fmt.Sprintf("1:%.5e", float64(sum)/1e4)}, err
}

// parseBuilder gives a customer of segment BUILDING.
func parseBuilder(line string) iter.Seq2[int64, bool] {
	return func(yield func(int64, bool) bool) {
		var f [customerSegment + 1]string
		typed.Columns(line, '|', f[:])
		if key, err := strconv.ParseInt(f[customerKey], 10, 64); err == nil && f[customerSegment] == "BUILDING" {
			yield(key, true)
		}
	}
}

// parseOrder gives the customer and the number of an order before the day of query 3.
func parseOrder(line string) iter.Seq2[int64, int64] {
	return func(yield func(int64, int64) bool) {
		var f [orderDate + 1]string
		typed.Columns(line, '|', f[:])
		customer, err1 := strconv.ParseInt(f[orderCustomer], 10, 64)
		order, err2 := strconv.ParseInt(f[orderKey], 10, 64)
		if err1 == nil && err2 == nil && f[orderDate] < "1995-03-15" {
			yield(customer, order)
		}
	}
}

// tblQ3 is the shipping priority: the ten orders of the highest revenue.
func tblQ3(ctx context.Context, s *typed.Session) (result, error) {
	t := time.Now()
	builders := s.TextFile(filepath.Join(*in, "customer.tbl")).FlatMapToPair(parseBuilder)
	orders := s.TextFile(filepath.Join(*in, "orders.tbl")).FlatMapToPair(parseOrder)
	open := orders.Join(builders, func(order int64, _ bool) int64 { return order }).
		MapToPair(func(_, order int64) (int64, bool) { return order, true })
	top, err := items(s).
		Filter(func(i item) bool { return i.Shipped > "1995-03-15" }).
		MapToPair(func(i item) (int64, int64) { return i.Order, i.Price * (100 - i.Discount) }).
		ReduceByKey(add).
		Join(open, func(revenue int64, _ bool) int64 { return revenue }).
		Values().
		Top(ctx, 10, cmp.Compare)
	sum := int64(0)
	for _, revenue := range top {
		sum += revenue
	}
	return result{run: time.Since(t).Seconds(), check: fmt.Sprintf("%d:%.5e", len(top), float64(sum)/1e4)}, err
}
