package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
)

// BlobKind is what a blob is used as.
type BlobKind string

// The kinds of blob.
const (
	Programs BlobKind = "programs" // static binaries
	Files    BlobKind = "files"    // put into the tasks' working folder
)

// Blob is a file by its content.
type Blob struct {
	Digest string // lower-case hex SHA-256
	Size   int64  // bytes
}

// HasBlob reports whether the cluster has a blob.
func (c *Client) HasBlob(ctx context.Context, kind BlobKind, digest string) (bool, error) {
	resp, err := c.do(ctx, call{method: http.MethodHead, path: blobPath(kind, digest)})
	if err == nil {
		return true, resp.Body.Close()
	}
	if e, ok := errors.AsType[*Error](err); ok && e.Status == http.StatusNotFound {
		return false, nil
	}
	return false, err
}

// Upload puts the file at path into the cluster's store under its digest; a
// blob that is there already is not sent again.
func (c *Client) Upload(ctx context.Context, kind BlobKind, path string) (Blob, error) {
	b, err := digestFile(path)
	if err != nil {
		return Blob{}, err
	}
	has, err := c.HasBlob(ctx, kind, b.Digest)
	if err != nil || has {
		return b, err
	}
	resp, err := c.do(ctx, call{
		method: http.MethodPut, path: blobPath(kind, b.Digest), kind: "application/octet-stream",
		body: func() (io.Reader, int64, error) {
			f, err := os.Open(path)
			return f, b.Size, err // net/http closes it
		},
	})
	if err != nil {
		return Blob{}, fmt.Errorf("upload %s: %w", path, err)
	}
	return b, resp.Body.Close()
}

func blobPath(kind BlobKind, digest string) string {
	return "/v1/blobs/" + string(kind) + "/" + digest
}

func digestFile(path string) (Blob, error) {
	f, err := os.Open(path)
	if err != nil {
		return Blob{}, err
	}
	defer f.Close() //nolint:errcheck // read only
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return Blob{}, fmt.Errorf("read %s: %w", path, err)
	}
	return Blob{Digest: hex.EncodeToString(h.Sum(nil)), Size: n}, nil
}
