package cluster

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode"

	"github.com/goccy/go-yaml"
)

// WriteFile replaces path by rename, so that a reader never sees half of it.
// Only its owner may read it; that is who it was before, if it was there.
func WriteFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if old, statErr := os.Stat(path); err == nil && statErr == nil {
		err = keepOwner(f, old)
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}

// keepOwner gives f the owner of another file: root may edit what a daemon reads.
func keepOwner(f *os.File, of fs.FileInfo) error {
	st, ok := of.Sys().(*syscall.Stat_t)
	if !ok || int(st.Uid) == os.Geteuid() {
		return nil
	}
	return f.Chown(int(st.Uid), int(st.Gid))
}

// ReadYAML reads the YAML at path into v. A key that v does not know is an
// error with its line and column.
func ReadYAML(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return ParseYAML(path, data, v)
}

// ParseYAML is ReadYAML for bytes; path is for errors.
func ParseYAML(path string, data []byte, v any) (err error) {
	defer func() { // the decoder panics on some files: a list that is a tag and no value
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: malformed YAML: %s", path, Line(fmt.Sprint(p)))
		}
	}()
	err = yaml.UnmarshalWithOptions(data, v, yaml.Strict())
	if err == nil || errors.Is(err, io.EOF) { // an empty file sets nothing
		return nil
	}
	if e, ok := errors.AsType[yaml.Error](err); ok && e.GetToken() != nil {
		at := e.GetToken().Position
		return fmt.Errorf("%s:%d:%d: %s", path, at.Line, at.Column, Line(e.GetMessage()))
	}
	return fmt.Errorf("%s: %s", path, Line(err.Error()))
}

// Line makes one line of a message that may quote a file: without line ends and other control characters.
func Line(message string) string {
	return strings.Join(strings.FieldsFunc(message, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }), " ")
}
