package pack

import (
	"errors"
	"fmt"
	"reflect"
)

// Whole reports, as an error, the first field that Marshal leaves out of values of a type
// without a word: one whose name is not exported, and that no tag msgpack:"-" excuses. So it does
// with what msgpack has no form for: complex numbers, addresses, channels and functions.
// What is behind an interface is not known.
func Whole(t reflect.Type) error { return whole(t, map[reflect.Type]bool{}) }

var errFormless = errors.New("there is no encoding of type")

func whole(t reflect.Type, visited map[reflect.Type]bool) error {
	if visited[t] || seen.decodesItself(t) {
		return nil
	}
	visited[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return whole(t.Elem(), visited)
	case reflect.Map:
		if err := whole(t.Key(), visited); err != nil {
			return err
		}
		return whole(t.Elem(), visited)
	case reflect.Struct:
		for f := range t.Fields() {
			if f.Name == "_" || f.Tag.Get("msgpack") == "-" {
				continue
			}
			if !f.IsExported() && !f.Anonymous {
				return fmt.Errorf("%s.%s would be left out: give the field a large first letter, or the tag `msgpack:\"-\"`", t, f.Name)
			}
			if err := whole(f.Type, visited); errors.Is(err, errFormless) {
				return fmt.Errorf("%s.%s: %w", t, f.Name, err)
			} else if err != nil {
				return err
			}
		}
	case reflect.Complex64, reflect.Complex128, reflect.Uintptr, reflect.UnsafePointer, reflect.Chan, reflect.Func:
		return fmt.Errorf("%w %s: use another type, or the tag `msgpack:\"-\"`", errFormless, t)
	default:
	}
	return nil
}
