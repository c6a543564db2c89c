package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"scalar/bsp/graph/gen"
	"scalar/cmd/bsp/internal/fault"
	"scalar/storage"
)

func (a *app) dataCmd() *cobra.Command {
	return group("data", "Make, list and print data",
		group("gen", "Make data", a.genRMATCmd()), a.dataListCmd(), a.dataCatCmd())
}

func (a *app) genRMATCmd() *cobra.Command {
	g := gen.RMAT{}
	var output string
	c := &cobra.Command{
		Use: "rmat", Short: "Make a random graph with skewed degrees (R-MAT, as in Graph500)", Args: cobra.NoArgs,
		Long: `Make a random graph with skewed degrees: R-MAT with the parameters of Graph500, without
loops and duplicates, a line "src dst" an edge. Equal seeds give equal files.`,
		Example: "  bsp data gen rmat --scale 16 --edge-factor 16 --seed 1 --output graph.e",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output == "" {
				return fault.Usage("where to? give --output FILE")
			}
			if err := g.Validate(); err != nil {
				return fault.Usage("%w", err)
			}
			path, err := absolute(output)
			if err != nil {
				return err
			}
			if err := a.mustNotExist(cmd.Context(), path); err != nil {
				return err
			}
			ctx, cancel := interruptible(cmd.Context())
			defer cancel()
			edges, err := g.WriteFile(ctx, path)
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

func (a *app) mustNotExist(ctx context.Context, url string) error {
	fsys, name, err := storage.Resolve(url)
	if err != nil {
		return fault.Usage("%w", err)
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
}

func (a *app) dataListCmd() *cobra.Command {
	return a.outputFlag(&cobra.Command{
		Use: "ls URL", Short: "List the files in a folder", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, _, files, err := listFiles(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			entries := []entry{}
			for _, f := range files {
				entries = append(entries, entry{f.Name, f.Size, f.ModTime})
			}
			return a.print(entries, func() rows {
				r := rows{head: words("name size modified")}
				for _, e := range entries {
					r.add(filepath.Base(e.Name), humanize.IBytes(uint64(max(0, e.Size))), e.Modified.Format(time.DateTime))
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
