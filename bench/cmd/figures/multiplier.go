package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A multiplier is another library's products, in a process that waits for sizes on its
// stdin and answers with a timing each: bench/peers/openblas/gemm.py.
type multiplier struct {
	Library string // as it calls itself
	how     string // what was set, for people
	mark    func(s size, cores int) float64

	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

// multipliers starts those that are installed: OpenBLAS with the kernels that it picks
// by itself and, where avx512 says that they run, with those for AVX-512; PyTorch on one
// core. Those that were started are returned with an error too.
func (h *harness) multipliers(ctx context.Context, cores int, avx512 bool) (all []*multiplier, err error) {
	noMark := func(size, int) float64 { return 0 }
	type library struct {
		peer, title, coreType, how string
		mark                       func(size, int) float64
	}
	libraries := []library{{"openblas", "OpenBLAS", "", ", its own choice", noMark}}
	if avx512 {
		libraries = append(libraries, library{"openblas", "OpenBLAS", "SkylakeX", ", by OPENBLAS_CORETYPE", size.openBLASMark})
	} else {
		libraries[0].mark = size.openBLASMark
	}
	if cores == 1 {
		libraries = append(libraries, library{"pytorch", "PyTorch", "", "", func(size, int) float64 { return pytorchMark }})
	}
	for _, l := range libraries {
		cache, err := filepath.Abs(filepath.Join(peersDir, ".cache", l.peer))
		if err != nil {
			return all, err
		}
		if _, err := os.Stat(filepath.Join(cache, "ready")); errors.Is(err, fs.ErrNotExist) {
			if !slices.Contains(h.skipped, l.title) {
				h.skipped = append(h.skipped, l.title)
			}
			continue
		}
		m := &multiplier{how: l.how, mark: l.mark, cmd: exec.CommandContext(ctx, filepath.Join(peersDir, l.peer, "run"), cache, strconv.Itoa(cores))}
		m.cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "OPENBLAS_") })
		if l.coreType != "" {
			m.cmd.Env = append(m.cmd.Env, "OPENBLAS_CORETYPE="+l.coreType)
		}
		if err := m.start(); err != nil {
			return all, fmt.Errorf("%s: %w", l.title, err)
		}
		all = append(all, m)
	}
	return all, nil
}

func (m *multiplier) start() (err error) {
	m.cmd.Stderr = os.Stderr
	if m.in, err = m.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := m.cmd.Start(); err != nil {
		return err
	}
	m.out = json.NewDecoder(out)
	if err := m.out.Decode(m); err != nil {
		m.close()
		return err
	}
	return nil
}

// measure asks for one timing.
func (m *multiplier) measure(s size) (t timing, err error) {
	if _, err := fmt.Fprintln(m.in, s.m, s.n, s.k, span.Seconds()); err != nil {
		return t, err
	}
	return t, m.out.Decode(&t)
}

// close ends the process, which ends with its input.
func (m *multiplier) close() {
	_ = m.in.Close() // it may have ended already
	_ = m.cmd.Process.Kill()
	_ = m.cmd.Wait() // killed
}
