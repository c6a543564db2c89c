package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// SuccessName is the file that makes a folder a whole output.
const SuccessName = "_SUCCESS"

// Unfinished reports whether a folder of that name is an output which a job writes now, or has written in vain: it
// is to become what is before the dot, NAME.tmp-JOB-EPOCH.
func Unfinished(name string) bool { return strings.Contains(name, ".tmp-") }

// maxOwner bounds what is read of a _SUCCESS file.
const maxOwner = 4 << 10

// CommitOutput makes the folder tmpURL visible as outURL, with all parts in it
// and a _SUCCESS file that holds the one line owner. It checks every part's size,
// drops files that are no part of this output, syncs, and renames without ever
// replacing anything. It is idempotent and may be repeated, at once too: if
// outURL is there with the same owner it returns nil, else ErrExists. Without
// parts the folder may be missing.
func CommitOutput(ctx context.Context, tmpURL, outURL, owner string, parts []PartInfo) error {
	tmp, err := path(ctx, tmpURL)
	if err != nil {
		return err
	}
	out, err := path(ctx, outURL)
	if err != nil {
		return err
	}
	if done, err := committed(out, owner); done || err != nil {
		return err
	}
	if len(parts) == 0 {
		if err := mkdirSync(tmp); err != nil {
			return fmt.Errorf("commit %s: %w", out, err)
		}
	}
	if err := publish(tmp, out, owner, parts); err != nil {
		// Another one may have been faster.
		if done, _ := committed(out, owner); done {
			return nil
		}
		if errors.Is(err, fs.ErrExist) {
			err = ErrExists
		}
		return fmt.Errorf("commit %s: %w", out, err)
	}
	return nil
}

// publish completes tmp and renames it.
func publish(tmp, out, owner string, parts []PartInfo) error {
	if err := checkParts(tmp, parts); err != nil {
		return err
	}
	if err := writeSuccess(filepath.Join(tmp, SuccessName), owner); err != nil {
		return err
	}
	if err := syncDir(tmp); err != nil {
		return err
	}
	parent := filepath.Dir(out)
	if err := mkdirSync(parent); err != nil {
		return err
	}
	if err := renameNoReplace(tmp, out); err != nil {
		if errors.Is(err, syscall.EXDEV) {
			return fmt.Errorf("%s is on another file system: the temporary folder must be beside the output: %w", tmp, err)
		}
		return err
	}
	if other := filepath.Dir(tmp); other != parent {
		if err := syncDir(other); err != nil {
			return err
		}
	}
	return syncDir(parent)
}

// committed reports whether out is this owner's output already; ErrExists if it
// is anything else. An owner that cannot be read is neither.
func committed(out, owner string) (bool, error) {
	if _, err := os.Lstat(out); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return false, err
	}
	got, err := readOwner(out)
	switch {
	case err == nil && got == owner+"\n":
		return true, syncDir(filepath.Dir(out))
	case err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		return false, fmt.Errorf("output %s: %w", out, ErrExists)
	}
	return false, fmt.Errorf("output %s: %w", out, err)
}

func readOwner(out string) (string, error) {
	f, err := os.Open(filepath.Join(out, SuccessName))
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxOwner))
	return string(b), errors.Join(err, f.Close())
}

// checkParts compares a folder with what its tasks reported, and removes what no
// task reported: leftovers of an earlier try under the same name.
func checkParts(tmp string, parts []PartInfo) error {
	known := map[string]bool{SuccessName: true}
	for _, part := range parts {
		p, err := Path(part.Path)
		if err != nil {
			return err
		}
		if filepath.Dir(p) != tmp {
			return fmt.Errorf("part %s is not in %s", p, tmp)
		}
		st, err := os.Lstat(p)
		if err != nil {
			return err
		}
		if !st.Mode().IsRegular() || st.Size() != part.Size {
			return fmt.Errorf("part %s: %w: %d bytes, peer %d wrote %d", p, ErrCorrupt, st.Size(), part.Peer, part.Size)
		}
		known[filepath.Base(p)] = true
	}
	entries, err := os.ReadDir(tmp)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !known[e.Name()] {
			if err := os.RemoveAll(filepath.Join(tmp, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeSuccess writes the owner in place and cuts off what is longer: committers
// at the same time write the same bytes, so none ever shows a shorter file.
func writeSuccess(name, owner string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(owner + "\n")
	err = errors.Join(err, f.Truncate(int64(len(owner)+1)), f.Sync())
	return errors.Join(err, f.Close())
}

// OutputExists reports whether anything is at an output's URL, an empty folder
// too.
func OutputExists(ctx context.Context, url string) (bool, error) {
	p, err := path(ctx, url)
	if err != nil {
		return false, err
	}
	if _, err := os.Lstat(p); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return false, err
	}
	return true, nil
}

// OpenOutput reads a committed output: its parts one after another in peer order.
// A folder without _SUCCESS is fs.ErrNotExist.
func OpenOutput(ctx context.Context, url string) (io.ReadCloser, error) {
	p, err := path(ctx, url)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(p, SuccessName)); err != nil {
		return nil, fmt.Errorf("%s is no committed output: %w", p, err)
	}
	entries, err := os.ReadDir(p) // sorted by name
	if err != nil {
		return nil, err
	}
	r := &outputReader{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "part-") {
			r.names = append(r.names, filepath.Join(p, e.Name()))
		}
	}
	return r, nil
}

// outputReader has one part open at a time.
type outputReader struct {
	names []string
	f     *os.File
}

func (r *outputReader) Read(b []byte) (int, error) {
	for {
		if r.f == nil {
			if len(r.names) == 0 {
				return 0, io.EOF
			}
			f, err := os.Open(r.names[0])
			if err != nil {
				return 0, err
			}
			r.f, r.names = f, r.names[1:]
		}
		n, err := r.f.Read(b)
		if n > 0 || !errors.Is(err, io.EOF) {
			return n, err
		}
		if err := r.Close(); err != nil {
			return 0, err
		}
	}
}

func (r *outputReader) Close() error {
	if r.f == nil {
		return nil
	}
	err := r.f.Close()
	r.f = nil
	return err
}
