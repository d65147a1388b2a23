// Index makes an inverted index of files of text: which words are in which of
// them, and where.
//
// Usage:
//
//	index -in PATHS -out DIR [-stop WORDS]
//
// DIR gets a line for each word, in order: the word, a tab, and for each file
// that has it the file's path, a colon and the positions, counted in words from
// 0 on. WORDS, with commas between, are left out.
package main

import (
	"context"
	"flag"
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode"

	"github.com/gordd-project/gordd/typed"
)

//go:generate go tool rddgen

var (
	in   = flag.String("in", "", "`paths` of the files")
	out  = flag.String("out", "", "`directory` for the index, which must not be there yet")
	stop = flag.String("stop", "", "`words` to leave out, with commas between")
)

func main() {
	flag.Parse()
	typed.Main(run)
}

func run(ctx context.Context, s *typed.Session) error {
	if *in == "" || *out == "" {
		return typed.Usagef("give -in and -out; index -help says more")
	}
	postings := index(s.WholeTextFiles(*in, typed.Recursive()), stopWords(*stop))
	return postings.SaveAsTextFile(ctx, *out, typed.Format(line))
}

// Posting is where a word is in a file.
type Posting struct {
	File      string
	Positions []int32
}

func (p Posting) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	for i, at := range p.Positions {
		fmt.Fprintf(&b, "%c%d", ":,"[min(i, 1)], at)
	}
	return b.String()
}

func stopWords(list string) map[string]bool {
	stop := map[string]bool{}
	for word := range strings.SplitSeq(list, ",") {
		stop[strings.ToLower(word)] = true
	}
	return stop
}

// index gives each word its postings, both in order.
func index(files typed.PairRDD[string, string], stop map[string]bool) typed.PairRDD[string, []Posting] {
	return typed.SortByKey(files.With(stop).
		FlatMapToPair(words).
		GroupByKey(sorted))
}

// words gives the postings of a file's words.
func words(stop map[string]bool, file, text string) iter.Seq2[string, Posting] {
	return func(yield func(string, Posting) bool) {
		positions := map[string][]int32{}
		n := int32(0)
		for word := range strings.FieldsFuncSeq(text, separates) {
			if word = strings.ToLower(word); !stop[word] {
				positions[word] = append(positions[word], n)
			}
			n++
		}
		for word, at := range positions {
			if !yield(word, Posting{file, at}) {
				return
			}
		}
	}
}

func separates(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

func sorted(_ string, postings iter.Seq[Posting]) []Posting {
	return slices.SortedFunc(postings, func(a, b Posting) int { return strings.Compare(a.File, b.File) })
}

func line(p typed.Pair[string, []Posting]) string {
	return fmt.Sprint(p.Key, "\t", strings.Trim(fmt.Sprint(p.Value), "[]"))
}
