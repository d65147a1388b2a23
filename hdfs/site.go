package hdfs

import (
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	lib "github.com/colinmarc/hdfs/v2"
	"github.com/colinmarc/hdfs/v2/hadoopconf"
)

// defaultPort is that of a name node whose address names none.
const defaultPort = "8020"

// Names of settings.
const (
	keyDefault     = "fs.defaultFS"
	keyNamenodes   = "dfs.ha.namenodes."
	keyRPC         = "dfs.namenode.rpc-address."
	keyTimeout     = "dfs.client.socket-timeout"
	keyReplication = "dfs.replication"
	keyBlockSize   = "dfs.blocksize"
	keyLocal       = "dfs.client.local.interfaces"
)

// site is what this machine says of HDFS: Hadoop's configuration files and the user.
type site struct {
	conf hadoopconf.HadoopConf
	from string // the directory of conf, or ""
	user string

	timeout     time.Duration // for one operation on a connection
	replication int           // of new files; 0: the cluster's
	blockSize   int64         // of new files, bytes; 0: the cluster's
	local       net.Addr      // that connections leave from, or nil
	tickets     tickets
}

// loadSite reads the configuration of this process's environment.
func loadSite() (*site, error) {
	var dirs []string
	if dir := os.Getenv("HADOOP_CONF_DIR"); dir != "" {
		dirs = append(dirs, dir)
	}
	if home := os.Getenv("HADOOP_HOME"); home != "" {
		dirs = append(dirs, filepath.Join(home, "etc", "hadoop"), filepath.Join(home, "conf"))
	}
	name := os.Getenv("HADOOP_USER_NAME")
	if name == "" {
		u, err := user.Current()
		if err != nil {
			return nil, fmt.Errorf("who is the user of HDFS? set HADOOP_USER_NAME: %w", err)
		}
		name = u.Username
	}
	for _, dir := range dirs {
		conf, err := hadoopconf.Load(dir)
		if err != nil {
			return nil, fmt.Errorf("read the Hadoop configuration in %s: %w", dir, err)
		}
		if conf != nil {
			return newSite(conf, dir, name)
		}
	}
	return newSite(nil, "", name)
}

// newSite checks the settings that are heeded.
func newSite(conf hadoopconf.HadoopConf, from, user string) (*site, error) {
	s := &site{conf: conf, from: from, user: user, timeout: 15 * time.Second}
	for k, v := range conf {
		conf[k] = strings.TrimSpace(v)
	}
	bad := func(key, want string) error {
		return fmt.Errorf("Hadoop configuration in %s: %s is %q, not %s", from, key, conf[key], want) //nolint:staticcheck // a name
	}
	if v := conf[keyTimeout]; v != "" {
		ms, err := strconv.Atoi(v)
		if err != nil || ms <= 0 {
			return nil, bad(keyTimeout, "a number of milliseconds")
		}
		s.timeout = time.Duration(ms) * time.Millisecond
	}
	if v := conf[keyReplication]; v != "" {
		var err error
		if s.replication, err = strconv.Atoi(v); err != nil || s.replication < 1 || s.replication > maxReplication {
			return nil, bad(keyReplication, "a number of replicas")
		}
	}
	if v := conf[keyBlockSize]; v != "" {
		var ok bool
		if s.blockSize, ok = parseSize(v); !ok || s.blockSize%bytesPerChecksum != 0 {
			return nil, bad(keyBlockSize, "a size such as 134217728 or 128m")
		}
	}
	if v := conf[keyLocal]; v != "" {
		ip := net.ParseIP(v)
		if ip == nil {
			return nil, bad(keyLocal, "one IP address, which is all that is understood here")
		}
		s.local = &net.TCPAddr{IP: ip}
	}
	return s, nil
}

// parseSize reads a size with one of Hadoop's suffixes.
func parseSize(v string) (int64, bool) {
	shift := 0
	if i := strings.IndexByte("kmgt", v[len(v)-1]|0x20); i >= 0 {
		shift, v = 10*(i+1), v[:len(v)-1]
	}
	n, err := strconv.ParseInt(v, 10, 64)
	return n << shift, err == nil && n > 0 && n<<shift>>shift == n
}

// addresses finds the name nodes of an authority: what stands between hdfs:// and the path.
func (s *site) addresses(authority string) ([]string, error) {
	if authority == "" {
		to, ok := strings.CutPrefix(s.conf[keyDefault], "hdfs://")
		authority, _, _ = strings.Cut(to, "/")
		switch {
		case s.conf == nil:
			return nil, fmt.Errorf("the path names no name node and there is no configuration: write hdfs://HOST:PORT/path, or set HADOOP_CONF_DIR to the directory of core-site.xml")
		case !ok || authority == "":
			return nil, fmt.Errorf("the path names no name node, and neither does %s in %s, which is %q", keyDefault, s.from, s.conf[keyDefault])
		}
	}
	if ids := s.conf[keyNamenodes+authority]; ids != "" {
		return s.service(authority, ids)
	}
	var list []string
	for _, a := range strings.Split(authority, ",") {
		host, port, err := net.SplitHostPort(a)
		if err != nil {
			host, port = strings.Trim(a, "[]"), defaultPort
		}
		bad := host == "" || strings.ContainsAny(host, `@ \`) || strings.Contains(host, ":") && net.ParseIP(host) == nil
		if n, err := strconv.Atoi(port); bad || err != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("%q is no address of a name node: write HOST, HOST:PORT, or several of them with commas between", a)
		}
		list = append(list, net.JoinHostPort(host, port))
	}
	return list, nil
}

// service finds the name nodes of a nameservice by their ids.
func (s *site) service(name, ids string) (list []string, err error) {
	for _, id := range strings.Split(ids, ",") {
		key := keyRPC + name + "." + strings.TrimSpace(id)
		if s.conf[key] == "" {
			return nil, fmt.Errorf("the configuration in %s has no %s", s.from, key)
		}
		list = append(list, s.conf[key])
	}
	return list, nil
}

// options are the library's, for name nodes at addresses.
func (s *site) options(addresses []string) lib.ClientOptions {
	conf := hadoopconf.HadoopConf{}
	for k, v := range s.conf {
		if !strings.HasPrefix(k, "fs.default") { // the library would parse it, and it is not asked for addresses
			conf[k] = v
		}
	}
	o := lib.ClientOptionsFromConf(conf)
	o.Addresses, o.User = addresses, s.user
	return o
}
