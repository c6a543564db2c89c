package storage

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// CheckFileName returns an error unless name can be a file of an output that is none of
// parts: 1 to 255 bytes, without slashes, not beginning with a dot, "_" or "part-".
func CheckFileName(name string) error {
	switch {
	case name == "" || len(name) > 255:
		return fmt.Errorf("output file %q: a name has 1 to 255 bytes", name)
	case strings.ContainsAny(name, "/\x00"):
		return fmt.Errorf("output file %q: a name has no slash", name)
	case name[0] == '.' || name[0] == '_' || strings.HasPrefix(name, "part-"):
		return fmt.Errorf("output file %q: names that begin with a dot, _ or part- are kept for other files", name)
	}
	return nil
}

// WriteOutputFile makes the folder of tmpURL if it is not there, and in it a file of a
// name that CheckFileName takes, whole and synced. It replaces one of the same name.
func WriteOutputFile(ctx context.Context, tmpURL string, peer int, name string, content []byte) (PartInfo, error) {
	if err := CheckFileName(name); err != nil {
		return PartInfo{}, err
	}
	p, err := createPart(ctx, tmpURL, peer, name)
	if err != nil {
		return PartInfo{}, err
	}
	_, _ = p.Write(content) // an error comes back from Close
	if _, _, err := p.Close(); err != nil {
		return PartInfo{}, err
	}
	return p.Info(), nil
}

// partFile returns the path of a file in an output's folder, which is made.
func partFile(ctx context.Context, tmpURL, name string) (string, error) {
	dir, err := path(ctx, tmpURL)
	if err != nil {
		return "", err
	}
	if err := mkdirSync(dir); err != nil {
		return "", fmt.Errorf("output: %w", err)
	}
	return filepath.Join(dir, name), nil
}
