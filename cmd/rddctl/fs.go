package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gordd-project/gordd/internal/launch"
	"github.com/gordd-project/gordd/storage"
)

// codePath is the exit code for a path that cannot be read or written.
const codePath = 6

// fileInfo is a file or directory as JSON has it.
type fileInfo struct {
	Path   string    `json:"path"`
	Kind   string    `json:"kind"` // file, directory, other
	Size   int64     `json:"size"`
	Time   time.Time `json:"modified,omitzero"`
	Blocks int       `json:"blocks,omitempty"` // where the store knows them
	Hosts  []string  `json:"hosts,omitempty"`  // that have some of them
}

func fsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "fs",
		Short: "List, read and write files of every store that programs can",
		Long: `Fs works with files of the stores that programs read and write: local ones, by a
plain path or file:, and those of URLs such as hdfs:. Except for put it changes
nothing. A PATH may be a pattern with *, ?, [a-z], {a,b} and ** for directories at
any depth, in quotes, so that the shell leaves it alone.`,
		Example: "  rddctl fs ls /data\n  rddctl fs cat '/data/2026-*/*.gz' | wc -l\n  rddctl fs locations hdfs://namenode/logs/day.log",
		Args:    noCommand,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },

		SuggestionsMinimumDistance: 2,
	}
	c.AddCommand(fsLs(), fsCat(), fsHead(), fsPut(), fsStat(), fsLocations())
	return c
}

// needs refuses a command line of fewer paths than the command is for.
func needs(paths int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < paths {
			return fmt.Errorf("no path: rddctl fs %s", c.Use)
		}
		return nil
	}
}

// onFiles runs a command on files, which Ctrl-C ends.
func onFiles(ctx context.Context, f func(context.Context) error) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := f(ctx)
	var path *storage.PathError
	switch {
	case err != nil && ctx.Err() != nil:
		return ended(130)
	case errors.As(err, &path):
		return &launch.Error{Code: codePath, Err: err}
	}
	return err
}

// listing makes a command that prints one thing of each file that its arguments
// mean.
func listing(c *cobra.Command, head string, of func(ctx context.Context, path string) (values []any, rows [][]any, err error)) *cobra.Command {
	var l look
	c.Args = needs(1)
	c.Flags().StringVarP(&l.output, "output", "o", "table", "how: table or json")
	c.RunE = func(c *cobra.Command, args []string) error {
		if l.output != "table" && l.output != "json" {
			return fmt.Errorf("--output %q: give table or json", l.output)
		}
		return onFiles(c.Context(), func(ctx context.Context) error {
			all, lines := []any{}, [][]any{}
			for _, arg := range args {
				values, rows, err := of(ctx, arg)
				if err != nil {
					return err
				}
				all, lines = append(all, values...), append(lines, rows...)
			}
			return l.print(all, head, func(row func(...any)) {
				for _, cells := range lines {
					row(cells...)
				}
			})
		})
	}
	return c
}

func fsLs() *cobra.Command {
	return listing(&cobra.Command{
		Use:     "ls PATH…",
		Short:   "List directories",
		Long:    "Ls lists what is in a directory, a file, or the files of a pattern.",
		Example: "  rddctl fs ls /data/in\n  rddctl fs ls -o json 'hdfs://namenode/logs/*.gz' | jq '.[].size'",
	}, "KIND SIZE MODIFIED PATH", func(ctx context.Context, path string) ([]any, [][]any, error) {
		infos, err := entries(ctx, path)
		return described(infos), infoRows(infos), err
	})
}

func fsStat() *cobra.Command {
	return listing(&cobra.Command{
		Use:     "stat PATH…",
		Short:   "Describe files and directories",
		Long:    "Stat describes a file or directory, or the files of a pattern.",
		Example: "  rddctl fs stat /data/in/day.log\n  rddctl fs stat -o json hdfs://namenode/logs | jq -r '.[].modified'",
	}, "KIND SIZE MODIFIED PATH", func(ctx context.Context, path string) ([]any, [][]any, error) {
		infos, err := named(ctx, path)
		return described(infos), infoRows(infos), err
	})
}

// blockInfo is a block of a file as JSON has it.
type blockInfo struct {
	Path   string   `json:"path"`
	Offset int64    `json:"offset"`
	Length int64    `json:"length"`
	Hosts  []string `json:"hosts"`
	Racks  []string `json:"racks,omitempty"` // of the hosts, "" where one is not known
}

func fsLocations() *cobra.Command {
	return listing(&cobra.Command{
		Use:   "locations PATH…",
		Short: "Say which hosts have the blocks of files",
		Long: `Locations lists the blocks of the files that are read when a program is given
PATH, with the hosts that have them, by name and by address, and their racks. Tasks
that read a block run there if they can. Of a store that does not know, such as
local files, a file is one block of no hosts.`,
		Example: "  rddctl fs locations hdfs://namenode/logs/day.log\n  rddctl fs locations -o json /data | jq '.[].hosts[]' | sort | uniq -c",
	}, "OFFSET LENGTH HOSTS RACKS PATH", func(ctx context.Context, path string) (values []any, rows [][]any, err error) {
		files, err := storage.Expand(ctx, path, storage.ExpandOptions{})
		for _, f := range files {
			if len(f.Blocks) == 0 {
				f.Blocks = []storage.Block{{Length: f.Size, Hosts: []string{}}}
			}
			for _, b := range f.Blocks {
				values = append(values, blockInfo{f.Path, b.Offset, b.Length, b.Hosts, b.Racks})
				rows = append(rows, []any{b.Offset, b.Length, strings.Join(b.Hosts, ","), strings.Join(b.Racks, ","), f.Path})
			}
		}
		return values, rows, err
	})
}

// entries are what is in a directory, or what a path or pattern means otherwise.
func entries(ctx context.Context, path string) ([]storage.Info, error) {
	infos, err := named(ctx, path)
	if err != nil || len(infos) != 1 || !infos[0].Dir {
		return infos, err
	}
	fs, _, err := storage.Lookup(infos[0].Path)
	if err != nil {
		return nil, err
	}
	return fs.List(ctx, infos[0].Path)
}

// named is what a path names: one file or directory, or the files of a pattern.
func named(ctx context.Context, path string) ([]storage.Info, error) {
	fs, p, err := storage.Lookup(path)
	if err != nil {
		return nil, err
	}
	info, err := fs.Stat(ctx, p)
	if storage.KindOf(err) == storage.NotFound && strings.ContainsAny(path, "*?[{") {
		return storage.Expand(ctx, path, storage.ExpandOptions{})
	}
	if err != nil {
		return nil, err
	}
	return []storage.Info{info}, nil
}

func described(infos []storage.Info) (values []any) {
	for _, i := range infos {
		v := fileInfo{Path: i.Path, Kind: kindOf(&i), Size: i.Size, Time: i.ModTime, Blocks: len(i.Blocks)}
		seen := map[string]bool{}
		for _, b := range i.Blocks {
			for _, h := range b.Hosts {
				if !seen[h] {
					seen[h] = true
					v.Hosts = append(v.Hosts, h)
				}
			}
		}
		values = append(values, v)
	}
	return values
}

func infoRows(infos []storage.Info) (rows [][]any) {
	for _, i := range infos {
		modified := ""
		if !i.ModTime.IsZero() {
			modified = i.ModTime.Local().Format(time.DateTime)
		}
		rows = append(rows, []any{kindOf(&i), i.Size, modified, i.Path})
	}
	return rows
}

func kindOf(i *storage.Info) string {
	switch {
	case i.Dir:
		return "directory"
	case i.Regular:
		return "file"
	}
	return "other"
}

func fsCat() *cobra.Command {
	var raw bool
	c := &cobra.Command{
		Use:   "cat PATH…",
		Short: "Write files to standard output",
		Long: `Cat writes the files that are read when a program is given PATH, a file, directory
or pattern, one after the other. Those that end in .gz, .zst or .bz2 are
decompressed, but with --raw. Files are never in memory as a whole.`,
		Example: "  rddctl fs cat /data/counts\n  rddctl fs cat --raw hdfs://namenode/logs/day.gz > day.gz",
		Args:    needs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return onFiles(c.Context(), func(ctx context.Context) error { return cat(ctx, os.Stdout, args, raw) })
		},
	}
	c.Flags().BoolVar(&raw, "raw", false, "write compressed files as they are")
	return c
}

func fsHead() *cobra.Command {
	var n int
	c := &cobra.Command{
		Use:     "head PATH…",
		Short:   "Write the first lines of files to standard output",
		Long:    "Head writes the first lines of what rddctl fs cat writes, and reads no further.",
		Example: "  rddctl fs head /data/counts\n  rddctl fs head -n 3 'hdfs://namenode/logs/*.gz'",
		Args:    needs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if n < 1 {
				return fmt.Errorf("--lines %d: give a number from 1 on", n)
			}
			return onFiles(c.Context(), func(ctx context.Context) error {
				err := cat(ctx, &head{w: os.Stdout, left: n}, args, false)
				if errors.Is(err, errEnough) {
					return nil
				}
				return err
			})
		},
	}
	c.Flags().IntVarP(&n, "lines", "n", 10, "how many lines")
	return c
}

// cat copies the files that paths mean.
func cat(ctx context.Context, to io.Writer, paths []string, raw bool) error {
	buf := make([]byte, 1<<20)
	for _, path := range paths {
		files, err := storage.Expand(ctx, path, storage.ExpandOptions{})
		if err != nil {
			return err
		}
		for _, f := range files {
			part := storage.PartOf(f)
			if raw {
				part.Compression = ""
			}
			if err := copyPart(ctx, to, part, buf); err != nil {
				return err
			}
		}
	}
	return nil
}

func copyPart(ctx context.Context, to io.Writer, part storage.Part, buf []byte) (err error) {
	r, err := storage.OpenPart(ctx, part)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	// Only Read and Write, or the copy would go round the buffer and Ctrl-C.
	_, err = io.CopyBuffer(struct{ io.Writer }{to}, readUntil{ctx, r}, buf)
	return err
}

// readUntil ends reading with its context.
type readUntil struct {
	ctx context.Context
	r   io.Reader
}

func (r readUntil) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// errEnough ends a copy that has all its lines.
var errEnough = errors.New("enough")

// head passes so many lines on.
type head struct {
	w    io.Writer
	left int
}

func (h *head) Write(p []byte) (int, error) {
	for at := 0; ; {
		i := bytes.IndexByte(p[at:], '\n')
		if i < 0 {
			return h.w.Write(p)
		}
		at += i + 1
		if h.left--; h.left == 0 {
			n, err := h.w.Write(p[:at])
			return n, errors.Join(err, errEnough)
		}
	}
}
