package hdfs

import (
	"encoding/binary"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	lib "github.com/colinmarc/hdfs/v2"
	"github.com/colinmarc/hdfs/v2/hadoopconf"
	krb "github.com/jcmturner/gokrb5/v8/client"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gordd-project/gordd/storage"
)

func TestNameNodesOfAnAuthority(t *testing.T) {
	ha := hadoopconf.HadoopConf{
		"fs.defaultFS": "hdfs://both/", "dfs.ha.namenodes.both": "nn1, nn2",
		"dfs.namenode.rpc-address.both.nn1": "a:9000", "dfs.namenode.rpc-address.both.nn2": "b:9000",
		"dfs.ha.namenodes.half": "nn1",
	}
	for _, c := range []struct {
		conf            hadoopconf.HadoopConf
		authority, want string // want: the error if it has a space
	}{
		{nil, "nn", "nn:8020"},
		{nil, "nn:9000", "nn:9000"},
		{nil, "a,b:9000", "a:8020,b:9000"},
		{nil, "[::1]:9000", "[::1]:9000"},
		{nil, "[::1]", "[::1]:8020"},
		{nil, "", "set HADOOP_CONF_DIR to the directory"},
		{nil, "a,,b", `"" is no address`},
		{nil, "user@a", `"user@a" is no address`},
		{nil, "a:0", `"a:0" is no address`},
		{nil, "a:b:c", `"a:b:c" is no address`},
		{ha, "", "a:9000,b:9000"},
		{ha, "both", "a:9000,b:9000"},
		{ha, "nn1", "nn1:8020"},
		{ha, "half", "the configuration in /etc has no dfs.namenode.rpc-address.half.nn1"},
		{hadoopconf.HadoopConf{"fs.defaultFS": "hdfs://nn:1234"}, "", "nn:1234"},
		{hadoopconf.HadoopConf{"fs.defaultFS": "file:///"}, "", `fs.defaultFS in /etc, which is "file:///"`},
		{hadoopconf.HadoopConf{}, "", `fs.defaultFS in /etc, which is ""`},
	} {
		s, err := newSite(c.conf, "/etc", "me")
		if err != nil {
			t.Fatal(err)
		}
		list, err := s.addresses(c.authority)
		got := strings.Join(list, ",")
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("name nodes of %q: got %s, want %s", c.authority, got, c.want)
		}
	}
}

func TestSettings(t *testing.T) {
	s, err := newSite(hadoopconf.HadoopConf{keyTimeout: "2500", keyReplication: "2", keyBlockSize: "64M", keyLocal: "127.0.0.9"}, "/etc", "me")
	if err != nil {
		t.Fatal(err)
	}
	if s.timeout.String() != "2.5s" || s.replication != 2 || s.blockSize != 64<<20 || s.local.String() != "127.0.0.9:0" {
		t.Errorf("settings are %+v", s)
	}
	for key, value := range map[string]string{
		keyTimeout: "soon", keyReplication: "0", keyBlockSize: "9999999t", keyLocal: "eth0",
	} {
		_, err := newSite(hadoopconf.HadoopConf{key: value}, "/etc", "me")
		if err == nil || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), value) || !strings.Contains(err.Error(), "/etc") {
			t.Errorf("%s %q: error %v does not say so", key, value, err)
		}
	}
}

func TestConfigurationOfTheEnvironment(t *testing.T) {
	home, conf := t.TempDir(), t.TempDir()
	put := func(dir, nn string) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		text := "<configuration><property><name>fs.defaultFS</name><value>hdfs://" + nn + "</value></property></configuration>"
		if err := os.WriteFile(filepath.Join(dir, "core-site.xml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put(filepath.Join(home, "etc", "hadoop"), "of-home:1")
	t.Setenv("HADOOP_HOME", home)
	t.Setenv("HADOOP_USER_NAME", "somebody")
	want := func(addr string) {
		t.Helper()
		s, err := loadSite()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.addresses(""); err != nil || !slices.Equal(got, []string{addr}) || s.user != "somebody" {
			t.Errorf("name nodes %v of user %s, %v; want %s", got, s.user, err, addr)
		}
	}
	t.Setenv("HADOOP_CONF_DIR", conf) // nothing in it
	want("of-home:1")
	put(conf, "of-conf:1")
	want("of-conf:1")
	if err := os.WriteFile(filepath.Join(conf, "hdfs-site.xml"), []byte("<config"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := loadSite(); err == nil || !strings.Contains(err.Error(), conf) {
		t.Errorf("a broken file: %v", err)
	}
}

// The library's connection and the block that it writes are reached by names of fields: another
// version may have none.
func TestLibraryIsTheOneWeKnow(t *testing.T) {
	if _, err := executorOf(&lib.Client{}); err != nil {
		t.Fatal(err)
	}
	if _, err := pipelineOf(&lib.FileWriter{}); err != nil {
		t.Fatal(err)
	}
}

func TestCredentialsOfOthersAreNotLent(t *testing.T) {
	kerberos := hadoopconf.HadoopConf{"hadoop.security.authentication": "kerberos", "dfs.namenode.kerberos.principal": "nn/_HOST@LAB"}
	s, err := newSite(kerberos, "/etc", "me")
	if err != nil {
		t.Fatal(err)
	}
	o := s.options([]string{"nn:8020"})
	if err := s.tickets.authenticate(&o, true); err == nil || !strings.Contains(err.Error(), "rddctl run") {
		t.Errorf("a process that works for others: %v", err)
	}
	for name, want := range map[string]string{
		"FILE:" + filepath.Join(t.TempDir(), "none"): "kinit",
		"KEYRING:persistent:0":                       "only a FILE:",
	} {
		t.Setenv("KRB5CCNAME", name)
		o.KerberosClient = &krb.Client{}
		err := s.tickets.authenticate(&o, false)
		if kindOf(err) != storage.Permission || !strings.Contains(err.Error(), want) {
			t.Errorf("KRB5CCNAME %s: %v of kind %v", name, err, kindOf(err))
		}
	}
	plain, err := newSite(nil, "", "me")
	if err != nil {
		t.Fatal(err)
	}
	o = plain.options([]string{"nn:8020"})
	if err := plain.tickets.authenticate(&o, true); err != nil {
		t.Errorf("without Kerberos: %v", err)
	}
}

// A name node that wants Kerberos answers to the connection, with call -1, and to no call.
func TestKerberosIsWantedAndNotConfigured(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	const callID, status, fatal = 1, 2, 2
	header := protowire.AppendTag(nil, callID, protowire.VarintType)
	header = protowire.AppendVarint(header, math.MaxUint32)
	header = protowire.AppendTag(header, status, protowire.VarintType)
	header = protowire.AppendVarint(header, fatal)
	header = append(binary.AppendUvarint(nil, uint64(len(header))), header...)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(header))), header...))
			defer func() { _ = c.Close() }()
		}
	}()
	store := newFileSystem(func() (*site, error) { return newSite(nil, "", "me") })
	_, err = store.Stat(t.Context(), "hdfs://"+ln.Addr().String()+"/f")
	if storage.KindOf(err) != storage.Permission || !strings.Contains(err.Error(), "Kerberos") {
		t.Errorf("error %v of kind %v", err, storage.KindOf(err))
	}
}
