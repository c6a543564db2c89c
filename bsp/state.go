package bsp

import (
	"encoding"
	"fmt"

	"scalar/internal/pack"
)

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

// decodeState restores v. A type that encodes itself must decode itself.
func decodeState(src []byte, v any) error {
	switch u := v.(type) {
	case encoding.BinaryUnmarshaler:
		return u.UnmarshalBinary(src)
	case encoding.BinaryAppender, encoding.BinaryMarshaler:
		return fmt.Errorf("%T encodes itself but has no UnmarshalBinary", v)
	}
	return pack.UnmarshalData(src, v)
}
