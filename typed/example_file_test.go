package typed_test

import (
	"bufio"
	"fmt"

	"github.com/gordd-project/gordd/typed"
)

// A program that is started by rddctl run --file stop-words.txt reads the file in its
// driver, and gives the words to all tasks.
func ExampleFile() {
	f, err := typed.File("stop-words.txt")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = f.Close() }()
	stop := map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		stop[lines.Text()] = true
	}
	words := session().Parallelize([]string{"the", "quick", "fox"}, 2)
	fmt.Println(words.With(stop).Filter(func(stop map[string]bool, w string) bool { return !stop[w] }).Collect(ctx))
	// Output: file "stop-words.txt" was not shipped, nor any other: run the program by rddctl with --file PATH=stop-words.txt: file does not exist
}
