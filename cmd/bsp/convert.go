package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"scalar/bsp/graph"
	"scalar/cmd/bsp/internal/fault"
	"scalar/storage"
)

// convertOptions are the flags of data convert.
type convertOptions struct{ to, format, ids, vertices string }

func (a *app) dataConvertCmd() *cobra.Command {
	o := convertOptions{}
	c := &cobra.Command{
		Use: "convert --to graph INPUT OUTPUT", Short: "Make a binary graph of a graph's text", Args: cobra.ExactArgs(2),
		Long: `Make a binary graph of a graph's text: one file that every program on graphs takes as its
input, known by its first bytes, and loads at the speed of the disk. Results are the same bit for
bit. Whether edges count both ways is chosen when a program reads it (--undirected).`,
		Example: "  bsp data convert --to graph graph.e graph.bin",
		RunE: func(cmd *cobra.Command, args []string) error {
			in, err := o.input()
			if err != nil {
				return err
			}
			from, err := location("INPUT", args[0])
			if err != nil {
				return err
			}
			to, err := location("OUTPUT", args[1])
			if err != nil {
				return err
			}
			if ext := filepath.Ext(to); ext == ".gz" || ext == ".zst" {
				return fault.Usage("OUTPUT %s: a binary graph is not compressed, since peers begin in the middle of it", args[1])
			}
			if err := mustNotExist(cmd.Context(), to); err != nil {
				return err
			}
			ctx, cancel := interruptible(cmd.Context())
			defer cancel()
			made, err := convertGraph(ctx, in, from, to)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stderr, "%s vertices and %s edges in %s\n", humanize.Comma(made.Vertices), humanize.Comma(made.Edges), args[1])
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&o.to, "to", "", "what to make: graph")
	f.StringVar(&o.format, "format", "edges", "of INPUT: edges, adjacency, json, metis or mtx")
	f.StringVar(&o.ids, "ids", "int", "what vertices are called: int or string")
	f.StringVar(&o.vertices, "vertices", "", "file with one id a line, for vertices without edges")
	return c
}

// input checks the options.
func (o convertOptions) input() (in graph.Input, err error) {
	if o.to != "graph" {
		return in, fault.Usage("--to %q: want --to graph", o.to)
	}
	if in.Format, err = graph.ParseFormat(o.format); err != nil {
		return in, fault.Usage("--%w", err)
	}
	if in.IDs, err = graph.ParseIDs(o.ids); err != nil {
		return in, fault.Usage("--%w", err)
	}
	if err := in.Validate(); err != nil {
		return in, fault.Usage("--format %s, --%w", o.format, err)
	}
	if o.vertices != "" {
		in.Vertices, err = location("--vertices", o.vertices)
	}
	return in, err
}

// convertGraph writes a binary graph to a new file.
func convertGraph(ctx context.Context, in graph.Input, from, to string) (made graph.Converted, err error) {
	fsys, name, err := storage.Resolve(to)
	if err != nil {
		return made, err
	}
	w, err := fsys.Create(ctx, name)
	if err != nil {
		return made, fmt.Errorf("create %s: %w", to, err)
	}
	if made, err = graph.Convert(ctx, in, from, w); err == nil {
		err = w.Commit()
	}
	if err != nil {
		return made, errors.Join(err, w.Abort())
	}
	return made, nil
}
