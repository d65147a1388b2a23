package launch

import (
	"debug/buildinfo"
	"fmt"
	"runtime"
)

// Check refuses what no cluster can run: a file that is no Go program, or, if the
// program is to run here, one for another operating system or processor. Error's
// code is CodeRefused then.
func (p *Program) Check(here bool) error {
	info, err := buildinfo.ReadFile(p.Path)
	if err != nil {
		return &Error{Code: CodeRefused, Err: fmt.Errorf("%s is no program built by Go: give a package main, or what go build makes of it: %w", p.Path, err)}
	}
	// A build by other tools may not say what it is for.
	goos, goarch := runtime.GOOS, runtime.GOARCH
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS":
			goos = s.Value
		case "GOARCH":
			goarch = s.Value
		}
	}
	if here && (goos != runtime.GOOS || goarch != runtime.GOARCH) {
		return &Error{Code: CodeRefused, Err: fmt.Errorf("%s was built for %s/%s, and this machine, where the driver is to run, is %s/%s: give the package rather than a binary, or build it for this machine",
			p.Path, goos, goarch, runtime.GOOS, runtime.GOARCH)}
	}
	return nil
}
