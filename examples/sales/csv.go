package main

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gordd-project/gordd/typed"
)

// record is a pointer to a T that reads itself from the fields of a line.
type record[T any] interface {
	*T
	header() string
	parse(fields []string) error
}

// records reads a table of CSV whose fields have no line breaks.
func records[T any, P record[T]](lines typed.RDD[string]) typed.RDD[T] {
	return lines.With(P(nil).header()).
		Filter(func(header, line string) bool { return line != header }).
		TryMap(parseLine[T, P])
}

func parseLine[T any, P record[T]](line string) (row T, err error) {
	r := csv.NewReader(strings.NewReader(line))
	r.FieldsPerRecord = 1 + strings.Count(P(nil).header(), ",")
	fields, err := r.Read()
	if err != nil {
		return row, err
	}
	return row, P(&row).parse(fields)
}

// Sale is a line of the table of sales.
type Sale struct {
	ID       int64
	Day      time.Time
	Region   string
	Product  int32
	Quantity int32
	Price    Cents
}

func (*Sale) header() string { return "id,day,region,product,quantity,price" }

func (s *Sale) parse(fields []string) (err error) {
	if s.ID, err = strconv.ParseInt(fields[0], 10, 64); err != nil {
		return err
	}
	if s.Day, err = time.Parse(time.DateOnly, fields[1]); err != nil {
		return err
	}
	s.Region = fields[2]
	if s.Product, err = parseInt32(fields[3]); err != nil {
		return err
	}
	if s.Quantity, err = parseInt32(fields[4]); err != nil {
		return err
	}
	s.Price, err = parseCents(fields[5])
	return err
}

// Product is a line of the table of products.
type Product struct {
	ID             int32
	Name, Category string
}

func (*Product) header() string { return "id,name,category" }

func (p *Product) parse(fields []string) (err error) {
	p.Name, p.Category = fields[1], fields[2]
	p.ID, err = parseInt32(fields[0])
	return err
}

// Cents is money.
type Cents int64

func (c Cents) String() string { return fmt.Sprintf("%d.%02d", c/100, c%100) }

func parseCents(s string) (Cents, error) {
	whole, part, _ := strings.Cut(s, ".")
	n, err := strconv.ParseUint(whole+(part + "00")[:2], 10, 63)
	if err != nil || len(part) > 2 {
		return 0, fmt.Errorf("%q is no price", s)
	}
	return Cents(n), nil
}

func parseInt32(s string) (int32, error) {
	n, err := strconv.ParseInt(s, 10, 32)
	return int32(n), err
}
