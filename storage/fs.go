package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"
)

// What callers act on. A missing object is io/fs.ErrNotExist.
var (
	ErrExists     = errors.New("already exists")            // an output that is there and not this commit's own
	ErrCorrupt    = errors.New("corrupt")                   // bytes on storage are not those that were written
	ErrChanged    = errors.New("changed while it was read") // an input that is no longer the one that was cut
	ErrUnreadable = errors.New("cannot be read")            // storage does not give what it may have: no damage, another node may read it
	ErrMalformed  = errors.New("malformed input")           // input that cannot be cut into lines or decompressed
	ErrDigest     = errors.New("SHA-256 does not match")    // a blob that is not what its name says
	ErrTooLarge   = errors.New("larger than the limit")     // a blob over the caller's limit
	ErrURL        = errors.New("not a usable storage URL")  // unknown scheme, relative path
)

// An FS is one file system or bucket. Names are URLs. Safe for concurrent use.
type FS interface {
	// Open opens a regular file; a missing one is fs.ErrNotExist.
	Open(ctx context.Context, name string) (Reader, error)
	// Create begins a new object; nothing is visible before Commit, which
	// replaces an object of the same name.
	Create(ctx context.Context, name string) (Writer, error)
	// List returns the regular files directly in a folder in name order, or the
	// one file that name is. Folders in it are left out.
	List(ctx context.Context, name string) ([]Info, error)
	// Stat describes a file or a folder.
	Stat(ctx context.Context, name string) (Info, error)
	// Remove removes a file or an empty folder.
	Remove(ctx context.Context, name string) error
}

// A Locator is an FS that knows which hosts hold a byte range.
type Locator interface {
	Locations(ctx context.Context, name string, off, n int64) ([]string, error)
}

// A Reader reads one version of an object; ReadAt may be called concurrently.
type Reader interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// A Writer makes an object visible on Commit, whole and synced, or leaves no
// trace on Abort. Abort after Commit does nothing.
type Writer interface {
	io.Writer
	Commit() error
	Abort() error
}

// Info describes one object.
type Info struct {
	Name    string // URL
	Size    int64  // bytes; 0 for a folder
	ModTime time.Time
	Version string // ETag, version id, or inode and mtime
	Dir     bool   // a folder
}

// Resolve returns the file system of a URL's scheme and the URL in its normal
// form. A bare absolute path is a file:// URL. Errors wrap ErrURL.
func Resolve(url string) (FS, string, error) {
	p, err := Path(url)
	if err != nil {
		return nil, "", err
	}
	return Local(), fileScheme + p, nil
}

// Path returns the local path of a file:// URL or of a bare absolute path. The
// text after file:// is taken as it stands, without percent-decoding. Errors
// wrap ErrURL.
func Path(url string) (string, error) {
	if scheme, rest, ok := strings.Cut(url, "://"); ok && !strings.Contains(scheme, "/") {
		switch scheme {
		case "file":
			url = strings.TrimPrefix(rest, "localhost")
			if !strings.HasPrefix(url, "/") {
				return "", fmt.Errorf("%w: %q: write file:///absolute/path, with three slashes", ErrURL, "file://"+rest)
			}
		case "hdfs", "s3":
			return "", fmt.Errorf("%w: %q: %s:// comes later; use an absolute path or file://", ErrURL, url, scheme)
		default:
			return "", fmt.Errorf("%w: %q: unknown scheme %q; use an absolute path or file://", ErrURL, url, scheme)
		}
	}
	if !strings.HasPrefix(url, "/") {
		return "", fmt.Errorf("%w: %q is a relative path: give an absolute one (bsp makes paths absolute by itself)", ErrURL, url)
	}
	return filepath.Clean(url), nil
}

// ReadFile reads a file of up to so many bytes.
func ReadFile(ctx context.Context, url string, limit int64) (b []byte, err error) {
	at, name, err := Resolve(url)
	if err != nil {
		return nil, err
	}
	f, err := at.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if f.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes: want at most %d", url, f.Size(), limit)
	}
	b = make([]byte, f.Size())
	_, err = io.ReadFull(io.NewSectionReader(f, 0, f.Size()), b)
	return b, err
}
