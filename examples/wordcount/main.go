// Wordcount counts the words in files of text.
//
// Usage:
//
//	wordcount -in PATHS -out DIR [-top N]
//
// PATHS are files, directories, globs, or several of them with commas. DIR gets
// a line for each word: the word, a tab, and how often it is there. With -top
// the most frequent words are printed too, from the same counts: the files are
// read once.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gordd-project/gordd/typed"
)

//go:generate go tool rddgen

func main() { typed.Main(run) }

func run(ctx context.Context, s *typed.Session) error {
	args, err := parse(os.Args[1:])
	if err != nil || args == nil {
		return err
	}
	counts := count(s.TextFile(args.in, typed.Recursive()))
	if err := counts.SaveAsTextFile(ctx, args.out); err != nil {
		return err
	}
	top, err := counts.Top(ctx, args.top, byCount)
	if err != nil {
		return err
	}
	for _, c := range top {
		fmt.Printf("%8d %s\n", c.Value, c.Key)
	}
	return nil
}

// count counts the words of lines.
func count(lines typed.RDD[string]) typed.PairRDD[string, int64] {
	return lines.
		FlatMap(strings.FieldsSeq).
		MapToPair(func(word string) (string, int64) { return word, 1 }).
		ReduceByKey(func(a, b int64) int64 { return a + b })
}

// byCount orders words by how often they are there, and equals by name, the
// first one greatest.
func byCount(a, b typed.Pair[string, int64]) int {
	return cmp.Or(cmp.Compare(a.Value, b.Value), strings.Compare(b.Key, a.Key))
}

type arguments struct {
	in, out string
	top     int
}

// parse reads the command line; nil when it asks for help.
func parse(line []string) (*arguments, error) {
	var a arguments
	fs := flag.NewFlagSet("wordcount", flag.ContinueOnError)
	fs.StringVar(&a.in, "in", "", "`paths` of the text: files, directories, globs, with commas between")
	fs.StringVar(&a.out, "out", "", "`directory` for the counts, which must not be there yet")
	fs.IntVar(&a.top, "top", 0, "print the `n` most frequent words")
	fs.SetOutput(io.Discard)
	err := fs.Parse(line)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fs.SetOutput(os.Stdout)
		fmt.Println("usage: wordcount -in PATHS -out DIR [-top N]")
		fs.PrintDefaults()
		return nil, nil
	case err != nil:
	case fs.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", fs.Arg(0))
	case a.in == "":
		err = errors.New("no input: give -in")
	case a.out == "":
		err = errors.New("no output: give -out")
	case a.top < 0:
		err = errors.New("-top must not be negative")
	}
	if err != nil {
		return nil, typed.Usagef("%w; wordcount -help says more", err)
	}
	return &a, nil
}
