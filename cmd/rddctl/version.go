package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of rddctl and of the Go it was built with",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(c.OutOrStdout(), version())
			return err
		},
	}
}

// version says which rddctl this is, and what it was built with.
func version() string {
	v, revision, dirty := built()
	if revision != "" {
		revision = " " + revision
	}
	if dirty {
		revision += " with changes"
	}
	return fmt.Sprintf("rddctl %s%s %s %s/%s", v, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// release is the version in one word, as members of a cluster tell it.
func release() string {
	v, revision, dirty := built()
	if v == "devel" && revision != "" {
		v += "-" + revision
	}
	if dirty && !strings.HasSuffix(v, "+dirty") {
		v += "+dirty"
	}
	return v
}

// built is the module's version, with the revision where the build knows it.
func built() (v, revision string, dirty bool) {
	v = "devel"
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" && info.Main.Version != "(devel)" {
			v = info.Main.Version
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				revision = s.Value[:min(12, len(s.Value))]
			case "vcs.modified":
				dirty = s.Value == "true"
			}
		}
	}
	return v, revision, dirty
}
