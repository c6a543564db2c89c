package data

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path"
	"regexp"
	"strings"

	"scalar/bsp/job"
	"scalar/bsp/scan"
	"scalar/storage"
)

// libsvmLine matches the first line of LIBSVM: a label, then entries.
var libsvmLine = regexp.MustCompile(`^[ \t]*[^ \t]+[ \t]+[0-9]+:[^ \t:]+([ \t]+[0-9]+:[^ \t:]+)*[ \t]*(#.*)?\r?(\n|$)`)

// detect finds the format of an input by its first bytes, or by its name where they do not
// tell. A folder is one of IDX if it has the names of MNIST's files, else as its first file.
func detect(ctx context.Context, in Input) (Format, error) {
	fs, url, err := storage.Resolve(in.URL)
	if err != nil {
		return "", scan.InputFailure(err)
	}
	info, err := fs.Stat(ctx, url)
	if err != nil {
		return "", scan.InputFailure(err)
	}
	if info.Dir {
		names, err := folder(ctx, fs, url)
		if err != nil {
			return "", err
		}
		if names["train-images-idx3-ubyte"] != "" || names["t10k-images-idx3-ubyte"] != "" {
			return IDX, nil
		}
		if url, err = firstFile(ctx, fs, url); err != nil {
			return "", err
		}
	}
	url = storage.Display(url)
	r, _, err := openBytes(ctx, url)
	if err != nil {
		return "", err
	}
	head := make([]byte, 4<<10)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", errors.Join(job.Fail(job.FaultInput, "%s: %v", url, err), r.Close())
	}
	return formatOf(plainName(path.Base(url)), head[:n]), r.Close()
}

// firstFile returns the first file of a folder that is part of the input.
func firstFile(ctx context.Context, fs storage.FS, url string) (string, error) {
	files, err := fs.List(ctx, url)
	if err != nil {
		return "", scan.InputFailure(err)
	}
	for _, f := range files {
		if base := path.Base(f.Name); f.Size > 0 && base[0] != '.' && base[0] != '_' {
			return f.Name, nil
		}
	}
	return "", job.Fail(job.FaultInput, "%s: there is no file with anything in it", storage.Display(url))
}

// formatOf returns the format of a file by its first bytes and its plain name.
func formatOf(name string, head []byte) Format {
	switch {
	case bytes.HasPrefix(head, []byte(npyMagic)):
		return NPY
	case len(head) >= 4 && head[0] == 0 && head[1] == 0 && head[2] >= 8 && head[2] <= 14 && head[3] > 0:
		return IDX
	}
	switch path.Ext(name) {
	case ".csv", ".tsv":
		return CSV
	case ".svm", ".libsvm", ".svmlight":
		return LIBSVM
	}
	for line := range bytes.Lines(head) {
		if b := bytes.TrimSpace(line); len(b) > 0 && b[0] != '#' {
			if libsvmLine.Match(cutEntries(line)) {
				return LIBSVM
			}
			break
		}
	}
	return CSV
}

// cutEntries drops the last field of a line whose end is not there.
func cutEntries(line []byte) []byte {
	if bytes.HasSuffix(line, []byte("\n")) {
		return line
	}
	if i := bytes.LastIndexAny(line, " \t"); i > 0 && bytes.Count(line, []byte(":")) > 1 {
		return line[:i]
	}
	return line
}

// plainName is a file's name without what says that it is compressed, and with MNIST's
// hyphen before idx where some copies have a dot.
func plainName(name string) string {
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst")
	for _, dims := range []string{"1", "3"} {
		name = strings.Replace(name, ".idx"+dims+"-ubyte", "-idx"+dims+"-ubyte", 1)
	}
	return name
}
