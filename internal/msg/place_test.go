package msg

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestCheckPlace(t *testing.T) {
	var many []string
	for i := range maxLabels + 1 {
		many = append(many, fmt.Sprintf("k%d=", i))
	}
	for _, c := range []struct {
		name, rack string
		labels     []string
		says       string
	}{
		{name: "nothing"},
		{"a rack as HDFS has it", "/dc1/rack-7", nil, ""},
		{"labels", "", []string{"disk=ssd", "zone=eu-1:a", "empty="}, ""},
		{"as many labels as there may be", "", many[1:], ""},
		{"one more", "", many, "17 labels: the most is 16"},
		{"a rack with a space", "r 1", nil, `rack "r 1"`},
		{"a long rack", strings.Repeat("r", maxRack+1), nil, "at most 64"},
		{"no value", "", []string{"disk"}, `label "disk": give KEY=VALUE`},
		{"no key", "", []string{"=ssd"}, "KEY=VALUE"},
		{"two equals signs", "", []string{"a=b=c"}, "KEY=VALUE"},
		{"markup", "", []string{"a=<b>"}, "KEY=VALUE"},
		{"a control character", "", []string{"a=\x1b"}, "KEY=VALUE"},
		{"a long label", "", []string{"a=" + strings.Repeat("v", maxLabel)}, "at most 64"},
		{"much in all", "", slices.Repeat([]string{"a=" + strings.Repeat("v", 60)}, 4), "labels of 248 bytes in all: the most is 200"},
		{"a key twice", "", []string{"a=1", "a=2"}, `label "a=2": there is another one`},
	} {
		err := CheckPlace(c.rack, c.labels)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
	}
}
