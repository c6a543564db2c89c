package storage

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/bits"
	"path/filepath"
	"strings"
)

// A Split is the part of a job's input that one peer reads: the lines whose first
// byte lies in [Offset, Offset+Len) of the input's concatenation.
type Split struct {
	URL    string // file or folder
	Offset int64  // bytes
	Len    int64  // bytes
	Size   int64  // of the whole concatenation when the split was made; 0: not checked
	// Listing is a hash of the names and sizes of the input's files then, Times of when
	// they were written; 0: not checked. Copies of an input on several machines have
	// equal listings, seldom equal times.
	Listing, Times uint64
	Hosts          []string // that have it; empty with local files
}

// Splits cuts a file or folder into n splits by the concatenation rule (package
// doc). It lists the input and reads none of it, so every task comes to the same
// splits by itself. A missing input is fs.ErrNotExist.
func Splits(ctx context.Context, url string, n int) ([]Split, error) {
	if n < 1 {
		return nil, fmt.Errorf("splits of %s: %d peers", Display(url), n)
	}
	in, err := listInput(ctx, url)
	if err != nil {
		return nil, err
	}
	splits := make([]Split, n)
	for i := range splits {
		lo, hi := share(in.size, i, n), share(in.size, i+1, n)
		splits[i] = Split{URL: url, Offset: lo, Len: hi - lo, Size: in.size, Listing: in.listing, Times: in.times}
	}
	return splits, nil
}

// Files returns the files of an input in the order in which Splits counts through them,
// without empty ones. A missing input is fs.ErrNotExist.
func Files(ctx context.Context, url string) ([]Info, error) {
	in, err := listInput(ctx, url)
	return in.files, err
}

// share returns size·i/n without overflow.
func share(size int64, i, n int) int64 {
	hi, lo := bits.Mul64(uint64(size), uint64(i))
	q, _ := bits.Div64(hi, lo, uint64(n))
	return int64(q)
}

// input is a listed file or folder: the concatenation that splits count through.
type input struct {
	fs      FS
	files   []Info  // without empty ones
	base    []int64 // offset of each file in the concatenation
	size    int64
	listing uint64 // see Split; never 0
	times   uint64 // as listing
}

func listInput(ctx context.Context, url string) (input, error) {
	fsys, name, err := Resolve(url)
	if err != nil {
		return input{}, err
	}
	st, err := fsys.Stat(ctx, name)
	if err != nil {
		return input{}, fmt.Errorf("input: %w", err)
	}
	files, err := fsys.List(ctx, name)
	if err != nil {
		return input{}, fmt.Errorf("input: %w", err)
	}
	if st.Dir {
		if err := checkFolder(ctx, fsys, name, files); err != nil {
			return input{}, err
		}
	}
	in := input{fs: fsys}
	listing, times := fnv.New64a(), fnv.New64a() // whose writes never fail
	for _, f := range files {
		base := filepath.Base(f.Name)
		if f.Size == 0 || st.Dir && skipped(base) {
			continue
		}
		in.files = append(in.files, f)
		in.base = append(in.base, in.size)
		in.size += f.Size
		_, _ = fmt.Fprintf(listing, "%q %d\n", f.Name, f.Size)
		_, _ = fmt.Fprintf(times, "%d\n", f.ModTime.UnixNano())
	}
	in.listing, in.times = max(listing.Sum64(), 1), max(times.Sum64(), 1)
	return in, nil
}

// checkFolder refuses a folder of which a part would be missing in silence: the
// output of a job that has not ended, and what lies in folders below it. A folder
// NAME.tmp-… is an output that a job writes there now, maybe this one.
func checkFolder(ctx context.Context, fsys FS, name string, files []Info) error {
	part, whole := "", false
	for _, f := range files {
		base := filepath.Base(f.Name)
		whole = whole || base == SuccessName
		if part == "" && strings.HasPrefix(base, "part-") {
			part = base
		}
	}
	if part != "" && !whole {
		return fmt.Errorf("%w: %s has %s and no %s: the job that writes it has not ended", ErrMalformed, Display(name), part, SuccessName)
	}
	l, ok := fsys.(FolderLister)
	if !ok {
		return nil
	}
	folders, err := l.Folders(ctx, name)
	if err != nil {
		return fmt.Errorf("input: %w", err)
	}
	for _, f := range folders {
		base := filepath.Base(f.Name)
		if !skipped(base) && !Unfinished(base) {
			return fmt.Errorf("%w: %s is a folder in a folder: name it itself, or move its files up", ErrMalformed, Display(f.Name))
		}
	}
	return nil
}

// skipped reports whether a name in a folder is not part of an input.
func skipped(base string) bool {
	return strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")
}

// compressed reports whether a file is decompressed by its name, and so indivisible.
func compressed(name string) bool {
	return strings.HasSuffix(name, ".gz") || strings.HasSuffix(name, ".zst")
}
