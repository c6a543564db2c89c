package storage_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"scalar/storage"
)

// write puts a file into dir and returns its path. Names ending in .gz and .zst
// are compressed.
func write(tb testing.TB, dir, name, content string) string {
	tb.Helper()
	p := filepath.Join(dir, name)
	if err := os.WriteFile(p, encode(tb, name, content), 0o644); err != nil {
		tb.Fatal(err)
	}
	return p
}

func encode(tb testing.TB, name, content string) []byte {
	tb.Helper()
	var b bytes.Buffer
	switch filepath.Ext(name) {
	case ".gz":
		w := gzip.NewWriter(&b)
		_, err := w.Write([]byte(content))
		check(tb, errors.Join(err, w.Close()))
	case ".zst":
		w, err := zstd.NewWriter(&b)
		check(tb, err)
		_, err = w.Write([]byte(content))
		check(tb, errors.Join(err, w.Close()))
	default:
		b.WriteString(content)
	}
	return b.Bytes()
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// linesOf is the oracle: the lines of one file.
func linesOf(content string) []string {
	var lines []string
	for content != "" {
		line, rest, found := strings.Cut(content, "\n")
		if found {
			line = strings.TrimSuffix(line, "\r")
		}
		lines = append(lines, line)
		content = rest
	}
	return lines
}

func openSplit(tb testing.TB, s storage.Split) *storage.Records {
	tb.Helper()
	r, err := storage.OpenRecords(tb.Context(), s)
	check(tb, err)
	tb.Cleanup(func() { check(tb, r.Close()) })
	return r
}

func rest(tb testing.TB, r *storage.Records) []string {
	tb.Helper()
	var lines []string
	for {
		line, ok, err := r.Next()
		check(tb, err)
		if !ok {
			return lines
		}
		lines = append(lines, string(line))
	}
}

// blocks reads all blocks of r and cuts them into lines.
func blocks(tb testing.TB, r *storage.Records, size int) []string {
	tb.Helper()
	var lines []string
	for {
		b, ok, err := r.Block(size)
		check(tb, err)
		if !ok {
			return lines
		}
		if len(b) == 0 {
			tb.Fatal("empty block")
		}
		lines = append(lines, linesOf(string(b))...)
	}
}

// TestSplitsCoverTheInput: for any files and any n, the lines of the n splits
// one after another are the lines of the files, each once, by Next and by Block.
func TestSplitsCoverTheInput(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		want := make([]string, 0, 100)
		content := rapid.StringOfN(rapid.SampledFrom([]rune("ab\r\n\n")), 0, 60, -1)
		for i := range rapid.IntRange(0, 5).Draw(rt, "files") {
			c := content.Draw(rt, "content")
			ext := rapid.SampledFrom([]string{"", ".txt", ".gz", ".zst"}).Draw(rt, "ext")
			write(t, dir, fmt.Sprintf("f%d%s", i, ext), c)
			want = append(want, linesOf(c)...)
		}
		n := rapid.IntRange(1, 40).Draw(rt, "n")
		size := rapid.IntRange(-1, 30).Draw(rt, "size")
		splits, err := storage.Splits(t.Context(), dir, n)
		check(t, err)
		if len(splits) != n {
			rt.Fatalf("%d splits, want %d", len(splits), n)
		}
		next, block := make([]string, 0, len(want)), make([]string, 0, len(want))
		for _, s := range splits {
			r, err := storage.OpenRecords(t.Context(), s)
			check(t, err)
			first := r.Pos()
			lines := rest(t, r)
			next = append(next, lines...)
			check(t, r.Rewind())
			if r.Pos() != first {
				rt.Fatalf("after Rewind at %v, was %v", r.Pos(), first)
			}
			block = append(block, blocks(t, r, size)...)
			check(t, r.Rewind())
			checkSeek(t, rt, r, lines)
			check(t, r.Close())
			fresh, err := storage.OpenRecords(t.Context(), s)
			check(t, err)
			checkSeek(t, rt, fresh, lines)
			check(t, fresh.Close())
		}
		if !slices.Equal(next, want) {
			rt.Fatalf("Next: %q\nwant: %q", next, want)
		}
		if !slices.Equal(block, want) {
			rt.Fatalf("Block: %q\nwant:  %q", block, want)
		}
	})
}

// checkSeek notes the position before every line of r and goes to one of them.
func checkSeek(t *testing.T, rt *rapid.T, r *storage.Records, lines []string) {
	t.Helper()
	at := make([]storage.Position, 0, len(lines)+1)
	for range lines {
		at = append(at, r.Pos())
		_, _, err := r.Next()
		check(t, err)
	}
	at = append(at, r.Pos())
	i := rapid.IntRange(0, len(lines)).Draw(rt, "seek")
	check(t, r.Seek(at[i]))
	if r.Pos() != at[i] {
		rt.Fatalf("at %v after Seek to %v", r.Pos(), at[i])
	}
	if got := rest(t, r); !slices.Equal(got, lines[i:]) {
		rt.Fatalf("after Seek to line %d: %q, want %q", i, got, lines[i:])
	}
}

// TestBufferEdges: lines that end around the ends of the reader's buffer, by
// Next and by blocks of sizes around it.
func TestBufferEdges(t *testing.T) {
	const buffer = 256 << 10
	var text strings.Builder
	for i := range 12 {
		text.WriteString(strings.Repeat("x", i) + "\r\n" + strings.Repeat("y", buffer-8+i-3) + "\n")
	}
	want := linesOf(text.String())
	dir := t.TempDir()
	for _, name := range []string{"in", "in.gz", "in.zst"} {
		file := write(t, dir, name, text.String())
		for _, n := range []int{1, 2, 13} {
			splits, err := storage.Splits(t.Context(), file, n)
			check(t, err)
			for _, size := range []int{0, 1, buffer - 1, buffer, buffer + 1, 1 << 20} { // 0: Next
				var got []string
				for _, s := range splits {
					r := openSplit(t, s)
					if size == 0 {
						got = append(got, rest(t, r)...)
					} else {
						got = append(got, blocks(t, r, size)...)
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s in %d splits, blocks of %d: %d lines, want %d", name, n, size, len(got), len(want))
				}
			}
		}
	}
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "b", "3\n4")
	write(t, dir, "a.gz", "1\r\n2\r\n")
	write(t, dir, "c.zst", "5\n")
	write(t, dir, ".hidden", "no\n")
	write(t, dir, "_SUCCESS", "no\n")
	write(t, dir, "empty", "")
	for _, name := range []string{"_nested", "out.tmp-job-1"} { // the latter is this job's own output, maybe
		check(t, os.Mkdir(filepath.Join(dir, name), 0o755))
		write(t, dir, name+"/d", "no\n")
	}
	check(t, os.Symlink("b", filepath.Join(dir, "z")))
	want := []string{"1", "2", "3", "4", "5", "3", "4"}
	for _, url := range []string{dir, dir + "/", "file://" + dir} {
		splits, err := storage.Splits(t.Context(), url, 1)
		check(t, err)
		if got := rest(t, openSplit(t, splits[0])); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
	// A file that is named itself is read whatever its name.
	splits, err := storage.Splits(t.Context(), dir+"/_SUCCESS", 1)
	check(t, err)
	if got := rest(t, openSplit(t, splits[0])); !slices.Equal(got, []string{"no"}) {
		t.Errorf("_SUCCESS: %q", got)
	}
}

func TestSplitsErrors(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"half/part-00000", "deep/nested/a"} {
		check(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		write(t, dir, name, "x\n")
	}
	for _, row := range []struct {
		url  string
		n    int
		want error
		text string
	}{
		{dir + "/none", 2, fs.ErrNotExist, "none"},
		{"some/file", 2, storage.ErrURL, "relative"},
		{"hdfs://host/x", 2, storage.ErrURL, "comes later"},
		{"file://host/x", 2, storage.ErrURL, "three slashes"},
		{"ftp://host/x", 2, storage.ErrURL, `unknown scheme "ftp"`},
		{"", 2, storage.ErrURL, "relative"},
		{dir, 0, nil, "0 peers"},
		{dir + "/half", 2, storage.ErrMalformed, "half has part-00000 and no _SUCCESS"},
		{dir + "/deep", 2, storage.ErrMalformed, "deep/nested is a folder in a folder"},
		{"/dev/null", 1, nil, "neither a regular file nor a folder"},
	} {
		_, err := storage.Splits(t.Context(), row.url, row.n)
		if err == nil || row.want != nil && !errors.Is(err, row.want) || !strings.Contains(err.Error(), row.text) {
			t.Errorf("Splits(%q, %d): %v, want %v with %q", row.url, row.n, err, row.want, row.text)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := storage.Splits(ctx, dir, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("with a cancelled context: %v", err)
	}
}

func TestWhere(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a", "x\ny\n")
	plain := write(t, dir, "b", strings.Repeat("line\n", 1000))
	packed := write(t, dir, "c.gz", "one\ntwo\nthree\n")
	splits, err := storage.Splits(t.Context(), dir, 7)
	check(t, err)
	// Split 3 begins in the middle of b: at the first line from there on.
	start := (splits[3].Offset - 4 + 4) / 5 * 5
	where := func(at int64) string { return fmt.Sprintf("%s:%d (byte %d)", plain, at/5+1, at) }
	r := openSplit(t, splits[3])
	_, _, err = r.Next()
	check(t, err)
	if got, want := r.Where(), where(start); got != want {
		t.Errorf("first line at %s, want %s", got, want)
	}
	check(t, r.Rewind())
	b, _, err := r.Block(100)
	check(t, err)
	if got, want := r.BlockWhere(len(b)-1), where(start+99); got != want || len(b) != 100 {
		t.Errorf("last byte of a block of %d: at %s, want %s", len(b), got, want)
	}
	r = openSplit(t, splits[6])
	if got := rest(t, r); len(got) < 3 {
		t.Fatalf("last split: %q", got)
	}
	if got, want := r.Where(), packed+":3 (byte 8)"; got != want {
		t.Errorf("last line at %s, want %s", got, want)
	}
}

func TestLongLines(t *testing.T) {
	dir := t.TempDir()
	longest := strings.Repeat("x", storage.MaxLine-1) + "\n"
	name := write(t, dir, "in", "a\n"+longest+"b\n")
	splits, err := storage.Splits(t.Context(), name, 3)
	check(t, err)
	var got []int
	for _, s := range splits {
		for _, line := range rest(t, openSplit(t, s)) {
			got = append(got, len(line))
		}
	}
	if !slices.Equal(got, []int{1, storage.MaxLine - 1, 1}) {
		t.Errorf("lines of lengths %v", got)
	}
	write(t, dir, "in", "a\nx"+longest+"b\n")
	splits, err = storage.Splits(t.Context(), name, 1)
	check(t, err)
	r := openSplit(t, splits[0])
	_, _, err = r.Next()
	check(t, err)
	for range 2 {
		_, ok, err := r.Next()
		if want := name + ":2 (byte 2): malformed input: a line of more than 64 MiB"; ok || !errors.Is(err, storage.ErrMalformed) || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, _, err := r.Block(1); err == nil {
		t.Error("Block goes on after an error")
	}
	check(t, r.Rewind())
	if line, ok, err := r.Next(); string(line) != "a" || !ok || err != nil {
		t.Errorf("after Rewind: %q %v %v", line, ok, err)
	}
}

// TestHostileWindow: what a zstd frame claims is allocated up to the limit only.
func TestHostileWindow(t *testing.T) {
	dir := t.TempDir()
	for what, c := range map[string]struct {
		head  string
		limit uint64
	}{
		"window of 256 MiB":       {"\x28\xb5\x2f\xfd\x00\x90", 4 << 20},
		"window of 3.75 TiB":      {"\x28\xb5\x2f\xfd\x00\xff", 4 << 20},
		"content of 2^64-1 bytes": {"\x28\xb5\x2f\xfd\xe0\xff\xff\xff\xff\xff\xff\xff\xff", 4 << 20},
		"window of 128 MiB":       {"\x28\xb5\x2f\xfd\x00\x88", 256 << 20},
	} {
		file := filepath.Join(dir, "in.zst")
		check(t, os.WriteFile(file, []byte(c.head+"\x01\x00\x00"), 0o644))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := readAll(t.Context(), file)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > c.limit {
			t.Errorf("%s: %d bytes taken, at most %d", what, got, c.limit)
		}
		if c.limit == 4<<20 && !errors.Is(err, storage.ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestDamagedInput(t *testing.T) {
	dir := t.TempDir()
	content := strings.Repeat("some line of text\n", 10000)
	for _, name := range []string{"in.gz", "in.zst"} {
		whole := encode(t, name, content)
		flipped := bytes.Clone(whole)
		flipped[len(flipped)-6] ^= 1
		for what, b := range map[string][]byte{"truncated": whole[:len(whole)-3], "half": whole[:len(whole)/2], "flipped": flipped, "no archive": []byte("text\n")} {
			file := filepath.Join(dir, name)
			check(t, os.WriteFile(file, b, 0o644))
			err := readAll(t.Context(), file)
			if !errors.Is(err, storage.ErrMalformed) || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
}

// TestCutMember has a second member of a .gz, or a second frame of a .zst, cut at every
// byte: only what ends between two of them is whole.
func TestCutMember(t *testing.T) {
	dir := t.TempDir()
	var named bytes.Buffer
	w := gzip.NewWriter(&named)
	w.Name, w.Comment, w.Extra = "name", "comment", []byte("extra")
	_, err := w.Write([]byte("3 4\n"))
	check(t, errors.Join(err, w.Close()))
	for name, second := range map[string][]byte{"in.gz": named.Bytes(), "in.zst": encode(t, "in.zst", "3 4\n")} {
		for _, first := range [][]byte{nil, encode(t, name, "1 2\n"), encode(t, name, "")} {
			for n := 1; n <= len(second); n++ {
				file := filepath.Join(dir, name)
				check(t, os.WriteFile(file, slices.Concat(first, second[:n]), 0o644))
				err := readAll(t.Context(), file)
				if n == len(second) {
					check(t, err)
				} else if !errors.Is(err, storage.ErrMalformed) || !strings.Contains(err.Error(), "cut short") {
					t.Errorf("%s, %d bytes and %d of %d: %v", name, len(first), n, len(second), err)
				}
			}
		}
	}
}

// What is no member, be it short, is not one that was cut.
func TestNoMember(t *testing.T) {
	file := filepath.Join(t.TempDir(), "in.gz")
	for _, first := range [][]byte{nil, encode(t, "in.gz", "1 2\n")} {
		for n := 1; n < 20; n++ {
			check(t, os.WriteFile(file, slices.Concat(first, bytes.Repeat([]byte{'x'}, n)), 0o644))
			if err := readAll(t.Context(), file); !errors.Is(err, storage.ErrMalformed) || !strings.Contains(err.Error(), "invalid header") {
				t.Errorf("%d bytes behind %d: %v", n, len(first), err)
			}
		}
	}
}

// A disk that does not give the bytes is no fault of the input.
func TestUnreadableInput(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"in", "in.gz", "in.zst"} {
		file := write(t, dir, name, strings.Repeat("some line of text\n", 10000))
		splits, err := storage.Splits(t.Context(), file, 1)
		check(t, err)
		r := openSplit(t, splits[0])
		r.SetOpen(func(int, int64) (io.ReadCloser, error) {
			return io.NopCloser(&failingReader{&fs.PathError{Op: "read", Path: file, Err: syscall.EIO}}), nil
		})
		check(t, r.Rewind())
		for ok := true; ok && err == nil; {
			_, ok, err = r.Next()
		}
		if errors.Is(err, storage.ErrMalformed) || !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func readAll(ctx context.Context, url string) error {
	splits, err := storage.Splits(ctx, url, 1)
	if err != nil {
		return err
	}
	r, err := storage.OpenRecords(ctx, splits[0])
	if err != nil {
		return err
	}
	for ok := true; ok && err == nil; {
		_, ok, err = r.Next()
	}
	return errors.Join(err, r.Close())
}

func TestChangedInput(t *testing.T) {
	dir := t.TempDir()
	name := write(t, dir, "in", strings.Repeat("line\n", 200_000))
	splits, err := storage.Splits(t.Context(), dir, 2)
	check(t, err)
	r := openSplit(t, splits[0])
	check(t, os.Truncate(name, 300_000))
	for ok := true; ok && err == nil; {
		_, ok, err = r.Next()
	}
	if err == nil || !strings.Contains(err.Error(), "changed while it was read: it ended at byte 300000 of 1000000") {
		t.Errorf("read of a file that shrank: %v", err)
	}
	if _, err := storage.OpenRecords(t.Context(), splits[1]); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("split of a file that shrank: %v", err)
	}
	// A file of the same size is another one all the same.
	splits, err = storage.Splits(t.Context(), dir, 2)
	check(t, err)
	check(t, os.Chtimes(name, time.Time{}, time.Now().Add(time.Second)))
	if _, err := storage.OpenRecords(t.Context(), splits[0]); err == nil || !strings.Contains(err.Error(), "written or replaced") {
		t.Errorf("split of a file that was written: %v", err)
	}
}

func TestSeekOutside(t *testing.T) {
	dir := t.TempDir()
	name := write(t, dir, "in", "a\nb\n")
	splits, err := storage.Splits(t.Context(), name, 1)
	check(t, err)
	r := openSplit(t, splits[0])
	for _, p := range []storage.Position{{File: 2}, {File: -1}, {Offset: 5}, {Offset: -1}} {
		if err := r.Seek(p); err == nil {
			t.Errorf("Seek(%v) gave no error", p)
		}
	}
	check(t, r.Seek(storage.Position{Offset: 4}))
	if got := rest(t, r); got != nil {
		t.Errorf("after the end: %q", got)
	}
	if _, err := storage.OpenRecords(t.Context(), storage.Split{URL: name, Offset: 1, Len: 9}); err == nil {
		t.Error("a split beyond the end gave no error")
	}
}

func TestNextAllocatesNothing(t *testing.T) {
	name := write(t, t.TempDir(), "in", strings.Repeat("1\t2\n", 100_000))
	splits, err := storage.Splits(t.Context(), name, 1)
	check(t, err)
	r := openSplit(t, splits[0])
	if n := testing.AllocsPerRun(1000, func() {
		for range 50 {
			_, _, err := r.Next()
			check(t, err)
		}
	}); n > 0 {
		t.Errorf("%v allocations for 50 lines", n)
	}
}
