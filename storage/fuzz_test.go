package storage_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"scalar/storage"
)

// FuzzRecords: any bytes under any name are lines, or an error that names the
// file; two splits never give more or other lines than one.
func FuzzRecords(f *testing.F) {
	exts := []string{"", ".gz", ".zst"}
	for i, ext := range exts {
		for _, content := range []string{"", "a\nb\r\n\nc", "\xff\x00\n"} {
			f.Add(i, encode(f, ext, content))
		}
		f.Add(i, []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00"))
		f.Add(i, []byte("\x28\xb5\x2f\xfd\x24\x00\x01\x00\x00"))
	}
	f.Fuzz(func(t *testing.T, ext int, content []byte) {
		file := filepath.Join(t.TempDir(), "in"+exts[uint(ext)%3])
		check(t, os.WriteFile(file, content, 0o644))
		one, err1 := count(t.Context(), file, 1)
		two, err2 := count(t.Context(), file, 2)
		if one != two || (err1 == nil) != (err2 == nil) {
			t.Errorf("%d lines (%v) in one split, %d (%v) in two", one, err1, two, err2)
		}
		if err1 != nil && !errors.Is(err1, storage.ErrMalformed) {
			t.Error(err1)
		}
	})
}

func count(ctx context.Context, url string, n int) (lines int, err error) {
	splits, err := storage.Splits(ctx, url, n)
	for i := 0; i < len(splits) && err == nil; i++ {
		var r *storage.Records
		if r, err = storage.OpenRecords(ctx, splits[i]); err != nil {
			break
		}
		for ok := true; ok && err == nil; {
			if _, ok, err = r.Next(); ok {
				lines++
			}
		}
		err = errors.Join(err, r.Close())
	}
	return lines, err
}
