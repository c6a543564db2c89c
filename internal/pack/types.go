package pack

import (
	"encoding"
	"reflect"
	"strings"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
)

// seen keeps what was found out about types, which never changes: a program has
// few of them, and asking reflect again took a third of the time of a commit.
var seen types

// types answers questions about types. The zero value is ready; safe for
// concurrent use.
type types struct {
	fields sync.Map // reflect.Type of a struct → map[string]field
	selves sync.Map // reflect.Type → bool: decodes itself
	plain  sync.Map // reflect.Type → bool: no value of it holds a map
}

// field is what a name of a struct is decoded into, and what an embedded pointer
// on the way allocates.
type field struct {
	typ   reflect.Type
	extra uintptr
}

// fieldsOf returns the fields of a struct by their encoded names. It is not to be
// changed.
func (k *types) fieldsOf(t reflect.Type) map[string]field {
	if f, ok := k.fields.Load(t); ok {
		return f.(map[string]field) //nolint:errcheck // nothing else is put there
	}
	fields := k.look(t, map[reflect.Type]map[string]field{})
	k.fields.Store(t, fields) // of t alone: those embedded in a recursive type are not whole yet
	return fields
}

func (k *types) look(t reflect.Type, looking map[reflect.Type]map[string]field) map[string]field {
	if f, ok := looking[t]; ok {
		return f
	}
	fields := map[string]field{}
	looking[t] = fields // before the fields: types may be recursive
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("msgpack"), ",")
		if name == "" {
			name = f.Name
		}
		if f.Anonymous {
			k.embed(fields, f.Type, looking)
		}
		if f.IsExported() || f.Anonymous {
			fields[name] = field{typ: f.Type}
		}
	}
	return fields
}

// embed adds the fields of an embedded struct.
func (k *types) embed(fields map[string]field, t reflect.Type, looking map[reflect.Type]map[string]field) {
	var extra uintptr
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
		extra = t.Size()
	}
	if t.Kind() != reflect.Struct || k.decodesItself(t) {
		return
	}
	for name, f := range k.look(t, looking) {
		fields[name] = field{f.typ, f.extra + extra}
	}
}

// decodesItself reports whether the decoder hands a type its bytes.
func (k *types) decodesItself(t reflect.Type) bool {
	if t == timeType {
		return true
	}
	if self, ok := k.selves.Load(t); ok {
		return self == true
	}
	p := reflect.PointerTo(t)
	self := p.Implements(reflect.TypeFor[msgpack.CustomDecoder]()) || p.Implements(reflect.TypeFor[msgpack.Unmarshaler]()) ||
		p.Implements(reflect.TypeFor[encoding.BinaryUnmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
	k.selves.Store(t, self)
	return self
}

// mapless reports whether no value of a type can hold a map.
func (k *types) mapless(t reflect.Type) bool {
	if plain, ok := k.plain.Load(t); ok {
		return plain == true
	}
	plain := !k.reachesMap(t, map[reflect.Type]bool{})
	k.plain.Store(t, plain)
	return plain
}

// reachesMap reports whether a value of a type can hold a map. A type that is
// visited already adds nothing: it may hold itself.
func (k *types) reachesMap(t reflect.Type, visited map[reflect.Type]bool) bool {
	if visited[t] || k.decodesItself(t) {
		return false
	}
	visited[t] = true
	switch t.Kind() {
	case reflect.Map, reflect.Interface:
		return true
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return k.reachesMap(t.Elem(), visited)
	case reflect.Struct:
		for _, f := range k.fieldsOf(t) {
			if k.reachesMap(f.typ, visited) {
				return true
			}
		}
	default:
	}
	return false
}
