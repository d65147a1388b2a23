package main

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/internal/launch"
	"github.com/gordd-project/gordd/rdd/plan"
)

func TestWanted(t *testing.T) {
	goos, _ := plan.Here.Of()
	narrow, other := plan.Platform(goos+"/386"), plan.Platform("plan9/amd64")
	if !wide(plan.Here) {
		narrow, other = other, narrow
	}
	for name, c := range map[string]struct {
		workers []plan.Platform
		here    bool
		want    []plan.Platform
	}{
		"nobody is there yet":                {nil, true, []plan.Platform{plan.Here}},
		"nor for the driver":                 {nil, false, []plan.Platform{plan.Here}},
		"all as here":                        {[]plan.Platform{plan.Here}, true, []plan.Platform{plan.Here}},
		"only the driver is here":            {[]plan.Platform{other}, true, []plan.Platform{other, plan.Here}},
		"neither is":                         {[]plan.Platform{other}, false, []plan.Platform{other}},
		"some of another size of int":        {[]plan.Platform{narrow, other}, false, []plan.Platform{other}},
		"only such, and the driver is there": {[]plan.Platform{narrow}, false, nil},
	} {
		if got := wanted(c.workers, c.here); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestFitting(t *testing.T) {
	p := &launch.Program{Name: "p", Binaries: []launch.Binary{{Path: "a", Platform: "linux/amd64"}, {Path: "b", Platform: "linux/arm64"}}}
	for name, c := range map[string]struct {
		workers []plan.Platform
		want    map[plan.Platform]string
	}{
		"all":          {nil, map[plan.Platform]string{"linux/amd64": "a", "linux/arm64": "b"}},
		"the workers'": {[]plan.Platform{"darwin/arm64", "linux/arm64"}, map[plan.Platform]string{"linux/arm64": "b"}},
	} {
		if got, err := fitting(p, c.workers); err != nil || !maps.Equal(got, c.want) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	_, err := fitting(p, []plan.Platform{"darwin/arm64", "linux/riscv64"})
	var coded *launch.Error
	if !errors.As(err, &coded) || coded.Code != launch.CodeRefused ||
		!strings.HasPrefix(err.Error(), "p was built for linux/amd64, linux/arm64, and the cluster's workers run on darwin/arm64, linux/riscv64:") {
		t.Errorf("got %v", err)
	}
}
