package typedtest_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
	"github.com/gordd-project/gordd/typed/typedtest"
)

// modes are the subtests of a pipeline.
var modes = []string{"closures", "generated", "operator_by_operator", "one_core", "seven_cores", "little_memory", "failures"}

func add(a, b int64) int64 { return a + b }

func tens(n int64) (int64, int64) { return n % 10, n }

// sums are the sums of the numbers below 1000 by their last digit.
func sums(s *typed.Session) typed.PairRDD[int64, int64] {
	return s.Range(1000).MapToPair(tens).ReduceByKey(add)
}

func wantSums() (want []typed.Pair[int64, int64]) {
	for k := range int64(10) {
		want = append(want, typed.Pair[int64, int64]{Key: k, Value: 49500 + 100*k})
	}
	return want
}

func TestPairs(t *testing.T) { typedtest.Pairs(t, sums, wantSums(), typedtest.AnyOrder()) }

func TestRows(t *testing.T) {
	typedtest.Rows(t, func(s *typed.Session) typed.RDD[int64] {
		return typed.SortByKey(sums(s), typed.Descending()).Keys()
	}, []int64{9, 8, 7, 6, 5, 4, 3, 2, 1, 0})
}

func TestValue(t *testing.T) {
	typedtest.Value(t, func(ctx context.Context, s *typed.Session) (map[int64]int64, error) {
		return sums(s).CollectAsMap(ctx)
	}, map[int64]int64{0: 49500, 1: 49600, 2: 49700, 3: 49800, 4: 49900, 5: 50000, 6: 50100, 7: 50200, 8: 50300, 9: 50400})
}

func TestValueWithin(t *testing.T) {
	typedtest.Value(t, func(ctx context.Context, s *typed.Session) (float64, error) {
		return s.Range(100).Map(func(n int64) float64 { return float64(n) / 10 }).
			Reduce(ctx, func(a, b float64) float64 { return a + b })
	}, 495, typedtest.Within(1e-12))
}

// TestSlots runs tasks that wait for one another, of which some fail.
func TestSlots(t *testing.T) {
	const tasks = 4
	typedtest.Rows(t, func(s *typed.Session) typed.RDD[string] {
		return s.Range(8, typed.Partitions(tasks)).Map(doubled).MapPartitionsWithBarrier(func(t *typed.BarrierTask, rows iter.Seq[int64]) iter.Seq[string] {
			return func(yield func(string) bool) {
				t.Barrier()
				own := fmt.Append(nil, slices.Collect(rows))
				yield(string(slices.Concat(t.AllGather(own)...)))
			}
		}).Repartition(3)
	}, slices.Repeat([]string{"[0 2][4 6][8 10][12 14]"}, tasks), typedtest.Slots(tasks))
}

func doubled(n int64) int64 { return 2 * n }

func TestAgree(t *testing.T) {
	got := typedtest.Agree(t, func(ctx context.Context, s *typed.Session) ([]typed.Pair[int64, int64], error) {
		return sums(s).Collect(ctx)
	}, typedtest.AnyOrder())
	if d := typedtest.Diff(got, wantSums(), typedtest.AnyOrder()); d != "" {
		t.Error(d)
	}
}

// TestModes makes sure that they are what their names say.
func TestModes(t *testing.T) {
	var ran []string
	options := typed.Options{Policy: typed.Skip(0)}
	typedtest.Run(t, func(t *testing.T, s *typed.Session) {
		name := filepath.Base(t.Name())
		ran = append(ran, name)
		partitions, err := s.Range(100).MapPartitions(func(_ *typed.Task, _ iter.Seq[int64]) iter.Seq[int] {
			return slices.Values([]int{1})
		}).Count(t.Context())
		want := map[string]int64{"one_core": 1, "seven_cores": 7, "failures": 3}[name]
		if want == 0 {
			want = 2
		}
		if err != nil || partitions != want {
			t.Errorf("%d partitions, want %d: %v", partitions, want, err)
		}
		n, err := s.Range(10).TryMap(func(n int64) (int64, error) {
			if n == 3 {
				return 0, errors.New("three")
			}
			return n, nil
		}).Count(t.Context())
		if err != nil || n != 9 {
			t.Errorf("%d rows with one to skip: %v", n, err)
		}
	}, typedtest.Options(options))
	if !slices.Equal(ran, modes) {
		t.Errorf("modes were %v", ran)
	}
}

// words are more than fit into little memory.
func words(s *typed.Session) typed.PairRDD[string, int64] {
	return s.Range(20000, typed.Partitions(3)).
		MapToPair(func(n int64) (string, int64) { return fmt.Sprint("word ", n), n }).
		GroupByKey(func(_ string, values iter.Seq[int64]) (sum int64) {
			for v := range values {
				sum += v
			}
			return sum
		})
}

func TestLittleMemorySpills(t *testing.T) {
	var mu sync.Mutex
	spilled := map[plan.ActionID]int64{}
	observe := typed.Options{Observe: func(st plan.ActionStatus) {
		mu.Lock()
		defer mu.Unlock()
		spilled[st.ID] = 0
		for _, stage := range st.Stages {
			spilled[st.ID] += stage.Counters.Spilled
		}
	}}
	typedtest.Run(t, func(t *testing.T, s *typed.Session) {
		clear(spilled)
		n, err := words(s).Count(t.Context())
		if err != nil || n != 20000 {
			t.Errorf("%d words: %v", n, err)
		}
		mu.Lock()
		defer mu.Unlock()
		var total int64
		for _, n := range spilled {
			total += n
		}
		if little := strings.HasSuffix(t.Name(), "little_memory"); little != (total > 0) {
			t.Errorf("%d bytes spilled", total)
		}
	}, typedtest.Options(observe))
}

// What children do wrong, each in a way of its own.

type limits struct{ Least []int64 }

var seen atomic.Int64

var wrong = map[string]struct {
	test func(t *testing.T)
	fail []string // modes; nil: all
	want []string // in the output
}{
	"rows": {
		test: func(t *testing.T) {
			typedtest.Rows(t, func(s *typed.Session) typed.RDD[int64] { return s.Range(3) }, []int64{0, 1, 7})
		},
		want: []string{"3 rows, want 3", "1 missing:\n", "7", "1 not wanted:\n", "repeat this mode alone: go test -run '^TestChild$/^one_core$'"},
	},
	"order": {
		test: func(t *testing.T) {
			typedtest.Rows(t, func(s *typed.Session) typed.RDD[int64] { return s.Range(3) }, []int64{0, 2, 1})
		},
		want: []string{"another order: row 1 is", "give AnyOrder()"},
	},
	"error": {
		test: func(t *testing.T) {
			typedtest.Rows(t, func(s *typed.Session) typed.RDD[int64] {
				return s.Range(3).TryMap(func(n int64) (int64, error) { return n, errors.New("no such number") })
			}, nil)
		},
		want: []string{"no such number"},
	},
	"a sequence that is kept": {
		test: func(t *testing.T) {
			typedtest.Run(t, func(t *testing.T, s *typed.Session) {
				groups := s.Range(100).MapToPair(tens).GroupByKey(func(_ int64, values iter.Seq[int64]) iter.Seq[int64] { return values }, typed.Partitions(1))
				_, err := groups.MapPartitions(func(_ *typed.Task, rows iter.Seq2[int64, iter.Seq[int64]]) iter.Seq[int] {
					return func(yield func(int) bool) {
						var all []iter.Seq[int64]
						for _, values := range rows {
							all = append(all, values)
						}
						yield(len(slices.Collect(all[0])))
					}
				}).Count(t.Context())
				if err != nil {
					t.Fatal(err)
				}
			})
		},
		want: []string{"the values of a group are used after the function that was given them"},
	},
	"a With value that is changed": {
		test: func(t *testing.T) {
			typedtest.Run(t, func(t *testing.T, s *typed.Session) {
				_, err := s.Range(10).With(limits{[]int64{5}}).Filter(func(l limits, n int64) bool {
					l.Least[0]++
					return n > l.Least[0]
				}).Count(t.Context())
				if err != nil {
					t.Fatal(err)
				}
			})
		},
		want: []string{"a function changed its With value", "Filter (run_test.go:"},
	},
	"partitions": {
		test: func(t *testing.T) {
			typedtest.Agree(t, func(ctx context.Context, s *typed.Session) (int64, error) {
				return s.Range(10).MapPartitions(func(task *typed.Task, _ iter.Seq[int64]) iter.Seq[int] {
					return slices.Values([]int{task.Partition()})
				}).Count(ctx)
			})
		},
		fail: []string{"one_core", "seven_cores", "failures"},
		want: []string{"not what TestChild/closures gives: got  1\n", "want 2"},
	},
	"rows that are seen again": {
		test: func(t *testing.T) {
			typedtest.Value(t, func(ctx context.Context, s *typed.Session) (int64, error) {
				seen.Store(0)
				err := s.Range(1000, typed.Partitions(20)).ForEach(ctx, func(int64) { seen.Add(1) })
				return seen.Load(), err
			}, 1000)
		},
		fail: []string{"failures"},
	},
	"a goroutine that is left": {
		test: func(t *testing.T) {
			typedtest.Run(t, func(t *testing.T, s *typed.Session) {
				forever := make(chan int)
				go func() { <-forever }()
				if _, err := s.Range(1).Count(t.Context()); err != nil {
					t.Error(err)
				}
			})
		},
		want: []string{"goroutines are left", "run_test.go:"},
	},
}

var child = flag.String("child", "", "run this entry of wrong")

// TestChild is run by TestWhatIsWrong, in a process of its own.
func TestChild(t *testing.T) {
	if *child == "" {
		t.Skip("nobody asks")
	}
	wrong[*child].test(t)
}

func TestWhatIsWrong(t *testing.T) {
	for name, test := range wrong {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$", "-test.v", "-child", name).CombinedOutput()
			if err == nil {
				t.Fatalf("no failure:\n%s", out)
			}
			fail := test.fail
			if fail == nil {
				fail = modes
			}
			for _, m := range modes {
				failed := strings.Contains(string(out), "--- FAIL: TestChild/"+m)
				if failed != slices.Contains(fail, m) {
					t.Errorf("%s failed: %t", m, failed)
				}
			}
			for _, want := range test.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("says nothing of %q", want)
				}
			}
			if t.Failed() {
				t.Logf("%s", out)
			}
		})
	}
}
