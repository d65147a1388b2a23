package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/typed"
	"github.com/gordd-project/gordd/typed/typedtest"
)

// tables writes sales and products, and gives the lines of the report that
// they make, added up in strings and floats.
func tables(t *testing.T) (sales, products string, want []string) {
	r := rand.New(rand.NewPCG(3, 4))
	regions := []string{"north", "south", "west, and beyond"}
	categories := map[int]string{}
	text := "id,name,category\n"
	for id := range 40 {
		categories[id] = fmt.Sprintf("category %d", id%7)
		text += fmt.Sprintf("%d,\"the \"\"%d\"\"\",%s\n", id, id, categories[id])
	}
	dir := t.TempDir()
	products = write(t, dir, "products.csv", text)
	type sum struct {
		sales, quantity int
		sum, largest    float64
	}
	sums := map[string]sum{}
	text = "id,day,region,product,quantity,price\n"
	for id := range 3000 {
		region, product, year, month := regions[r.IntN(3)], r.IntN(44), 2025+r.IntN(2), 1+r.IntN(12)
		quantity, price := 1+r.IntN(9), float64(r.IntN(10000))/100
		text += fmt.Sprintf("%d,%d-%02d-%02d,%q,%d,%d,%.2f\n", id, year, month, 1+r.IntN(28), region, product, quantity, price)
		category, ok := categories[product]
		if !ok {
			category = "unknown"
		}
		key := fmt.Sprintf("%q,%q,%d-%02d", region, category, year, month)
		s := sums[key]
		revenue := float64(quantity) * price
		sums[key] = sum{s.sales + 1, s.quantity + quantity, s.sum + revenue, max(s.largest, revenue)}
	}
	for key, s := range sums {
		want = append(want, fmt.Sprintf("%s,%d,%d,%.2f,%.2f", key, s.sales, s.quantity, s.sum, s.largest))
	}
	return write(t, dir, "sales.csv", text), products, want
}

func write(t *testing.T, dir, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReport(t *testing.T) {
	sales, products, want := tables(t)
	typedtest.Rows(t, func(s *typed.Session) typed.RDD[string] {
		return revenue(records[Sale](s.TextFile(sales)), records[Product](s.TextFile(products))).Map(line)
	}, want, typedtest.AnyOrder())
}

func TestBadLines(t *testing.T) {
	const header = "id,day,region,product,quantity,price\n"
	for _, bad := range []string{"1,2026-01-01,north,1,1", "x,2026-01-01,north,1,1,1", "1,2026-13-01,north,1,1,1", "1,2026-01-01,north,x,1,1",
		"1,2026-01-01,north,1,99999999999,1", "1,2026-01-01,north,1,1,1.999", "1,2026-01-01,north,1,1,-1", `1,2026-01-01,"north,1,1,1`} {
		path := write(t, t.TempDir(), "sales.csv", header+bad+"\n"+"1,2026-01-01,north,1,1,2.5\n")
		for policy, want := range map[string]int64{"fail": -1, "skip": 1} {
			o := typed.Options{}
			if policy == "skip" {
				o.Policy = typed.Skip(0)
			}
			s, err := typed.NewSession(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			n, err := records[Sale](s.TextFile(path)).Count(t.Context())
			if want < 0 && (err == nil || !strings.Contains(err.Error(), path)) || want >= 0 && (err != nil || n != want) {
				t.Errorf("%q, %s: %d rows, %v", bad, policy, n, err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestCents(t *testing.T) {
	for s, want := range map[string]Cents{"0": 0, "7": 700, "7.5": 750, "7.05": 705, "12.34": 1234} {
		if c, err := parseCents(s); c != want || err != nil {
			t.Errorf("%s: %d, %v", s, c, err)
		}
	}
	if s := Cents(705).String(); s != "7.05" {
		t.Error(s)
	}
}
