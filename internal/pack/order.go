package pack

import (
	"bytes"
	"reflect"
	"slices"
)

// sortMaps orders the keys of every map in b, which is the encoding of a value of
// type t, in place: the encoder orders only two kinds of map. Fields of structs
// stay in the order of their type.
func sortMaps(b []byte, t reflect.Type) error {
	o := orderer{types: meter{fields: map[reflect.Type]map[string]field{}}, plain: map[reflect.Type]bool{}}
	if t == nil || o.mapless(t) {
		return nil
	}
	_, err := o.value(b, t)
	return err
}

// orderer walks an encoded value along its type.
type orderer struct {
	types meter
	plain map[reflect.Type]bool // types without a map in them
}

// mapless reports whether no value of a type can hold a map.
func (o *orderer) mapless(t reflect.Type) bool {
	known, ok := o.plain[t]
	if !ok {
		known = !o.reachesMap(t, map[reflect.Type]bool{})
		o.plain[t] = known
	}
	return known
}

// reachesMap reports whether a value of a type can hold a map. A type that is
// visited already adds nothing: it may hold itself.
func (o *orderer) reachesMap(t reflect.Type, visited map[reflect.Type]bool) bool {
	if visited[t] || decodesItself(t) {
		return false
	}
	visited[t] = true
	switch t.Kind() {
	case reflect.Map, reflect.Interface:
		return true
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return o.reachesMap(t.Elem(), visited)
	case reflect.Struct:
		for _, f := range o.types.fieldsOf(t) {
			if o.reachesMap(f.typ, visited) {
				return true
			}
		}
	default:
	}
	return false
}

// value orders the value at the front of b and returns what follows it.
func (o *orderer) value(b []byte, t reflect.Type) ([]byte, error) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	h := readHead(b)
	switch {
	case o.mapless(t) || h.shape != shapeArray && h.shape != shapeMap:
		return scan(b)
	case t.Kind() == reflect.Struct && h.shape == shapeMap:
		return o.structure(h, t)
	case h.shape == shapeArray:
		rest, err := h.rest, error(nil)
		for i := int64(0); i < h.n && err == nil; i++ {
			rest, err = o.value(rest, elem(t))
		}
		return rest, err
	}
	return o.entries(h, t)
}

// elem is the type of what a list or map holds; structs as arrays and values
// without a type hold anything.
func elem(t reflect.Type) reflect.Type {
	switch t.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map:
		return t.Elem()
	default:
		return anyType
	}
}

func (o *orderer) structure(h head, t reflect.Type) ([]byte, error) {
	fields := o.types.fieldsOf(t)
	rest := h.rest
	for range h.n {
		key := readHead(rest)
		after, err := scan(rest)
		if err != nil {
			return nil, err
		}
		typ := anyType
		if f, ok := fields[string(key.rest[:len(key.rest)-len(after)])]; ok {
			typ = f.typ
		}
		if rest, err = o.value(after, typ); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// entry is one pair of a map, encoded.
type entry struct{ key, all []byte }

// entries orders what the values of a map hold, and then the map.
func (o *orderer) entries(h head, t reflect.Type) ([]byte, error) {
	pairs := make([]entry, 0, h.n)
	rest := h.rest
	for range h.n {
		after, err := scan(rest)
		if err != nil {
			return nil, err
		}
		end, err := o.value(after, elem(t))
		if err != nil {
			return nil, err
		}
		key := readHead(rest)
		name := rest[:len(rest)-len(after)]
		if key.shape == shapeBytes {
			name = key.rest[:len(key.rest)-len(after)]
		}
		pairs = append(pairs, entry{name, rest[:len(rest)-len(end)]})
		rest = end
	}
	byKey := func(a, b entry) int { return bytes.Compare(a.key, b.key) }
	if !slices.IsSortedFunc(pairs, byKey) {
		slices.SortFunc(pairs, byKey)
		ordered := make([]byte, 0, len(h.rest)-len(rest))
		for _, p := range pairs {
			ordered = append(ordered, p.all...)
		}
		copy(h.rest, ordered)
	}
	return rest, nil
}
