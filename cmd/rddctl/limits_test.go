package main

import (
	"strings"
	"testing"
)

func TestJobLimits(t *testing.T) {
	for line, words := range map[string]string{
		"": "", "--pool nightly --priority -5 --slots 4 --max-failures 1": "", "--priority 0": "", "--slots 1048576": "",
		"--slots 0":            "--slots 0: give a number from 1 to 1048576",
		"--slots -1":           "--slots -1: give",
		"--slots 1000000000":   "--slots 1000000000: give",
		"--priority 1001":      "--priority 1001: give a number from -1000 to 1000",
		"--priority -1001":     "--priority -1001: give",
		"--max-failures 0":     "--max-failures 0: give a number from 1 to 200",
		"--max-failures 201":   "--max-failures 201: give",
		"--max-failures -3":    "--max-failures -3: give",
		"--pool=":              "--pool: give a name",
		"--slots x":            "invalid argument",
		"--priority 1 --slots": "needs an argument",
	} {
		var l jobLimits
		c := versionCommand()
		l.flags(c.Flags())
		err := c.ParseFlags(strings.Fields(line))
		if err == nil {
			err = l.check(c.Flags())
		}
		if words == "" && err != nil || words != "" && (err == nil || !strings.Contains(err.Error(), words)) {
			t.Errorf("%q: got %v, want %q", line, err, words)
		}
	}
}
