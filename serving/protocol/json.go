package protocol

import (
	"bytes"
	"fmt"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// A parser goes through a body. Its methods begin at b[i], and leave i behind what they took.
type parser struct {
	b []byte
	i int
	r *Request
	s *Signature
}

// malformed returns an error about the body at i.
func (p *parser) malformed(format string, args ...any) error {
	return refuse("JSON, byte %d: %s", p.i, fmt.Sprintf(format, args...))
}

// unexpected returns an error about the byte at i.
func (p *parser) unexpected(want string) error {
	if p.i >= len(p.b) {
		return p.malformed("it ends where %s should be", want)
	}
	return p.malformed("%q where %s should be", p.b[p.i:p.i+1], want)
}

// space skips blanks and returns the byte after them, 0 at the end.
func (p *parser) space() byte {
	for i := p.i; i < len(p.b); i++ {
		if c := p.b[i]; c > ' ' || c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			p.i = i
			return c
		}
	}
	p.i = len(p.b)
	return 0
}

// end checks that nothing follows the document.
func (p *parser) end() error {
	if p.space(); p.i < len(p.b) {
		return p.malformed("%q follows the document", p.b[p.i:p.i+1])
	}
	return nil
}

// take takes a byte after blanks.
func (p *parser) take(c byte, want string) error {
	if p.space() != c {
		return p.unexpected(want)
	}
	p.i++
	return nil
}

// raw takes a string, and returns what is between its quotes as it stands.
func (p *parser) raw() (text []byte, escaped bool, err error) {
	if p.space() != '"' {
		return nil, false, p.unexpected("a text in quotes")
	}
	start, high := p.i+1, false
	for i := start; i < len(p.b); {
		c := p.b[i]
		switch {
		case c == '"':
			text = p.b[start:i:i]
			if high && !utf8.Valid(text) {
				return nil, false, p.malformed("the text is not UTF-8")
			}
			p.i = i + 1
			return text, escaped, nil
		case c == '\\':
			n := escape(p.b[i:])
			if n == 0 {
				p.i = i
				return nil, false, p.malformed("a bad escape")
			}
			escaped = true
			i += n
		case c < ' ':
			p.i = i
			return nil, false, p.malformed("a control character in a text")
		default:
			high = high || c >= utf8.RuneSelf
			i++
		}
	}
	return nil, false, p.malformed("the text has no end")
}

// escape returns the length of the escape that b begins with, 0 if it is none.
func escape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex(b); ok {
			return 6
		}
	}
	return 0
}

// hex returns the number of the \uXXXX that b begins with.
func hex(b []byte) (r rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape appends a text whose escapes are right. Half of a surrogate pair becomes U+FFFD.
func unescape(dst, text []byte) []byte {
	for {
		at := bytes.IndexByte(text, '\\')
		if at < 0 {
			return append(dst, text...)
		}
		dst = append(dst, text[:at]...)
		text = text[at:]
		if text[1] != 'u' {
			c := text[1]
			if k := bytes.IndexByte([]byte("bfnrt"), c); k >= 0 {
				c = "\b\f\n\r\t"[k]
			}
			dst, text = append(dst, c), text[2:]
			continue
		}
		r, _ := hex(text)
		text = text[6:]
		if utf16.IsSurrogate(r) {
			low, _ := hex(text) // 0 if none follows
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				text = text[6:]
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
}

// word takes a string, and returns its text. It shares memory with the body or the request.
func (p *parser) word() ([]byte, error) {
	text, escaped, err := p.raw()
	if err != nil || !escaped {
		return text, err
	}
	from := len(p.r.text)
	p.r.text = unescape(p.r.text, text)
	return p.r.text[from:len(p.r.text):len(p.r.text)], nil
}

// An object is one that is being read.
type object struct {
	first int // of its keys in Request.keys
	n     int
}

// open takes the bracket that opens an object.
func (p *parser) open(want string) (object, error) {
	return object{first: len(p.r.keys)}, p.take('{', want)
}

// key takes the next key and its colon, or the bracket that closes the object.
func (p *parser) key(o *object) (key []byte, more bool, err error) {
	c := p.space()
	if c == '}' {
		p.i++
		return nil, false, p.unique(o.first)
	}
	if o.n > 0 {
		if c != ',' {
			return nil, false, p.unexpected("a comma or }")
		}
		p.i++
	}
	o.n++
	if key, err = p.word(); err != nil {
		return nil, false, err
	}
	if err := p.push(key); err != nil {
		return nil, false, err
	}
	return key, true, p.take(':', "a colon")
}

// maxKeys is how many keys the objects that are open have at most.
const maxKeys = 1 << 16

// push remembers a key of the innermost object.
func (p *parser) push(key []byte) error {
	if len(p.r.keys) == maxKeys {
		return p.malformed("objects with more than %d keys", maxKeys)
	}
	p.r.keys = append(p.r.keys, key)
	return nil
}

// unique checks that the keys from first on are different, and drops them.
func (p *parser) unique(first int) error {
	keys := p.r.keys[first:]
	p.r.keys = p.r.keys[:first]
	const few = 8
	if len(keys) > few {
		slices.SortFunc(keys, bytes.Compare)
		for i := 1; i < len(keys); i++ {
			if bytes.Equal(keys[i-1], keys[i]) {
				return p.twice(keys[i])
			}
		}
		return nil
	}
	for i, a := range keys {
		for _, b := range keys[:i] {
			if bytes.Equal(a, b) {
				return p.twice(a)
			}
		}
	}
	return nil
}

func (p *parser) twice(key []byte) error {
	return p.malformed("an object has the key %s twice", clip(key))
}

// next moves to the next element of an array whose opening bracket was taken, and n of whose
// elements; false: it took the closing bracket.
func (p *parser) next(n int) (more bool, err error) {
	switch c := p.space(); {
	case c == ']':
		p.i++
		return false, nil
	case n == 0:
		return true, nil
	case c != ',':
		return false, p.unexpected("a comma or ]")
	}
	p.i++
	if p.space() == ']' {
		return false, p.unexpected("a value")
	}
	return true, nil
}

// literal takes true, false or null.
func (p *parser) literal(word string) error {
	if !bytes.HasPrefix(p.b[p.i:], []byte(word)) {
		return p.unexpected("a value")
	}
	p.i += len(word)
	return nil
}

// boolean takes true or false.
func (p *parser) boolean() (bool, error) {
	switch p.space() {
	case 't':
		return true, p.literal("true")
	case 'f':
		return false, p.literal("false")
	}
	return false, p.unexpected("true or false")
}

// whole takes a number from least to most that is written as digits alone.
func (p *parser) whole(what string, least, most int64) (int64, error) {
	if c := p.space(); c != '-' && c-'0' > 9 {
		return 0, p.unexpected("a number")
	}
	text, err := p.number()
	if err != nil {
		return 0, err
	}
	v := int64(0)
	for _, c := range text {
		if c < '0' || c > '9' {
			v = least - 1
			break
		}
		if v = min(v*10+int64(c-'0'), 1<<58); v > most {
			return 0, refuse("%s is %s: the most is %d", what, bare(text), most)
		}
	}
	if v < least {
		return 0, refuse("%s is %s: want a whole number from %d", what, bare(text), least)
	}
	return v, nil
}
