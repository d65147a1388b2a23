package codec_test

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
)

func Example() {
	rows := []codec.Pair[string, int64]{{Key: "a", Value: 1}, {Key: "bc", Value: 2}}
	typ, err := codec.TypeOf[codec.Pair[string, int64]]()
	if err != nil {
		fmt.Println(err)
		return
	}
	buf, err := typ.Append(nil, codec.RowsOf(rows))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("% x\n", buf)
	got := typ.NewBuffer(len(rows))
	rest, err := typ.Decode(got, buf, len(rows))
	fmt.Println(codec.Slice[codec.Pair[string, int64]](got.Rows()), len(rest), err)
	// Output:
	// 01 02 61 62 63 01 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00
	// [{a 1} {bc 2}] 0 <nil>
}

func ExampleTypeOf_typeError() {
	type order struct {
		ID     int
		Notify chan<- int
	}
	_, err := codec.TypeOf[[]order]()
	fmt.Println(err)
	var te *codec.TypeError
	if errors.As(err, &te) {
		fmt.Println(te.Path)
	}
	// Output:
	// field []codec_test.order[].Notify (chan<- int) cannot be encoded: leave it out, or give order MarshalBinary and UnmarshalBinary
	// []codec_test.order[].Notify
}

func ExampleMarshal() {
	buf, err := codec.Marshal(map[string]bool{"b": true, "a": false})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%q\n", buf)
	v, err := codec.Unmarshal[map[string]bool](buf)
	fmt.Println(v, err)
	_, err = codec.Unmarshal[map[string]bool](buf[:3])
	fmt.Println(err, errors.Is(err, codec.ErrCorrupt))
	// Output:
	// "\x03\x01\x01ab\x00\x01"
	// map[a:false b:true] <nil>
	// decode map[string]bool: corrupt batch: 2 values of at least 2 bytes in 2 true
}

type animal interface{ Sound() string }

type dog struct{ Name string }

func (d dog) Sound() string { return d.Name + " barks" }

func ExampleRegisterName() {
	codec.RegisterName[dog]("dog")
	buf, err := codec.Marshal[animal](dog{"Rex"})
	if err != nil {
		fmt.Println(err)
		return
	}
	a, err := codec.Unmarshal[animal](buf)
	fmt.Println(a.Sound(), err)
	// Output: Rex barks <nil>
}

func ExampleKeyTypeOf() {
	k, err := codec.KeyTypeOf[string]()
	if err != nil {
		fmt.Println(err)
		return
	}
	keys, out := []string{"a", "b", "a"}, make([]uint64, 3)
	first, stride := unsafe.Pointer(&keys[0]), unsafe.Sizeof(keys[0])
	k.Hash(out, first, stride, 1)
	fmt.Println(out[0] == out[2], out[0] == out[1], k.Compare(first, unsafe.Pointer(&keys[1])))
	k.Prefix(out, first, stride)
	fmt.Println(out[0] < out[1])
	// Output:
	// true false -1
	// true
}
