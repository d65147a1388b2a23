package hdfs

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	lib "github.com/colinmarc/hdfs/v2"
	krb "github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
)

// errCredentials is wrapped by errors of a user who cannot show who he is.
var errCredentials = errors.New("HDFS wants Kerberos")

// tickets are the user's: what kinit leaves in a file. It is read again when it changes, so that
// renewed tickets are used.
type tickets struct {
	mu     sync.Mutex
	read   time.Time // when the file that was read was written
	client *krb.Client
}

// authenticate gives options the user's credentials where the configuration asks for Kerberos.
// Those of a process that works for others are none of theirs.
func (t *tickets) authenticate(o *lib.ClientOptions, others bool) error {
	if o.KerberosClient == nil { // the library's word for not
		return nil
	}
	if others {
		return fmt.Errorf("%w, and this process works for others: it has no credentials of theirs, and lends nobody its own; run the job where you are known, with rddctl run", errCredentials)
	}
	if o.KerberosServicePrincipleName == "" {
		return fmt.Errorf("%w, and the Hadoop configuration has no dfs.namenode.kerberos.principal", errCredentials)
	}
	var err error
	if o.KerberosClient, err = t.get(); err != nil {
		return fmt.Errorf("%w: %w; kinit gets a ticket", errCredentials, err)
	}
	return nil
}

// refused makes a sentence of what the library says of the first answer of a name node that lets
// nobody in without Kerberos: it answers no call, but to the connection as such.
func refused(err error, o lib.ClientOptions) error {
	if o.KerberosClient == nil && err != nil && strings.Contains(err.Error(), "unexpected sequence number") {
		return fmt.Errorf("%w, it seems, and the Hadoop configuration does not say so: set HADOOP_CONF_DIR", errCredentials)
	}
	return err
}

func (t *tickets) get() (*krb.Client, error) {
	path, err := ticketFile()
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.client != nil && info.ModTime().Equal(t.read) {
		return t.client, nil
	}
	conf := os.Getenv("KRB5_CONFIG")
	if conf == "" {
		conf = "/etc/krb5.conf"
	}
	realms, err := config.Load(conf)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", conf, err)
	}
	cache, err := credentials.LoadCCache(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	client, err := krb.NewFromCCache(cache, realms)
	if err != nil {
		return nil, fmt.Errorf("tickets of %s: %w", path, err)
	}
	t.client, t.read = client, info.ModTime()
	return client, nil
}

// ticketFile is where kinit leaves tickets.
func ticketFile() (string, error) {
	name := os.Getenv("KRB5CCNAME")
	if name == "" {
		return "/tmp/krb5cc_" + strconv.Itoa(os.Getuid()), nil
	}
	kind, path, ok := strings.Cut(name, ":")
	switch {
	case !ok:
		return name, nil
	case kind == "FILE":
		return path, nil
	}
	return "", fmt.Errorf("KRB5CCNAME is %s: only a FILE: can be read", name)
}
