package storage_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"

	"scalar/storage"
)

// The digest of "hello\n", by sha256sum.
const hello = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"

func names(tb testing.TB, dir string) string {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	check(tb, err)
	all := make([]string, 0, len(entries))
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestBlobs(t *testing.T) {
	dir := t.TempDir() + "/store/programs"
	b, err := storage.OpenBlobs("file://" + dir)
	check(t, err)
	ctx := t.Context()
	if err := b.Put(ctx, strings.NewReader("hello!\n"), hello, 100); !errors.Is(err, storage.ErrDigest) {
		t.Errorf("wrong digest: %v", err)
	}
	if err := b.Put(ctx, strings.NewReader("hello\n"), hello, 5); !errors.Is(err, storage.ErrTooLarge) {
		t.Errorf("over the limit: %v", err)
	}
	broken := errors.New("link broken")
	if err := b.Put(ctx, &failingReader{broken}, hello, 100); !errors.Is(err, broken) {
		t.Errorf("broken upload: %v", err)
	}
	for _, digest := range []string{"", "../../etc/passwd", hello[1:], strings.ToUpper(hello), hello + "/x"} {
		if err := b.Put(ctx, strings.NewReader("hello\n"), digest, 100); !errors.Is(err, storage.ErrDigest) {
			t.Errorf("Put %q: %v", digest, err)
		}
		if err := b.Fetch(ctx, digest, dir+"/x", 0o755); !errors.Is(err, storage.ErrDigest) {
			t.Errorf("Fetch %q: %v", digest, err)
		}
	}
	if ok, err := b.Has(ctx, hello); ok || err != nil || names(t, dir) != "" {
		t.Errorf("before Put: %v %v, files %q", ok, err, names(t, dir))
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := b.Put(ctx, strings.NewReader("hello\n"), hello, 6); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if ok, err := b.Has(ctx, hello); !ok || err != nil || names(t, dir) != hello {
		t.Errorf("after Put: %v %v, files %q", ok, err, names(t, dir))
	}
	if got, size, err := storage.Digest(strings.NewReader("hello\n")); got != hello || size != 6 || err != nil {
		t.Errorf("Digest: %s %d %v", got, size, err)
	}
}

type failingReader struct{ err error }

func (r *failingReader) Read(b []byte) (int, error) { return copy(b, "hel"), r.err }

func TestFetch(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	b, err := storage.OpenBlobs(dir + "/store")
	check(t, err)
	check(t, b.Put(ctx, strings.NewReader("hello\n"), hello, 100))
	dst := dir + "/cache/program"
	for range 2 {
		check(t, b.Fetch(ctx, hello, dst, 0o500))
		st, err := os.Stat(dst)
		check(t, err)
		if got, err := os.ReadFile(dst); string(got) != "hello\n" || err != nil || st.Mode() != 0o500 {
			t.Errorf("fetched %q %v, mode %v", got, err, st.Mode())
		}
	}
	check(t, os.Remove(dst))
	check(t, os.WriteFile(dir+"/store/"+hello, []byte("hellO\n"), 0o644))
	if err := b.Fetch(ctx, hello, dst, 0o500); !errors.Is(err, storage.ErrDigest) || names(t, dir+"/cache") != "" {
		t.Errorf("fetch of a damaged blob: %v, files %q", err, names(t, dir+"/cache"))
	}
	check(t, os.Remove(dir+"/store/"+hello))
	if err := b.Fetch(ctx, hello, dst, 0o500); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("fetch of a missing blob: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := b.Put(cancelled, strings.NewReader("hello\n"), hello, 100); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// readBlob opens a blob and reads it.
func readBlob(ctx context.Context, url string, size int64, crc uint32, limit int64) ([]byte, error) {
	f, err := storage.OpenBlob(ctx, url, size, crc, limit)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
	return b, errors.Join(err, f.Close())
}

func TestCheckpointBlobs(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	url, file := "file://"+dir+"/job-1/e1/s7/peer-0", dir+"/job-1/e1/s7/peer-0"
	data := []byte("state, inbox and positions")
	for range 2 {
		size, crc, err := storage.WriteBlob(ctx, url, bytes.NewReader(data))
		check(t, err)
		if size != int64(len(data)) || crc != 0x02d9b7cd { // the format's golden value
			t.Errorf("size %d crc %#08x", size, crc)
		}
	}
	size, crc := int64(len(data)), crcOf(data)
	got, err := readBlob(ctx, url, size, crc, 1000)
	check(t, err)
	if !bytes.Equal(got, data) || names(t, dir+"/job-1/e1/s7") != "peer-0" {
		t.Errorf("read %q; files %s", got, names(t, dir+"/job-1/e1/s7"))
	}
	if _, err := readBlob(ctx, url, size, crc, size-1); !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("over the limit: %v", err)
	}
	for i := range data {
		flipped := bytes.Clone(data)
		flipped[i] ^= 0x10
		for _, bad := range [][]byte{flipped, data[:i], append(bytes.Clone(data), data[:i+1]...)} {
			check(t, os.WriteFile(file, bad, 0o644))
			if _, err := readBlob(ctx, url, size, crc, 1000); !errors.Is(err, storage.ErrCorrupt) || !strings.Contains(err.Error(), file) {
				t.Fatalf("%q: %v", bad, err)
			}
		}
	}
	check(t, os.Remove(file))
	if _, err := readBlob(ctx, url, size, crc, 1000); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	var zero [0]byte
	size, crc, err = storage.WriteBlob(ctx, url, bytes.NewReader(zero[:]))
	check(t, err)
	if got, err := readBlob(ctx, url, size, crc, 0); len(got) != 0 || err != nil {
		t.Errorf("empty blob: %q %v", got, err)
	}
}
