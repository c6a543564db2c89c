package bsp

import (
	"reflect"
	"time"
)

// native are the types that msgpack makes where it reads into an interface. An int
// is not one of them: a number becomes the smallest type that has room for it.
var native = map[reflect.Type]bool{
	reflect.TypeFor[bool](): true, reflect.TypeFor[int8](): true, reflect.TypeFor[float32](): true, reflect.TypeFor[float64](): true,
	reflect.TypeFor[string](): true, reflect.TypeFor[[]byte](): true, reflect.TypeFor[[]any](): true, reflect.TypeFor[map[string]any](): true,
	reflect.TypeFor[time.Time](): true,
}

// walk looks for interfaces in what an encoding holds.
type walk struct {
	plain map[reflect.Type]bool // types without an interface in them
}

// foreign returns the type of a value in an interface that would come back as
// another one, and the field that it is in; nil: there is none.
func (w *walk) foreign(v reflect.Value) (where string, t reflect.Type) {
	if w.isPlain(v.Type()) {
		return "", nil
	}
	switch v.Kind() {
	case reflect.Interface:
		if e := v.Elem(); !v.IsNil() && !native[e.Type()] {
			return "", e.Type()
		}
		fallthrough
	case reflect.Pointer:
		if !v.IsNil() {
			return w.foreign(v.Elem())
		}
	case reflect.Slice, reflect.Array:
		for i := 0; i < v.Len() && t == nil; i++ {
			where, t = w.foreign(v.Index(i))
		}
	case reflect.Map:
		for m := v.MapRange(); t == nil && m.Next(); {
			if where, t = w.foreign(m.Key()); t == nil {
				where, t = w.foreign(m.Value())
			}
		}
	case reflect.Struct:
		return w.fields(v)
	default:
	}
	return where, t
}

// fields is foreign for the fields of a struct.
func (w *walk) fields(v reflect.Value) (where string, t reflect.Type) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !encoded(f) {
			continue
		}
		if where, t := w.foreign(v.Field(i)); t != nil {
			return "." + f.Name + where, t
		}
	}
	return "", nil
}

// isPlain reports whether no value of a type can hold an interface.
func (w *walk) isPlain(t reflect.Type) bool {
	plain, known := w.plain[t]
	if !known {
		plain = !reaches(t, map[reflect.Type]bool{})
		w.plain[t] = plain
	}
	return plain
}

// reaches reports whether values of a type may hold an interface that msgpack
// writes; types in seen are looked at already.
func reaches(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return reaches(t.Elem(), seen)
	case reflect.Map:
		return reaches(t.Key(), seen) || reaches(t.Elem(), seen)
	case reflect.Struct:
		for i := 0; i < t.NumField() && !opaque(t); i++ {
			if f := t.Field(i); encoded(f) && reaches(f.Type, seen) {
				return true
			}
		}
	default:
	}
	return false
}
