package protocol_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"scalar/serving/protocol"
)

// stricter reports whether a document that encoding/json takes is one of those that the package
// refuses: keys twice in an object, brackets too deep, bytes that are not UTF-8.
func stricter(doc []byte) bool {
	if !utf8.Valid(doc) {
		return true
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	type level struct {
		keys  map[string]bool // nil: an array
		value bool            // a value comes, not a key
	}
	var open []level
	for {
		token, err := d.Token()
		if err != nil {
			return !errors.Is(err, io.EOF)
		}
		top := len(open) - 1
		switch token {
		case json.Delim('{'), json.Delim('['):
			if top >= 0 {
				open[top].value = false
			}
			if len(open) == protocol.Depth {
				return true
			}
			open = append(open, level{})
			if token == json.Delim('{') {
				open[top+1].keys = map[string]bool{}
			}
			continue
		case json.Delim('}'), json.Delim(']'):
			open = open[:top]
			continue
		}
		if top < 0 || open[top].keys == nil {
			continue
		}
		if open[top].value {
			open[top].value = false
			continue
		}
		key, _ := token.(string)
		if open[top].keys[key] {
			return true
		}
		open[top].keys[key], open[top].value = true, true
	}
}

// checkJSON compares what is said of a document with encoding/json.
func checkJSON(t *testing.T, doc []byte) {
	t.Helper()
	err := protocol.CheckJSON(doc)
	valid := json.Valid(doc)
	switch {
	case err == nil && !valid:
		t.Fatalf("%q is taken, and is no JSON", doc)
	case err == nil && stricter(doc):
		t.Fatalf("%q is taken", doc)
	case err != nil && valid && !stricter(doc):
		t.Fatalf("%q: %v", doc, err)
	}
	checkError(t, err)
}

// checkError checks that an error is one for a client: 400 or 415, and a line.
func checkError(t *testing.T, err error) {
	t.Helper()
	var e *protocol.Error
	if err == nil {
		return
	}
	if !errors.As(err, &e) || e.Status != http.StatusBadRequest && e.Status != http.StatusUnsupportedMediaType {
		t.Fatalf("%T %v", err, err)
	}
	if e.Message == "" || strings.ContainsAny(e.Message, "\n\r") || len(e.Message) > 1000 {
		t.Fatalf("the message is %q", e.Message)
	}
}

// texts of JSON and of what is nearly so.
func texts() []string {
	return []string{
		``, ` `, `null`, `true`, `false`, `nul`, `tru`, `True`, `NaN`, `Infinity`, `-Infinity`, `0`, `-0`, `00`, `01`, `-`, `-01`, `1.`, `.5`, `+1`, `1e`, `1e+`,
		`1E5`, `1e400`, `1.5e-7`, `0x10`, `1_0`, `""`, `"`, `"\`, `"\u12"`, `"\u12g4"`, `"\ud800"`, `"\ud83d\ude00"`, `"\x"`, "\"\x01\"", "\"\xff\"", "\"é\"", "\"\xed\xa0\x80\"",
		`[]`, `[`, `]`, `[1`, `[1,`, `[1,]`, `[,1]`, `[1 2]`, `[1]]`, `{}`, `{`, `}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{a:1}`, `{'a':1}`, `{"a":1 "b":2}`, `{"a":1]`,
		`[1}`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"a":{"a":1},"b":[{"a":1}]}`, `1 2`, `[1] x`, "\ufeff1", "1\x00", "// c\n1", "[1,\n\t2 ]\r\n", "\v1", "\u00a01",
		`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1}`, `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"a":1}`,
	}
}

func TestJSON(t *testing.T) {
	for _, text := range texts() {
		checkJSON(t, []byte(text))
	}
	for depth := protocol.Depth - 1; depth <= protocol.Depth+1; depth++ {
		checkJSON(t, []byte(strings.Repeat("[", depth)+strings.Repeat("]", depth)))
		checkJSON(t, []byte(strings.Repeat(`{"a":[`, depth/2)+strings.Repeat("]}", depth/2)))
	}
	for _, n := range []int{1 << 16, 1<<16 + 1} {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"%d":0`, i)
		}
		err := protocol.CheckJSON([]byte("{" + b.String()[1:] + "}"))
		if checkError(t, err); (err == nil) != (n <= 1<<16) {
			t.Errorf("%d keys: %v", n, err)
		}
	}
	for _, deep := range []string{"[", `{"a":`, "[[[[", "[{\"a\":"} {
		checkError(t, protocol.CheckJSON([]byte(strings.Repeat(deep, 10_000))))
	}
}

// random appends a random document.
func random(rng *rand.Rand, b []byte, depth int) []byte {
	words := []string{"null", "true", "false", `"a"`, `"\n\u00e9"`, `""`, `"é"`, "-0.5e+3"}
	switch k := rng.IntN(8); {
	case k < 3 && depth > 0:
		b = append(b, '[')
		for i := range rng.IntN(4) {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = random(rng, b, depth-1)
		}
		return append(b, ']')
	case k < 5 && depth > 0:
		b = append(b, '{')
		for i := range rng.IntN(12) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(strconv.AppendQuote(b, string(rune('a'+rng.IntN(26)))), ": "...)
			b = random(rng, b, depth-1)
		}
		return append(b, '}')
	case k == 5:
		return strconv.AppendFloat(b, rng.NormFloat64(), 'g', -1, 64)
	}
	return append(b, words[rng.IntN(len(words))]...)
}

// mutate changes, drops or doubles some bytes.
func mutate(rng *rand.Rand, b []byte) []byte {
	const odd = "{}[]:,\"\\0123456789eE+-. \n\x00\xff\xc3tfnu"
	for range rng.IntN(4) {
		if len(b) == 0 {
			break
		}
		i := rng.IntN(len(b))
		switch rng.IntN(3) {
		case 0:
			b[i] = odd[rng.IntN(len(odd))]
		case 1:
			b = append(b[:i:i], b[i+1:]...)
		default:
			b = append(b[:i+1:i+1], b[i:]...)
		}
	}
	return b
}

// Documents and damaged ones are taken and refused as encoding/json does.
func TestJSONDifferential(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	taken := 0
	for range 50_000 {
		doc := mutate(rng, random(rng, nil, 4))
		checkJSON(t, doc)
		if protocol.CheckJSON(doc) == nil {
			taken++
		}
	}
	if taken < 10_000 || taken > 45_000 {
		t.Errorf("%d of 50000 were taken", taken)
	}
}

func FuzzJSON(f *testing.F) {
	for _, text := range texts() {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, doc []byte) { checkJSON(t, doc) })
}
