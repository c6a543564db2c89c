package storage

import (
	"context"
	"fmt"
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
	Hosts  []string
}

// Splits cuts a file or folder into n splits by the concatenation rule (package
// doc). It lists the input and reads none of it, so every task comes to the same
// splits by itself. A missing input is fs.ErrNotExist.
func Splits(ctx context.Context, url string, n int) ([]Split, error) {
	if n < 1 {
		return nil, fmt.Errorf("splits of %s: %d peers", display(url), n)
	}
	in, err := listInput(ctx, url)
	if err != nil {
		return nil, err
	}
	splits := make([]Split, n)
	for i := range splits {
		lo, hi := share(in.size, i, n), share(in.size, i+1, n)
		splits[i] = Split{URL: url, Offset: lo, Len: hi - lo, Size: in.size}
	}
	return splits, nil
}

// share returns size·i/n without overflow.
func share(size int64, i, n int) int64 {
	hi, lo := bits.Mul64(uint64(size), uint64(i))
	q, _ := bits.Div64(hi, lo, uint64(n))
	return int64(q)
}

// input is a listed file or folder: the concatenation that splits count through.
type input struct {
	fs    FS
	files []Info  // without empty ones
	base  []int64 // offset of each file in the concatenation
	size  int64
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
	in := input{fs: fsys}
	for _, f := range files {
		base := filepath.Base(f.Name)
		if f.Size == 0 || st.Dir && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
			continue
		}
		in.files = append(in.files, f)
		in.base = append(in.base, in.size)
		in.size += f.Size
	}
	return in, nil
}

// compressed reports whether a file is decompressed by its name, and so indivisible.
func compressed(name string) bool {
	return strings.HasSuffix(name, ".gz") || strings.HasSuffix(name, ".zst")
}
