package scan_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"scalar/bsp/job"
	"scalar/bsp/scan"

	"pgregory.net/rapid"
)

// compare reads a field in both ways.
func compare(t rapid.TB, field string) {
	t.Helper()
	for _, around := range []string{"", " 1\n", "\t12345678\n"} { // what follows may be read too
		b := []byte(" " + field + around)
		lo, hi := scan.Field(b, 0)
		if string(b[lo:hi]) != field {
			t.Fatalf("%q: the field is %q", b, b[lo:hi])
		}
		v, end, ok := scan.Number(b, lo)
		want, err := strconv.ParseUint(field, 10, 63)
		if whole := ok && end == hi; whole != (err == nil) || whole && v != want {
			t.Fatalf("%q: number %d to byte %d, %v; want %d, %v", b, v, end, ok, want, err)
		}
		if rest := b[lo:]; len(rest) >= 8 {
			digits := len(rest) - len(bytes.TrimLeft(rest[:8], "0123456789")) - len(rest[8:])
			short, n, after := scan.Short(b, lo)
			if n != digits || n < 8 && after != rest[n] || n > 0 && n < 8 && short != mustParse(string(rest[:n])) {
				t.Fatalf("%q: short number %d of %d digits before %q; want %d digits", b, short, n, after, digits)
			}
		}
		x, ok := scan.Float(b, lo, hi)
		y, err := strconv.ParseFloat(field, 64)
		if finite := err == nil && !strings.ContainsAny(field, "_xX") && !math.IsNaN(y) && !math.IsInf(y, 0); ok != finite || ok && math.Float64bits(x) != math.Float64bits(y) {
			t.Fatalf("%q: %g, %v; want %g, %v", b, x, ok, y, err)
		}
	}
}

func mustParse(digits string) uint64 {
	v, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		panic(err)
	}
	return v
}

func TestFields(tt *testing.T) {
	for _, field := range []string{"0", "7", "12345678", "123456789", "9223372036854775807", "9223372036854775808", "00000000000000000000001", "-1", "+1", "1.5", "1_0", "0x1p4", "-0", "1e308", "1e309", "nan", "inf", "x", "1x", "123456789012345", "1234567890123456", "99999999999999999999"} {
		compare(tt, field)
	}
	rapid.Check(tt, func(t *rapid.T) { compare(t, rapid.StringMatching(`[0-9]{1,24}|[0-9a.+-]{1,12}`).Draw(t, "field")) })
}

func FuzzFields(f *testing.F) {
	for _, seed := range []string{"0", "12345678", "-1.5e3", "9223372036854775808"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) {
		if field == "" || strings.ContainsAny(field, " \t\r\n") {
			return
		}
		compare(t, field)
	})
}

// A header ends where it says, in the first file that is not empty.
func TestHeader(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a": "", "b": "one\ntwo 7\nthree\n", "c": "four\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	until := func(last string) func([]byte) (bool, error) {
		return func(line []byte) (bool, error) {
			if string(line) == "two 7" && last == "fault" {
				f := scan.HeaderFields(line, 2)
				_, err := scan.HeaderNumber(line, f[1], 6, "things")
				return false, err
			}
			return string(line) == last, nil
		}
	}
	at, ok, err := scan.Header(t.Context(), dir, until("two 7"))
	if err != nil || !ok || !strings.HasSuffix(at.At, "b:2 (byte 4)") || at.End.Offset != 10 {
		t.Errorf("%+v, %v, %v", at, ok, err)
	}
	for last, want := range map[string]string{"fault": `b:2 (byte 8): "7" is no number of things: want a whole number up to 6`, "four": "c:1 (byte 0): the file ends before its header does"} {
		if _, _, err := scan.Header(t.Context(), dir, until(last)); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, ok, err := scan.Header(t.Context(), filepath.Join(dir, "a"), until("x")); ok || err != nil {
		t.Errorf("an empty file: %v, %v", ok, err)
	}
	_, _, err = scan.Header(t.Context(), filepath.Join(dir, "none"), until("x"))
	if f := job.AsFailure(err, job.FaultInternal); f.Kind != job.FaultInput || f.Code != job.ExitNotFound {
		t.Errorf("no file: %v", err)
	}
}
