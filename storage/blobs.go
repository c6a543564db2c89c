package storage

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Blobs is a folder of files named by the lower-case hex SHA-256 of what is in
// them. Safe for concurrent use, by several processes too.
type Blobs struct {
	dir      string
	sweeping sync.RWMutex // held by RemoveOld for each blob, and for reading by who finds one
}

// OpenBlobs makes the folder if it is not there.
func OpenBlobs(url string) (*Blobs, error) {
	dir, err := Path(url)
	if err != nil {
		return nil, err
	}
	if err := mkdirSync(dir); err != nil {
		return nil, err
	}
	return &Blobs{dir: dir}, nil
}

// Put stores what r gives under its digest. It reads at most limit bytes: more is
// ErrTooLarge. Bytes with another digest are ErrDigest and never become visible.
// A blob that is there already is kept and r is not read.
func (b *Blobs) Put(ctx context.Context, r io.Reader, digest string, limit int64) error {
	if ok, err := b.Touch(ctx, digest); ok || err != nil {
		return err
	}
	w, err := Local().Create(ctx, filepath.Join(b.dir, digest))
	if err != nil {
		return fmt.Errorf("store blob %s: %w", digest, err)
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, h), &contextReader{ctx, io.LimitReader(r, limit+1)})
	switch {
	case err != nil:
	case n > limit:
		err = fmt.Errorf("%w of %d bytes", ErrTooLarge, limit)
	default:
		err = checkDigest(h.Sum(nil), digest)
	}
	if err != nil {
		return fmt.Errorf("store blob %s: %w", digest, errors.Join(err, w.Abort()))
	}
	if err := w.Commit(); err != nil {
		return fmt.Errorf("store blob %s: %w", digest, err)
	}
	return nil
}

// Has reports whether a blob is there.
func (b *Blobs) Has(ctx context.Context, digest string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if err := validDigest(digest); err != nil {
		return false, err
	}
	_, err := os.Stat(filepath.Join(b.dir, digest))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Fetch copies a blob to the local path dst with the given mode. dst is replaced
// whole, and only by bytes that have the digest: a blob that went bad on storage
// is ErrDigest, a missing one fs.ErrNotExist.
func (b *Blobs) Fetch(ctx context.Context, digest, dst string, mode fs.FileMode) error {
	if err := validDigest(digest); err != nil {
		return err
	}
	src, err := os.Open(filepath.Join(b.dir, digest))
	if err != nil {
		return fmt.Errorf("fetch blob: %w", err)
	}
	err = fetch(ctx, src, digest, dst, mode)
	if err = errors.Join(err, src.Close()); err != nil {
		return fmt.Errorf("fetch blob %s: %w", src.Name(), err)
	}
	return nil
}

func fetch(ctx context.Context, src io.Reader, digest, dst string, mode fs.FileMode) error {
	w, err := Local().Create(ctx, dst)
	if err != nil {
		return err
	}
	if l, ok := w.(*localWriter); ok {
		l.mode = mode
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(w, h), &contextReader{ctx, src})
	if err == nil {
		err = checkDigest(h.Sum(nil), digest)
	}
	if err != nil {
		return errors.Join(err, w.Abort())
	}
	return w.Commit()
}

// Digest returns the name of a blob: the lower-case hex SHA-256 of all that r
// gives, and how many bytes that was.
func Digest(r io.Reader) (digest string, size int64, err error) {
	h := sha256.New()
	size, err = io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), size, err
}

func checkDigest(sum []byte, digest string) error {
	if got := hex.EncodeToString(sum); got != digest {
		return fmt.Errorf("%w: the bytes have %s", ErrDigest, got)
	}
	return nil
}

func validDigest(digest string) error {
	if b, err := hex.DecodeString(digest); err != nil || len(b) != sha256.Size || hex.EncodeToString(b) != digest {
		return fmt.Errorf("%w: %q is no lower-case hex SHA-256", ErrDigest, digest)
	}
	return nil
}

// WriteBlob writes what r gives as one file, whole and synced or not at all, and
// returns what OpenBlob needs.
func WriteBlob(ctx context.Context, url string, r io.Reader) (size int64, crc uint32, err error) {
	w, err := Local().Create(ctx, url)
	if err != nil {
		return 0, 0, fmt.Errorf("write %s: %w", Display(url), err)
	}
	sum := crc32.New(castagnoli)
	if size, err = io.Copy(io.MultiWriter(w, sum), r); err != nil {
		err = errors.Join(err, w.Abort())
	} else {
		err = w.Commit()
	}
	if err != nil {
		return 0, 0, fmt.Errorf("write %s: %w", Display(url), err)
	}
	return size, sum.Sum32(), nil
}

// OpenBlob opens a file that WriteBlob wrote, after it has read it once. A file of
// another size or CRC-32C, and a size over limit, is ErrCorrupt with the file named;
// a missing one is fs.ErrNotExist.
func OpenBlob(ctx context.Context, url string, size int64, crc uint32, limit int64) (Reader, error) {
	p, err := path(ctx, url)
	if err != nil {
		return nil, err
	}
	f, err := Local().Open(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("read %w", err)
	}
	if err := checkBlob(f, size, crc, limit); err != nil {
		return nil, fmt.Errorf("read %s: %w", p, errors.Join(err, f.Close()))
	}
	return f, nil
}

func checkBlob(f Reader, size int64, crc uint32, limit int64) error {
	if f.Size() != size || size > limit || size < 0 {
		return fmt.Errorf("%w: %d bytes, was written with %d, limit %d", ErrCorrupt, f.Size(), size, limit)
	}
	sum := crc32.New(castagnoli)
	if n, err := io.CopyBuffer(sum, io.NewSectionReader(f, 0, size), make([]byte, checkBlock)); err != nil || n != size {
		return cmp.Or(err, io.ErrUnexpectedEOF)
	}
	if got := sum.Sum32(); got != crc {
		return fmt.Errorf("%w: CRC-32C %08x, was written as %08x", ErrCorrupt, got, crc)
	}
	return nil
}

const checkBlock = 256 << 10 // bytes read at once to be checked
