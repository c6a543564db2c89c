package bsp

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"reflect"

	"github.com/vmihailenco/msgpack/v5"

	"scalar/internal/pack"
)

// encodesItself reports whether v is written by its own AppendBinary or
// MarshalBinary, and so read by its UnmarshalBinary.
func encodesItself(v any) bool {
	switch v.(type) {
	case encoding.BinaryAppender, encoding.BinaryMarshaler:
		return true
	}
	return false
}

// checkState says why State cannot keep v, whatever is in it.
func checkState(v any) error {
	if v == nil {
		return errors.New("State(nil): give a pointer to what has to be kept")
	}
	if encodesItself(v) {
		if _, ok := v.(encoding.BinaryUnmarshaler); !ok {
			return fmt.Errorf("State: %T encodes itself but has no UnmarshalBinary", v)
		}
		return nil
	}
	if p := reflect.ValueOf(v); p.Kind() != reflect.Pointer || p.IsNil() {
		return fmt.Errorf("State(%T): give a pointer to what has to be kept", v)
	}
	return nil
}

// appendState encodes what State was given.
func appendState(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case encoding.BinaryAppender:
		return v.AppendBinary(dst)
	case encoding.BinaryMarshaler:
		b, err := v.MarshalBinary()
		return append(dst, b...), err
	}
	b, err := pack.Marshal(v)
	return append(dst, b...), err
}

// decodeState restores v. msgpack would add to what the program has put there: maps
// would be merged, and what omitempty left out would stay. So it decodes into a new
// value first.
func decodeState(src []byte, v any) error {
	if encodesItself(v) {
		return v.(encoding.BinaryUnmarshaler).UnmarshalBinary(src) //nolint:errcheck // see checkState
	}
	fresh := reflect.New(reflect.TypeOf(v).Elem())
	if err := pack.UnmarshalData(src, fresh.Interface()); err != nil {
		return err
	}
	replace(reflect.ValueOf(v).Elem(), fresh.Elem())
	return nil
}

// replace sets dst to src, but for fields that the encoding leaves out: unexported
// ones and those tagged "-", in dst and the structs that are a part of it.
func replace(dst, src reflect.Value) {
	if dst.Kind() != reflect.Struct || opaque(dst.Type()) {
		if dst.CanSet() {
			dst.Set(src)
		}
		return
	}
	for i := range dst.NumField() {
		if f := dst.Type().Field(i); encoded(f) {
			replace(dst.Field(i), src.Field(i))
		}
	}
}

// encoded reports whether msgpack writes a field: an embedded struct counts through
// its own fields, exported or not.
func encoded(f reflect.StructField) bool {
	return f.Tag.Get("msgpack") != "-" && (f.IsExported() || f.Anonymous && f.Type.Kind() == reflect.Struct)
}

// opaque reports whether a struct has an encoding of its own, as time.Time has.
func opaque(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[encoding.BinaryUnmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) ||
		p.Implements(reflect.TypeFor[msgpack.CustomDecoder]()) || p.Implements(reflect.TypeFor[msgpack.Unmarshaler]())
}

// maxProof is the longest encoded state that is read back to see whether it can
// be: it is in memory twice more then.
const maxProof = 16 << 20

// proveState says why an attempt could not go on from enc, which is v encoded. A
// program learns that from its first checkpoint, not from its first fault.
func proveState(enc []byte, v any) error {
	if encodesItself(v) {
		return nil
	}
	w := walk{plain: map[reflect.Type]bool{}}
	if where, t := w.foreign(reflect.ValueOf(v)); t != nil {
		return fmt.Errorf("State: %T%s holds a value of type %v in an interface, which would have another type after a restart: use concrete types", v, where, t)
	}
	if len(enc) > maxProof {
		return nil
	}
	fresh := reflect.New(reflect.TypeOf(v).Elem()).Interface()
	if err := pack.UnmarshalData(enc, fresh); err != nil {
		return fmt.Errorf("State: %T cannot be read back: %w", v, err)
	}
	back, err := pack.Marshal(fresh)
	if err != nil || bytes.Equal(back, enc) {
		return err
	}
	// A type's own encoding may differ each time.
	if again, err := pack.Marshal(v); err != nil || !bytes.Equal(again, enc) {
		return err
	}
	return fmt.Errorf("State: %T would not be after a restart what it is now: use concrete types and plain structs", v)
}
