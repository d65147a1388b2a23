//go:build unix

package hdfslab

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// settings are those of a Hadoop configuration file.
type settings map[string]string

// with returns the settings with others in place of, or beside, its own.
func (s settings) with(more settings) settings {
	all := maps.Clone(s)
	maps.Copy(all, more)
	return all
}

// write makes a configuration file.
func (s settings) write(path string) error {
	type property struct {
		Name  string `xml:"name"`
		Value string `xml:"value"`
	}
	file := struct {
		XMLName    xml.Name   `xml:"configuration"`
		Properties []property `xml:"property"`
	}{}
	for _, name := range slices.Sorted(maps.Keys(s)) {
		file.Properties = append(file.Properties, property{name, s[name]})
	}
	data, err := xml.MarshalIndent(file, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

// common has what daemons and clients know.
func (l *Lab) common() settings {
	return settings{
		"fs.defaultFS":                             "hdfs://" + l.Namenode(),
		"dfs.namenode.rpc-address":                 l.Namenode(),
		"dfs.namenode.http-address":                l.Name.http,
		"dfs.replication":                          strconv.Itoa(l.o.Replication),
		"dfs.blocksize":                            strconv.FormatInt(l.o.BlockSize, 10),
		"dfs.permissions.enabled":                  "true",
		"dfs.namenode.fs-limits.min-block-size":    "4096",
		"dfs.heartbeat.interval":                   "1",
		"dfs.namenode.heartbeat.recheck-interval":  "1000",
		"dfs.namenode.stale.datanode.interval":     "3000",
		"dfs.namenode.redundancy.interval.seconds": "1",
		"dfs.namenode.safemode.extension":          "0",
		"dfs.namenode.lifeline.handler.ratio":      "0",
	}.with(l.o.Settings)
}

// configure writes the files of all daemons.
func (l *Lab) configure() error {
	var topology strings.Builder
	for i := range l.Data {
		_, _ = fmt.Fprintf(&topology, "%s /rack%d\n", l.Address(i), i%l.o.Racks+1)
	}
	table := filepath.Join(l.dir, "topology")
	if err := os.WriteFile(table, []byte(topology.String()), 0o644); err != nil {
		return err
	}
	name := filepath.Join(l.dir, "data", "namenode")
	err := l.common().with(settings{
		"lab.name.dir":                                         name,
		"dfs.namenode.name.dir":                                "file://" + name,
		"dfs.namenode.edits.noeditlogchannelflush":             "true",
		"dfs.namenode.datanode.registration.ip-hostname-check": "false",
		"dfs.namenode.handler.count":                           "8",
		"net.topology.node.switch.mapping.impl":                "org.apache.hadoop.net.TableMapping",
		"net.topology.table.file.name":                         table,
	}).write(l.Name.conf)
	for i, d := range l.Data {
		if err != nil {
			return err
		}
		ip := l.Address(i)
		ports, portErr := freePorts(ip, 3)
		if portErr != nil {
			return portErr
		}
		d.http = ports[1]
		err = l.common().with(settings{
			"lab.source.address":                        ip,
			"hadoop.rpc.socket.factory.class.default":   "lab.BoundSocketFactory",
			"dfs.datanode.hostname":                     ip,
			"dfs.datanode.address":                      ports[0],
			"dfs.datanode.http.address":                 ports[1],
			"dfs.datanode.ipc.address":                  ports[2],
			"dfs.datanode.data.dir":                     "file://" + d.data,
			"dfs.datanode.handler.count":                "4",
			"dfs.datanode.directoryscan.interval":       "-1",
			"dfs.block.scanner.volume.bytes.per.second": "0",
		}).write(d.conf)
	}
	return err
}

// ConfDir makes a configuration directory for a client, as HADOOP_CONF_DIR names it, with the
// lab's settings and those given. It is removed with the lab.
func (l *Lab) ConfDir(more map[string]string) (string, error) {
	dir, err := os.MkdirTemp(l.dir, "client")
	if err != nil {
		return "", err
	}
	if err := (settings{"fs.defaultFS": "hdfs://" + l.Namenode()}).with(more).write(filepath.Join(dir, "core-site.xml")); err != nil {
		return "", err
	}
	return dir, l.common().with(more).write(filepath.Join(dir, "hdfs-site.xml"))
}

// freePorts finds ports of an address that nobody listens on, as host:port.
func freePorts(ip string, n int) ([]string, error) {
	ports := make([]string, n)
	for i := range ports {
		ln, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
		if err != nil {
			return nil, fmt.Errorf("%w: the loopback network has no %s: %w", ErrMissing, ip, err)
		}
		defer func() { _ = ln.Close() }() // all at the end, or one would be found twice
		ports[i] = ln.Addr().String()
	}
	return ports, nil
}
