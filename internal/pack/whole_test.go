package pack_test

import (
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"scalar/internal/pack"
)

type (
	inner   struct{ Name string }
	chained struct {
		Next *chained
		Rest map[string][]hidden
	}
	hidden struct {
		Name string
		hops int
	}
)

// TestWhole: a field that would stay behind is found wherever it is, and nothing else is.
func TestWhole(t *testing.T) {
	for _, v := range []any{
		1, "",
		[]string{},
		map[int]any{},
		struct{}{},
		time.Time{},
		big.NewInt(1),
		netip.Addr{},
		inner{},
		struct{ inner }{},
		struct {
			_    int
			A    *inner
			seen bool `msgpack:"-"`
		}{seen: true},
	} {
		if err := pack.Whole(reflect.TypeOf(v)); err != nil {
			t.Errorf("%T: %v", v, err)
		}
	}
	for _, v := range []any{hidden{hops: 1}, []hidden{}, &hidden{}, map[hidden]int{}, chained{}, struct{ hidden }{}} {
		if err := pack.Whole(reflect.TypeOf(v)); err == nil || !strings.Contains(err.Error(), "pack_test.hidden.hops would be left out") {
			t.Errorf("%T: %v", v, err)
		}
	}
	for _, v := range []any{
		uintptr(0), 1i, complex64(1), func() {}, make(chan int),
		[]uintptr{},
		struct{ At uintptr }{},
		struct{ In []struct{ F func() } }{},
	} {
		if err := pack.Whole(reflect.TypeOf(v)); err == nil || !strings.Contains(err.Error(), "there is no encoding of type") {
			t.Errorf("%T: %v", v, err)
		}
	}
	if err := pack.Whole(reflect.TypeFor[struct {
		F func() `msgpack:"-"`
	}]()); err != nil {
		t.Error(err)
	}
}
