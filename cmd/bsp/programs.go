package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"scalar/bsp/builtin"
	"scalar/cmd/bsp/internal/fault"
	"scalar/cmd/bsp/internal/program"
)

func (a *app) programCmd() *cobra.Command {
	return group("program", "List built-in programs, begin one of your own", a.programListCmd(), a.programNewCmd())
}

// listed is a built-in as -o json shows it.
type listed struct {
	Name    string   `json:"name"`
	Summary string   `json:"summary"`
	Input   string   `json:"input"`
	Output  string   `json:"output"`
	Options []option `json:"options"`
}

type option struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Default string `json:"default,omitempty"`
	Help    string `json:"help"`
	Needed  bool   `json:"needed,omitempty"`
}

func (a *app) programListCmd() *cobra.Command {
	return a.outputFlag(&cobra.Command{
		Use: "list [NAME]", Short: "List the built-in programs, or the options of one", Args: cobra.MaximumNArgs(1), ValidArgsFunction: completePrograms,
		Example: "  bsp program list\n  bsp program list pagerank",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return a.programShow(args[0])
			}
			var all []listed
			for _, p := range catalog() {
				all = append(all, list(p))
			}
			return a.print(all, func() rows {
				r := rows{head: words("name summary input output options")}
				for _, p := range all {
					var names []string
					for _, o := range p.Options {
						names = append(names, "--"+o.Name)
					}
					r.add(p.Name, p.Summary, p.Input, p.Output, strings.Join(names, " "))
				}
				return r
			})
		},
	})
}

func (a *app) programShow(name string) error {
	p, ok := catalog().Lookup(name)
	if !ok {
		return fault.NotFound("no built-in program %q: see `bsp program list`", name)
	}
	if a.format == formatTable {
		_, err := fmt.Fprint(a.stdout, p.Help())
		return err
	}
	return a.print(list(p), nil)
}

func list(p builtin.Program) listed {
	l := listed{p.Name, p.Summary, p.Input, p.Output, []option{}}
	for _, o := range p.Options {
		l.Options = append(l.Options, option(o))
	}
	return l
}

func (a *app) programNewCmd() *cobra.Command {
	return &cobra.Command{
		Use: "new DIR", Short: "Write a first program into a new folder", Args: cobra.ExactArgs(1),
		Long: `Write a first program into a new or empty folder: main.go, go.mod, and the sources of the
API in .scalar. It builds with Go alone, without a checkout of Scalar.`,
		Example: "  bsp program new hello\n  bsp job submit --local hello",
		RunE: func(_ *cobra.Command, args []string) error {
			if err := program.New(args[0]); err != nil {
				return err
			}
			_, err := fmt.Fprintf(a.stderr, "wrote %s: change %s/main.go, then run it: bsp job submit --local %s\n", args[0], args[0], args[0])
			return err
		},
	}
}
