package master

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"scalar/bsp/job"
	"scalar/master/fsm"
	"scalar/storage"
)

// Limits on a job's description beyond fsm.CheckSpec.
const (
	maxArgs  = 4096
	maxFiles = 256
	maxEnv   = 256
)

var (
	namespacePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	envPattern       = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// decodeJSON reads exactly one JSON value without unknown fields.
func decodeJSON(r io.Reader, into any) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		var extra json.RawMessage
		if next := d.Decode(&extra); !errors.Is(next, io.EOF) {
			err = errors.New("more than one value")
		}
	}
	if err == nil {
		return nil
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fail(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", tooLarge.Limit)
	}
	if errors.Is(err, io.EOF) {
		return fail(http.StatusBadRequest, "the body is empty: send JSON")
	}
	return fail(http.StatusBadRequest, "malformed JSON body: %v", err)
}

// checkSpec says what is wrong with a job as asked for, apart from what has to
// be looked up.
func checkSpec(s job.Spec) error {
	if err := fsm.CheckSpec(s); err != nil {
		return err
	}
	if s.Namespace != "" && !namespacePattern.MatchString(s.Namespace) {
		return fail(http.StatusBadRequest, "--namespace %q: use lower-case letters, digits and dashes, at most 63", s.Namespace)
	}
	if len(s.Args) > maxArgs || len(s.Files) > maxFiles || len(s.Env) > maxEnv {
		return fail(http.StatusBadRequest, "too much: at most %d arguments, %d files, %d variables", maxArgs, maxFiles, maxEnv)
	}
	for _, a := range append([]string{s.Name, s.Program.Name}, s.Args...) {
		if strings.ContainsRune(a, 0) {
			return fail(http.StatusBadRequest, "names and arguments cannot hold a NUL byte")
		}
	}
	for k := range s.Env {
		if !envPattern.MatchString(k) || strings.HasPrefix(k, "BSP_") {
			return fail(http.StatusBadRequest, "--env %q: use letters, digits and underscores, and not the prefix BSP_", k)
		}
	}
	names := make(map[string]bool, len(s.Files))
	for _, f := range s.Files {
		if names[f.Name] {
			return fail(http.StatusBadRequest, "--file: two files are called %q", f.Name)
		}
		names[f.Name] = true
	}
	return checkURLs(s)
}

// checkStore refuses inputs and outputs in the cluster's store: a job must not read
// or write what belongs to others. Links are not followed.
func checkStore(s job.Spec, store string) error {
	root, err := storage.Path(store)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	for _, u := range []struct{ flag, url string }{{"--input", s.Input}, {"--output", s.Output}} {
		if u.url == "" {
			continue
		}
		path, err := storage.Path(u.url)
		if err != nil {
			return fail(http.StatusBadRequest, "%s: %v", u.flag, err)
		}
		if rest, below := strings.CutPrefix(path, root); below && (rest == "" || rest[0] == '/') {
			return fail(http.StatusBadRequest, "%s: %s is in the cluster's store %s: choose a folder outside of it", u.flag, path, root)
		}
	}
	return nil
}

func checkURLs(s job.Spec) error {
	for _, u := range []struct{ flag, url string }{{"--input", s.Input}, {"--output", s.Output}} {
		if u.url == "" {
			continue
		}
		if _, _, err := storage.Resolve(u.url); err != nil {
			return fail(http.StatusBadRequest, "%s: %v", u.flag, err)
		}
	}
	if s.Output == "" {
		return nil
	}
	if path, err := storage.Path(s.Output); err == nil && path == "/" {
		return fail(http.StatusBadRequest, "--output: the root folder cannot be an output")
	}
	return nil
}

// checkProgram looks up the program and the files of a job.
func (a *api) checkProgram(ctx context.Context, s job.Spec) error {
	if p := s.Program; p.Builtin != "" && !slices.Contains(a.cfg.Builtins, p.Builtin) {
		return fail(http.StatusNotFound, "no such program: %q is no built-in (bsp program list)", p.Builtin)
	}
	if p := s.Program; p.Digest != "" {
		if err := a.checkBlob(ctx, "programs", p.Digest, "program "+p.Name); err != nil {
			return err
		}
	}
	for _, f := range s.Files {
		if err := a.checkBlob(ctx, "files", f.Digest, "file "+f.Name); err != nil {
			return err
		}
	}
	return nil
}

func (a *api) checkBlob(ctx context.Context, kind, digest, what string) error {
	has, err := a.blobs[kind].Touch(ctx, digest) // so that it stays until the job is in the state
	if err != nil {
		return fmt.Errorf("look up %s: %w", what, err)
	}
	if !has {
		return fail(http.StatusNotFound, "%s is not in the store: upload it with PUT /v1/blobs/%s/%s", what, kind, digest)
	}
	return nil
}
