package typed

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/rdd"
)

// Command is an external program for Pipe: its name or path with arguments, variables
// beside those of the process, as NAME=value, and where it runs.
type Command = rdd.Command

// Pipe starts the program for each partition, gives it the rows as lines on its standard
// input, in the form that SaveAsTextFile gives them, and takes the lines of its standard
// output as rows. No shell is involved: that is Command{Args: []string{"sh", "-c", …}}.
// A line is at most 64 MiB.
//
// A program that does not end with status 0 fails the task, with the end of what it
// wrote to standard error; otherwise that is not seen. It need not read its input to
// the end. Where no more rows are wanted, and when the task is cancelled, it is killed with
// those of its process group. The program must be there on all workers, where
// it runs as the user of the executor, and a task that is tried again starts it again.
func (r RDD[T]) Pipe(c Command) RDD[string] {
	return RDD[string]{r.s, newUse(r.s, r.n, rowType{}).pipe(rdd.PipeOp[T](), c, reflect.TypeFor[T]())}
}

// Pipe is RDD.Pipe, with lines of key, tab and value.
func (p PairRDD[K, V]) Pipe(c Command) RDD[string] {
	return RDD[string]{p.s, newUse(p.s, p.n, rowType{}).pipe(rdd.PipeOp[Pair[K, V]](), c, reflect.TypeFor[Pair[K, V]]())}
}

func (u *use) pipe(op *rdd.Op, c Command, row reflect.Type) *rdd.Node {
	if err := checkCommand(row, c); err != nil && u.c.Err == nil {
		u.c.Err = fmt.Errorf("Pipe (%s): %w", u.c.Site, err)
	}
	u.carry(encode(c))
	return u.n.Narrow(op, u.c, false)
}

func checkCommand(row reflect.Type, c Command) error {
	if len(c.Args) == 0 || c.Args[0] == "" {
		return errors.New("no program: give its name as the first of Args")
	}
	for _, text := range slices.Concat(c.Args, c.Env, []string{c.Dir}) {
		if strings.IndexByte(text, 0) >= 0 {
			return fmt.Errorf("%q has a byte 0, at which it would end for the program: leave that out", text)
		}
	}
	for _, v := range c.Env {
		if i := strings.IndexByte(v, '='); i < 1 {
			return fmt.Errorf("variable %q: give it as NAME=value", v)
		}
	}
	return rdd.HasText(row)
}
