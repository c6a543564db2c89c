package pack

import (
	"fmt"
	"reflect"
)

// Whole reports, as an error, the first field that Marshal leaves out of values of a type
// without a word: one whose name is not exported, and that no tag msgpack:"-" excuses.
// What is behind an interface is not known.
func Whole(t reflect.Type) error { return whole(t, map[reflect.Type]bool{}) }

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
			if err := whole(f.Type, visited); err != nil {
				return err
			}
		}
	default:
	}
	return nil
}
