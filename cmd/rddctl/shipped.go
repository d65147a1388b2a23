package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gordd-project/gordd/internal/launch"
	"github.com/gordd-project/gordd/internal/size"
	"github.com/gordd-project/gordd/internal/wire"
)

// maxShipped is how many bytes the files of a job have at most, in all.
const maxShipped = 8 << 30

func filesFlag(f *pflag.FlagSet, to *[]string) {
	f.StringArrayVar(to, "file", nil, "a file that the program opens by typed.File, PATH or PATH=NAME; may be repeated")
}

func checkpointFlag(f *pflag.FlagSet, to *string) {
	f.StringVar(to, "checkpoint-dir", "", "directory for the files of Checkpoint, in any store; on a cluster one that all workers see")
}

// shippedFiles are the files that --file names.
func shippedFiles(list []string) (files []wire.File, err error) {
	var names []string
	var sum int64
	for _, arg := range list {
		path, name := arg, filepath.Base(arg)
		if i := strings.LastIndexByte(arg, '='); i >= 0 {
			path, name = arg[:i], arg[i+1:]
		}
		f := wire.File{Name: name}
		if f.Path, err = filepath.Abs(path); err != nil {
			return nil, err
		}
		n, err := readable(f.Path)
		if err != nil {
			return nil, &launch.Error{Code: launch.CodePath, Err: fmt.Errorf("--file %s: %w", arg, err)}
		}
		if sum += n; sum > maxShipped {
			return nil, fmt.Errorf("--file: %s in all: a job ships %s at most; let the program read them as input", size.String(sum), size.String(maxShipped))
		}
		files, names = append(files, f), append(names, name)
	}
	if err := wire.CheckFiles(names); err != nil {
		return nil, fmt.Errorf("--file: %w", err)
	}
	return files, nil
}

// readable gives the size of a file that can be read.
func readable(path string) (int64, error) {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return 0, err
	case !st.Mode().IsRegular():
		return 0, fmt.Errorf("%s is no file: give files one by one, or an archive", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	return st.Size(), f.Close()
}
