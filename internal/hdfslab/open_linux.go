package hdfslab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Open lists the files of blocks that the data node has open at this moment: those that it sends to
// somebody, and those that somebody sends to it.
func (d *Daemon) Open() (sent, received []string) {
	if !d.running() {
		return nil, nil
	}
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", d.cmd.Process.Pid))
	for _, link := range links {
		file, err := os.Readlink(link) // an error means that it has just been closed
		if err != nil || !isBlock(filepath.Base(file)) {
			continue
		}
		switch {
		case strings.Contains(file, "/finalized/"):
			sent = append(sent, file)
		case strings.Contains(file, "/rbw/"):
			received = append(received, file)
		}
	}
	return sent, received
}
