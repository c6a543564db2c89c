package storage_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"scalar/storage"
)

func BenchmarkRecords(b *testing.B) {
	var text bytes.Buffer
	for i := range 4 << 20 {
		text.WriteString(strconv.Itoa(i*7919%1000003) + "\t" + strconv.Itoa(i*31%1000003) + "\n")
	}
	name := filepath.Join(b.TempDir(), "edges")
	check(b, os.WriteFile(name, text.Bytes(), 0o644))
	splits, err := storage.Splits(b.Context(), name, 1)
	check(b, err)
	r := openSplit(b, splits[0])
	read := map[string]func() (ok bool, err error){
		"next": func() (bool, error) { _, ok, err := r.Next(); return ok, err },
	}
	for _, size := range []int{64 << 10, 256 << 10, 1 << 20, 4 << 20} {
		read["block="+strconv.Itoa(size>>10)+"KiB"] = func() (bool, error) {
			block, ok, err := r.Block(size)
			if bytes.Count(block, []byte{'\t'}) == 0 && ok { // touch every byte as a parser does
				b.Fatal("no lines")
			}
			return ok, err
		}
	}
	for kind, next := range read {
		b.Run(kind, func(b *testing.B) {
			b.SetBytes(int64(text.Len()))
			for b.Loop() {
				check(b, r.Rewind())
				for ok := true; ok; {
					if ok, err = next(); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
