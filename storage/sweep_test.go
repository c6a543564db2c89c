package storage_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"scalar/storage"
)

// putOld stores a blob that looks two days old.
func putOld(t *testing.T, b *storage.Blobs, dir, text string) string {
	t.Helper()
	digest, _, err := storage.Digest(strings.NewReader(text))
	if err == nil {
		err = b.Put(t.Context(), strings.NewReader(text), digest, 1<<20)
	}
	if err != nil {
		t.Fatal(err)
	}
	makeOld(t, filepath.Join(dir, digest))
	return digest
}

func makeOld(t *testing.T, path string) {
	t.Helper()
	old := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
}

func TestRemoveOld(t *testing.T) {
	dir := t.TempDir()
	b, err := storage.OpenBlobs(dir)
	if err != nil {
		t.Fatal(err)
	}
	old, wanted, touched, again := putOld(t, b, dir, "old"), putOld(t, b, dir, "wanted"), putOld(t, b, dir, "touched"), putOld(t, b, dir, "again")
	for _, name := range []string{"." + old + ".tmp-1", "README", "." + wanted + ".tmp-2"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	makeOld(t, filepath.Join(dir, "."+old+".tmp-1"))
	makeOld(t, filepath.Join(dir, "README"))
	if ok, err := b.Touch(t.Context(), touched); !ok || err != nil {
		t.Fatalf("touch: %t, %v", ok, err)
	}
	if err := b.Put(t.Context(), strings.NewReader("again"), again, 1<<20); err != nil {
		t.Fatal(err)
	}
	n, err := b.RemoveOld(t.Context(), time.Now().Add(-24*time.Hour), func(d string) bool { return d == wanted })
	if n != 2 || err != nil {
		t.Errorf("%d removed, %v", n, err)
	}
	for name, want := range map[string]bool{
		old: false, wanted: true, touched: true, again: true, "." + old + ".tmp-1": false, "README": true, "." + wanted + ".tmp-2": true,
	} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if ok, err := b.Touch(t.Context(), old); ok || err != nil {
		t.Errorf("touch of what is gone: %t, %v", ok, err)
	}
}

// Who touches a blob, in this process or in another, and finds it, has it from then on,
// while old blobs are removed all the time.
func TestTouchedBlobsStay(t *testing.T) {
	dir := t.TempDir()
	mine, err := storage.OpenBlobs(dir)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := storage.OpenBlobs(dir) // has another lock, as another process does
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var sweeping sync.WaitGroup
	defer sweeping.Wait()
	defer cancel()
	sweeping.Go(func() {
		for ctx.Err() == nil {
			if _, err := mine.RemoveOld(ctx, time.Now().Add(-24*time.Hour), func(string) bool { return false }); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
		}
	})
	found := 0
	for i := range 400 {
		b := mine
		if i%2 == 1 {
			b = theirs
		}
		text := strings.Repeat("x", i+1)
		digest := putOldOrGone(t, b, dir, text)
		ok, err := b.Touch(t.Context(), digest)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			continue // the client puts it again
		}
		found++
		stays := func() bool { _, err := os.Stat(filepath.Join(dir, digest)); return err == nil }
		if b == mine && !stays() {
			t.Fatalf("blob %d was found and is gone", i)
		}
		for deadline := time.Now().Add(time.Minute); !stays(); { // for a moment it may be on its way back
			if time.Now().After(deadline) {
				t.Fatalf("blob %d was found and does not come back", i)
			}
		}
	}
	t.Logf("%d of 400 were found", found)
}

// putOldOrGone is putOld where the blob may be removed at once.
func putOldOrGone(t *testing.T, b *storage.Blobs, dir, text string) string {
	t.Helper()
	digest, _, err := storage.Digest(strings.NewReader(text))
	if err == nil {
		err = b.Put(t.Context(), strings.NewReader(text), digest, 1<<20)
	}
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(filepath.Join(dir, digest), old, old); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return digest
}
