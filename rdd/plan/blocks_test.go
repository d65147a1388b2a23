package plan

import (
	"slices"
	"testing"
)

func TestBlockReads(t *testing.T) {
	const n = 4
	files := Pipe{Source: Source{Files: &Files{}}, N: n}
	kept := func(key StageKey, of ...Pipe) Pipe {
		wide := make([]Input, len(of))
		for i := range of {
			wide[i].Pipe = &of[i]
		}
		if len(of) > 1 { // a join of what is placed alike
			join := Pipe{Source: Source{Wide: wide}, N: n}
			wide = []Input{{Pipe: &join}}
		}
		return Pipe{Source: Source{Wide: wide, Cached: &Cached{Key: key}}, N: n}
	}
	a, b := kept("a", files), kept("b", files)
	ab := kept("ab", a, b)
	coalesced := Pipe{Source: Source{Wide: []Input{{Pipe: &a}}, Coalesced: &Coalesced{N: 2}}, N: 2}
	turned := Pipe{Source: Source{Wide: []Input{{Pipe: &a}}, Coalesced: &Coalesced{N: 2, Order: []int{3, 0, 2, 1}}}, N: 2}
	crossed := Pipe{Source: Source{Wide: []Input{{Pipe: &a}, {Pipe: &b}}, Crossed: true}, N: n * n}
	union := Pipe{Source: Source{Union: []Pipe{files, a, b}}, N: 3 * n}
	read := func(key StageKey, part, under int) BlockRead { return BlockRead{Block{key, part}, under} }
	for _, c := range []struct {
		name      string
		pipe      Pipe
		partition int
		most      int
		want      []BlockRead
		caches    []StageKey
	}{
		{"none", files, 1, 9, nil, nil},
		{"one", a, 3, 9, []BlockRead{read("a", 3, 0)}, []StageKey{"a"}},
		{"of what was kept", ab, 2, 9, []BlockRead{read("ab", 2, 2), read("a", 2, 0), read("b", 2, 0)}, []StageKey{"ab", "a", "b"}},
		{"no more than a few", ab, 2, 2, []BlockRead{read("ab", 2, 1), read("a", 2, 0)}, []StageKey{"ab", "a"}},
		{"side of a union without any", union, 1, 9, nil, []StageKey{"a", "b"}},
		{"side of a union", union, 2*n + 3, 9, []BlockRead{read("b", 3, 0)}, []StageKey{"a", "b"}},
		{"coalesced", coalesced, 1, 9, []BlockRead{read("a", 2, 0), read("a", 3, 0)}, []StageKey{"a"}},
		{"coalesced by hosts", turned, 0, 9, []BlockRead{read("a", 3, 0), read("a", 0, 0)}, []StageKey{"a"}},
		{"of a product", crossed, 2*n + 1, 9, []BlockRead{read("a", 2, 0), read("b", 1, 0)}, []StageKey{"a", "b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.pipe.BlockReads(c.partition, c.most); !slices.Equal(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			var keys []StageKey
			for _, x := range c.pipe.CachedSources(c.most) {
				keys = append(keys, x.Key)
			}
			if !slices.Equal(keys, c.caches) {
				t.Errorf("it reads %v, want %v", keys, c.caches)
			}
		})
	}
}
