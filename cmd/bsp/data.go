package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"

	"scalar/bsp/graph/gen"
	"scalar/cmd/bsp/internal/fault"
	"scalar/storage"
)

func (a *app) dataCmd() *cobra.Command {
	return group("data", "Make, convert, list and print data",
		group("gen", "Make data", a.genRMATCmd()), a.dataConvertCmd(), a.dataListCmd(), a.dataCatCmd())
}

func (a *app) genRMATCmd() *cobra.Command {
	g := gen.RMAT{}
	var output string
	c := &cobra.Command{
		Use: "rmat", Short: "Make a random graph with skewed degrees (R-MAT, as in Graph500)", Args: cobra.NoArgs,
		Long: `Make a random graph with skewed degrees: R-MAT with the parameters of Graph500, without
loops and duplicates, a line "src dst" an edge. Equal seeds give equal files. A file whose name
ends in .gz or .zst is compressed.`,
		Example: "  bsp data gen rmat --scale 16 --edge-factor 16 --seed 1 --output graph.e",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output == "" {
				return fault.Usage("where to? give --output FILE")
			}
			if err := g.Validate(); err != nil {
				return fault.Usage("%w", err)
			}
			path, err := location("--output", output)
			if err != nil {
				return err
			}
			if err := mustNotExist(cmd.Context(), path); err != nil {
				return err
			}
			ctx, cancel := interruptible(cmd.Context())
			defer cancel()
			edges, err := writeGraph(ctx, g, path)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stderr, "%s edges in %s\n", humanize.Comma(edges), output)
			return err
		},
	}
	f := c.Flags()
	f.IntVar(&g.Scale, "scale", 16, "2^scale vertices")
	f.IntVar(&g.EdgeFactor, "edge-factor", 16, "edges drawn a vertex")
	f.Uint64Var(&g.Seed, "seed", 1, "seed")
	f.BoolVar(&g.Weights, "weights", false, "add a third column, whole numbers from 1 to 255")
	f.StringVar(&output, "output", "", "file to make; must not exist")
	return c
}

// writeGraph writes a graph to a new file, compressed if its name says so.
func writeGraph(ctx context.Context, g gen.RMAT, url string) (edges int64, err error) {
	fsys, name, err := storage.Resolve(url)
	if err != nil {
		return 0, err
	}
	w, err := fsys.Create(ctx, name)
	if err != nil {
		return 0, fmt.Errorf("create %s: %w", url, err)
	}
	to, err := compressor(w, name)
	if err == nil {
		edges, err = g.Write(ctx, to)
		err = errors.Join(err, to.Close())
	}
	if err == nil {
		err = w.Commit()
	}
	if err != nil {
		return 0, errors.Join(fmt.Errorf("write %s: %w", url, err), w.Abort())
	}
	return edges, nil
}

// compressor compresses what is written to it as a file's name asks.
func compressor(w io.Writer, name string) (io.WriteCloser, error) {
	switch filepath.Ext(name) {
	case ".gz":
		return gzip.NewWriter(w), nil
	case ".zst":
		return zstd.NewWriter(w)
	}
	return plainWriter{w}, nil
}

// plainWriter is a compressor that does nothing.
type plainWriter struct{ io.Writer }

func (plainWriter) Close() error { return nil }

func mustNotExist(ctx context.Context, url string) error {
	fsys, name, err := storage.Resolve(url)
	if err != nil {
		return err
	}
	_, err = fsys.Stat(ctx, name)
	if err == nil {
		return fault.Usage("%s exists already: name another file, or remove it first", url)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// entry is a file as -o json shows it.
type entry struct {
	Name     string    `json:"name"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	Dir      bool      `json:"dir,omitempty"` // a folder
}

func (a *app) dataListCmd() *cobra.Command {
	return a.outputFlag(&cobra.Command{
		Use: "ls URL", Short: "List the files and folders in a folder", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			fsys, at, files, err := listFiles(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if l, ok := fsys.(storage.FolderLister); ok && at.Dir {
				folders, err := l.Folders(cmd.Context(), at.Name)
				if err != nil {
					return err
				}
				files = append(files, folders...)
				slices.SortFunc(files, func(a, b storage.Info) int { return strings.Compare(a.Name, b.Name) })
			}
			entries := []entry{}
			for _, f := range files {
				entries = append(entries, entry{f.Name, f.Size, f.ModTime, f.Dir})
			}
			return a.print(entries, func() rows {
				r := rows{head: words("name size modified")}
				for _, e := range entries {
					name, size := filepath.Base(e.Name), humanize.IBytes(uint64(max(0, e.Size)))
					if e.Dir {
						name, size = name+"/", "-"
					}
					r.add(name, size, e.Modified.Format(time.DateTime))
				}
				return r
			})
		},
	})
}

func listFiles(ctx context.Context, arg string) (storage.FS, storage.Info, []storage.Info, error) {
	url, err := absolute(arg)
	if err != nil {
		return nil, storage.Info{}, nil, err
	}
	fsys, name, err := storage.Resolve(url)
	if err != nil {
		return nil, storage.Info{}, nil, fault.Usage("%w", err)
	}
	at, err := fsys.Stat(ctx, name)
	if err != nil {
		return nil, at, nil, err
	}
	files, err := fsys.List(ctx, name)
	if errors.Is(err, storage.ErrURL) {
		err = fault.Usage("%w", err)
	}
	return fsys, at, files, err
}

func (a *app) dataCatCmd() *cobra.Command {
	return &cobra.Command{
		Use: "cat URL", Short: "Print a file, or the parts of a job's output in order", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			fsys, at, files, err := listFiles(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if at.Dir {
				if files, err = parts(args[0], files); err != nil {
					return err
				}
			}
			for _, f := range files {
				if err := a.cat(cmd.Context(), fsys, f.Name); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// parts chooses what cat prints of a folder: all but hidden files and marks. The
// output of a job counts only once it is complete.
func parts(folder string, files []storage.Info) ([]storage.Info, error) {
	var kept []storage.Info
	isOutput, complete := false, false
	for _, f := range files {
		base := filepath.Base(f.Name)
		complete = complete || base == "_SUCCESS"
		if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
			continue
		}
		isOutput = isOutput || strings.HasPrefix(base, "part-")
		kept = append(kept, f)
	}
	if isOutput && !complete {
		return nil, fault.Failed("%s has no _SUCCESS: its job has not ended", folder)
	}
	return kept, nil
}

func (a *app) cat(ctx context.Context, fsys storage.FS, name string) (err error) {
	r, err := fsys.Open(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	_, err = io.Copy(a.stdout, io.NewSectionReader(r, 0, r.Size()))
	return err
}
