package data

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"scalar/bsp/job"
	"scalar/bsp/scan"
	"scalar/storage"
)

// DigestBlock is how many bytes of a file a block has; the last one has what is left.
const DigestBlock = 4 << 20

// Digest returns the SHA-256 sums of part i of n of the input's blocks, 32 bytes each. Blocks
// are those of each file as it lies on storage, in the order of the files, rows before labels.
func (s *Source) Digest(ctx context.Context, part, parts int) ([]byte, error) {
	files, err := s.files(ctx)
	if err != nil {
		return nil, err
	}
	all := 0
	for _, f := range files {
		all += blocksOf(f.Size)
	}
	lo, hi := scaled(all, part, parts), scaled(all, part+1, parts)
	sums := make([]byte, 0, sha256.Size*(hi-lo))
	for _, f := range files {
		n := blocksOf(f.Size)
		if from, to := max(lo, 0), min(hi, n); from < to {
			if sums, err = sumBlocks(ctx, sums, f, from, to); err != nil {
				return nil, err
			}
		}
		lo, hi = lo-n, hi-n
	}
	return sums, nil
}

// MergeDigests returns the digest of an input in hex: SHA-256 over the size of each file, 8
// bytes, little-endian, and the sums of its blocks. It is given what Digest has returned for
// every part, in their order; how many there are does not matter.
func (s *Source) MergeDigests(ctx context.Context, parts ...[]byte) (string, error) {
	files, err := s.files(ctx)
	if err != nil {
		return "", err
	}
	var sums []byte
	for _, p := range parts {
		sums = append(sums, p...)
	}
	h := sha256.New() // whose writes never fail
	for _, f := range files {
		n := blocksOf(f.Size) * sha256.Size
		if n > len(sums) {
			return "", s.changed()
		}
		_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, uint64(f.Size)))
		_, _ = h.Write(sums[:n])
		sums = sums[n:]
	}
	if len(sums) > 0 {
		return "", s.changed()
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Size returns the bytes of the input's files, as they lie on storage.
func (s *Source) Size(ctx context.Context) (n int64, err error) {
	files, err := s.files(ctx)
	for _, f := range files {
		n += f.Size
	}
	return n, err
}

func (s *Source) changed() error {
	return job.Fail(job.FaultInput, "%s: %v", s.in.URL, storage.ErrChanged)
}

func blocksOf(size int64) int { return int((size + DigestBlock - 1) / DigestBlock) }

// files returns the files of the input in their order.
func (s *Source) files(ctx context.Context) ([]storage.Info, error) {
	a, ok := s.reader.(*arrays)
	if !ok {
		files, err := storage.Files(ctx, s.in.URL)
		if err != nil {
			return nil, scan.InputFailure(err)
		}
		return files, nil
	}
	arrays := []*array{a.x}
	if a.y != nil {
		arrays = append(arrays, a.y)
	}
	var files []storage.Info
	for _, x := range arrays {
		fs, name, err := storage.Resolve(x.url)
		if err != nil {
			return nil, scan.InputFailure(err)
		}
		f, err := fs.Stat(ctx, name)
		if err != nil {
			return nil, scan.InputFailure(err)
		}
		files = append(files, f)
	}
	return files, nil
}

// sumBlocks appends the sums of a file's blocks [from, to).
func sumBlocks(ctx context.Context, sums []byte, f storage.Info, from, to int) (_ []byte, err error) {
	fs, name, err := storage.Resolve(f.Name)
	if err != nil {
		return nil, scan.InputFailure(err)
	}
	r, err := fs.Open(ctx, name)
	if err != nil {
		return nil, scan.InputFailure(err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if r.Size() != f.Size {
		return nil, job.Fail(job.FaultInput, "%s: %v", f.Name, storage.ErrChanged)
	}
	h, buffer := sha256.New(), make([]byte, 256<<10)
	for i := from; i < to; i++ {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		h.Reset()
		block := io.NewSectionReader(r, int64(i)*DigestBlock, DigestBlock)
		if _, err := io.CopyBuffer(h, block, buffer); err != nil {
			return nil, scan.InputFailure(fmt.Errorf("read %s: %w", f.Name, err))
		}
		sums = h.Sum(sums)
	}
	return sums, nil
}
