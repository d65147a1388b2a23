package hdfs

import (
	"errors"

	lib "github.com/colinmarc/hdfs/v2"
)

var errCredentials = errors.New("no credentials for HDFS")

func allowed(*site, string) error { return nil }

func authenticate(o *lib.ClientOptions) error { return nil }
