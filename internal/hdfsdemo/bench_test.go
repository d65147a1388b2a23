//go:build unix

package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

var megabytes = flag.Int("mib", 64, "MiB of text that BenchmarkWordCount reads")

// BenchmarkWordCount counts words of the same text in HDFS and on the local disk,
// in turn, each time in a process of its own. It reports medians; processor time is
// that of the process, without the data node's.
func BenchmarkWordCount(b *testing.B) {
	l := lab.Get(b)
	p, err := build(b.Context(), b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	conf, err := l.ConfDir(nil)
	if err != nil {
		b.Fatal(err)
	}
	local, remote := filepath.Join(p.dir, "text"), l.URL("/bench/text")
	if err := os.WriteFile(local, words(1, *megabytes<<20), 0o600); err != nil {
		b.Fatal(err)
	}
	// Blocks of a size that clusters have, in one replica: there is one machine.
	finish(b, conf, p.rddctl, "fs", "put", "--overwrite", "--replication", "1", "--block-size", strconv.Itoa(64<<20), local, l.URL("/bench/"))
	var took, used [2][]float64
	for n := 0; b.Loop(); n++ {
		for i, in := range []string{remote, local} {
			out := filepath.Join(p.dir, fmt.Sprintf("out%d.%d", n, i))
			began := time.Now()
			cpu := finish(b, conf, p.words, "-in", in, "-out", out)
			took[i] = append(took[i], time.Since(began).Seconds())
			used[i] = append(used[i], cpu.Seconds())
		}
	}
	b.ReportMetric(median(took[0]), "hdfs-s")
	b.ReportMetric(median(took[1]), "local-s")
	b.ReportMetric(median(took[0])/median(took[1]), "hdfs/local")
	b.ReportMetric(median(used[0])/median(used[1]), "cpu-hdfs/local")
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

// finish runs a program to its end, and gives the processor time that it took.
func finish(b *testing.B, conf string, command ...string) time.Duration {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "HADOOP_CONF_DIR="+conf)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %v\n%s", command, err, out)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}
