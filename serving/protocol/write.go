package protocol

import (
	"strconv"
	"unicode/utf8"

	"scalar/serving/internal/decimal"
)

const digitsOfHex = "0123456789abcdef"

// appendString appends a text as JSON. Bytes that are not UTF-8 become U+FFFD.
func appendString[T string | []byte](dst []byte, text T) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRuneInString(string(text[i:min(i+utf8.UTFMax, len(text))])); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		dst = append(dst, text[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\t':
			dst = append(dst, `\t`...)
		case '\r':
			dst = append(dst, `\r`...)
		default:
			if c >= utf8.RuneSelf {
				dst = append(dst, "\uFFFD"...)
			} else {
				dst = append(dst, '\\', 'u', '0', '0', digitsOfHex[c>>4], digitsOfHex[c&15])
			}
		}
		i += size
		from = i
	}
	return append(append(dst, text[from:]...), '"')
}

// appendFloat appends the shortest text that is read as the same float32, with an exponent where
// encoding/json writes one; null for what is not finite.
func appendFloat(dst []byte, x float32) []byte {
	if x-x != 0 {
		return append(dst, "null"...)
	}
	return decimal.Append(dst, x)
}

// appendRow appends the values of a row, with commas.
func (t *Tensor) appendRow(dst []byte, v *Values, row int) []byte {
	lo, hi := row*t.width, (row+1)*t.width
	switch t.Datatype {
	case FP32:
		for _, x := range v.F32[lo:hi] {
			dst = append(appendFloat(dst, x), ',')
		}
	case INT64:
		for _, x := range v.I64[lo:hi] {
			dst = append(strconv.AppendInt(dst, x, 10), ',')
		}
	default:
		for _, c := range v.Classes[lo:hi] {
			dst = append(append(dst, t.quoted[c]...), ',')
		}
	}
	return dst[:len(dst)-1]
}

// appendShape appends the dimensions of a tensor of rows, without brackets.
func (t *Tensor) appendShape(dst []byte, rows int) []byte {
	dst = strconv.AppendInt(dst, int64(rows), 10)
	for _, d := range t.Shape[1:] {
		dst = strconv.AppendInt(append(dst, ','), int64(d), 10)
	}
	return dst
}
