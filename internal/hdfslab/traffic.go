//go:build unix

package hdfslab

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
)

// sent is the line of a data node's log for bytes that it has sent to a client.
var sent = regexp.MustCompile(`clienttrace: src: /([0-9.]+):\d+, dest: /([0-9.]+):\d+, .*bytes: (\d+), op: HDFS_READ,`)

// Sent sums up the bytes that data nodes have sent to clients, and those of them that went to
// another address than the data node's own: over the network, if each address were a machine.
func (l *Lab) Sent() (all, far int64, err error) {
	for _, d := range l.Data {
		log, err := os.ReadFile(d.log)
		if err != nil {
			return 0, 0, err
		}
		for _, m := range sent.FindAllSubmatch(log, -1) {
			n, err := strconv.ParseInt(string(m[3]), 10, 64)
			if err != nil {
				return 0, 0, fmt.Errorf("%s: %q: %w", d.log, m[0], err)
			}
			all += n
			if string(m[1]) != string(m[2]) {
				far += n
			}
		}
	}
	return all, far, nil
}
