// Untyped is a program that is none of ours.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println("hello")
	if len(os.Args) > 1 {
		os.Exit(7)
	}
}
