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
	if t == nil || seen.mapless(t) {
		return nil
	}
	_, err := sortValue(b, t)
	return err
}

// sortValue orders the value at the front of b and returns what follows it.
func sortValue(b []byte, t reflect.Type) ([]byte, error) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	h := readHead(b)
	switch {
	case seen.mapless(t) || h.shape != shapeArray && h.shape != shapeMap:
		return scan(b)
	case t.Kind() == reflect.Struct && h.shape == shapeMap:
		return sortStruct(h, t)
	case h.shape == shapeArray:
		rest, err := h.rest, error(nil)
		for i := int64(0); i < h.n && err == nil; i++ {
			rest, err = sortValue(rest, elem(t))
		}
		return rest, err
	}
	return sortEntries(h, t)
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

func sortStruct(h head, t reflect.Type) ([]byte, error) {
	fields := seen.fieldsOf(t)
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
		if rest, err = sortValue(after, typ); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// entry is one pair of a map, encoded.
type entry struct{ key, all []byte }

// entries orders what the values of a map hold, and then the map.
func sortEntries(h head, t reflect.Type) ([]byte, error) {
	pairs := make([]entry, 0, h.n)
	rest := h.rest
	for range h.n {
		after, err := scan(rest)
		if err != nil {
			return nil, err
		}
		end, err := sortValue(after, elem(t))
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
