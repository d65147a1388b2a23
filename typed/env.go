package typed

import (
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"

	"github.com/gordd-project/gordd/internal/size"
	"github.com/gordd-project/gordd/internal/wire"
)

const variablePrefix = "RDD_"

// variable is a setting in the environment.
type variable struct {
	name string
	set  func(o *Options, value string) error
}

var variables = []variable{
	{"RDD_CORES", func(o *Options, v string) (err error) { o.Cores, err = positive(v); return err }},
	{"RDD_MEMORY", func(o *Options, v string) (err error) { o.Memory, err = size.ParseSome(v); return err }},
	{"RDD_MAX_RESULT", func(o *Options, v string) (err error) { o.MaxResultSize, err = size.ParseSome(v); return err }},
	{"RDD_SCRATCH", func(o *Options, v string) error { o.Scratch = v; return nil }},
	{"RDD_CHECKPOINT_DIR", func(o *Options, v string) error { o.CheckpointDir = v; return nil }},
	{"RDD_KEEP_LINEAGE", func(o *Options, v string) (err error) { o.KeepLineage, err = truth(v); return err }},
	{"RDD_ROW_SUMS", func(o *Options, v string) (err error) { o.RowSums, err = truth(v); return err }},
	{"RDD_LOG", setLog},
	{"RDD_CLOSURES", func(o *Options, v string) (err error) { o.Closures, err = truth(v); return err }},
	{"RDD_NO_FUSING", func(o *Options, v string) (err error) { o.NoFusing, err = truth(v); return err }},
}

func variableNames() []string {
	names := make([]string, len(variables))
	for i, v := range variables {
		names[i] = v.name
	}
	return names
}

// masterVar is rddctl's: it names the master of a cluster.
const masterVar = "RDD_MASTER"

// fromEnvironment overrules options by the RDD_ variables of an environment. A
// variable that is empty says nothing. It returns the names of those that mean
// nothing here.
func fromEnvironment(o *Options, environment []string) (unknown []string, err error) {
	for _, kv := range environment {
		name, value, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, variablePrefix) || name == wire.EnvVar || name == masterVar {
			continue
		}
		known := false
		for _, v := range variables {
			if v.name != name {
				continue
			}
			known = true
			if value == "" {
				break
			}
			if err := v.set(o, value); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		if !known {
			unknown = append(unknown, name)
		}
	}
	return unknown, nil
}

// fromWire overrules options by those of the process that started this one.
func fromWire(o *Options, w *wire.Options) {
	if w.Cores != 0 {
		o.Cores = w.Cores
	}
	if w.Memory != 0 {
		o.Memory = w.Memory
	}
	if w.MaxResult != 0 {
		o.MaxResultSize = w.MaxResult
	}
	if w.Scratch != "" {
		o.Scratch = w.Scratch
	}
	if w.CheckpointDir != "" {
		o.CheckpointDir = w.CheckpointDir
	}
	o.fresh, o.profile = w.Fresh, w.Profile
}

func positive(v string) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is no number from 1 on", v)
	}
	return n, nil
}

func truth(v string) (bool, error) {
	b, err := strconv.ParseBool(v)
	if err != nil {
		return false, fmt.Errorf("%q is neither true nor false", v)
	}
	return b, nil
}

func setLog(o *Options, v string) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(v)); err != nil {
		return fmt.Errorf("%q is no level: give debug, info, warn or error", v)
	}
	o.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	return nil
}
