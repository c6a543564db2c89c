package data_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"scalar/ml/data"
)

// digest is what any number of parts say of an input.
func digest(t *testing.T, in data.Input, parts int) string {
	t.Helper()
	s, err := data.Open(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	sums := make([][]byte, parts)
	for i := range parts {
		if sums[i], err = s.Digest(t.Context(), i, parts); err != nil {
			t.Fatal(err)
		}
	}
	d, err := s.MergeDigests(t.Context(), sums...)
	if err != nil {
		t.Fatal(err)
	}
	if parts > 1 {
		if d, err := s.MergeDigests(t.Context(), sums[1:]...); err == nil && len(sums[0]) > 0 {
			t.Errorf("without the first part: %s", d)
		}
	}
	return d
}

// wanted is the digest by its definition.
func wanted(files ...string) string {
	all := sha256.New()
	for _, f := range files {
		all.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(f))))
		for len(f) > 0 {
			n := min(len(f), 4<<20)
			sum := sha256.Sum256([]byte(f[:n]))
			all.Write(sum[:])
			f = f[n:]
		}
	}
	return hex.EncodeToString(all.Sum(nil))
}

func TestDigest(t *testing.T) {
	dir := t.TempDir()
	one, two := "a,b\n"+strings.Repeat("123,45678\n", 1<<20), "a,b\n7,8\n" // 10 MiB
	for name, text := range map[string]string{"1.csv": one, "2.csv": two, "3.csv": "", "_SUCCESS": "x", ".hidden": "y"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := wanted(one, two)
	for _, parts := range []int{1, 2, 3, 4, 5, 9} {
		if got := digest(t, data.Input{URL: dir}, parts); got != want {
			t.Errorf("of %d parts: %s, want %s", parts, got, want)
		}
	}
	if got := digest(t, data.Input{URL: filepath.Join(dir, "2.csv")}, 2); got != wanted(two) {
		t.Errorf("of a file: %s", got)
	}
}

// Rows come before labels; the bytes are those on storage.
func TestDigestOfArrays(t *testing.T) {
	dir := t.TempDir()
	rows := "\x00\x00\x08\x03\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x02abcd"
	labels := "\x00\x00\x08\x01\x00\x00\x00\x02\x00\x01"
	for name, text := range map[string]string{"train-images-idx3-ubyte": rows, "train-labels-idx1-ubyte.gz": zipped(t, labels)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, parts := range []int{1, 2, 3} {
		if got := digest(t, data.Input{URL: dir, Target: data.Classes}, parts); got != wanted(rows, zipped(t, labels)) {
			t.Errorf("of %d parts: %s", parts, got)
		}
	}
}

// An input that changed has no digest.
func TestDigestOfChange(t *testing.T) {
	file := write(t, "a.csv", "1,2\n")
	s, err := data.Open(t.Context(), data.Input{URL: file})
	if err != nil {
		t.Fatal(err)
	}
	sums, err := s.Digest(t.Context(), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Repeat("1,2\n", 2<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = s.MergeDigests(t.Context(), sums)
	refused(t, err, "changed while it was read")
}
