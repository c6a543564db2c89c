package builtin

import (
	"fmt"
	"slices"
	"strings"

	"scalar/bsp"
	"scalar/bsp/job"
)

// The kinds of options.
const (
	KindInt    = "int"    // 64 bits
	KindFloat  = "float"  // finite
	KindString = "string" //
	KindBool   = "bool"   //
	KindFile   = "file"   // a path, which the client makes absolute, or a URL
	KindURL    = "url"    // as a file
)

// What a program makes of --input and --output.
const (
	Required = "required"
	Optional = "optional"
	None     = "none"
)

// An Option is one --name of a program.
type Option struct {
	Name    string
	Kind    string // one of the Kind constants
	Default string // as it would be written; empty: none
	Help    string // half a line
	Needed  bool   // must be given
}

// A Program is one built-in.
type Program struct {
	Name    string
	Summary string // one line
	Input   string // Required, Optional or None
	Output  string
	Options []Option
	// New makes the program from its arguments, which it checks; it opens nothing.
	New func(args []string) (bsp.Runner, error)
}

// A Catalog is the programs that a binary has, by name. It is read only.
type Catalog []Program

// Programs returns the built-ins of the runtime and of the graph engine.
func Programs() Catalog {
	return NewCatalog(graphPrograms(), []Program{spmvProgram(), matmulProgram(), piProgram(), randcommProgram(), wordcountProgram()})
}

// NewCatalog returns the programs of some lists together.
func NewCatalog(lists ...[]Program) Catalog {
	all := slices.Concat(lists...)
	slices.SortFunc(all, func(a, b Program) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Lookup returns the program of a name.
func (c Catalog) Lookup(name string) (Program, bool) {
	i, ok := slices.BinarySearchFunc(c, name, func(p Program, name string) int { return strings.Compare(p.Name, name) })
	if !ok {
		return Program{}, false
	}
	return c[i], true
}

// NewRunner makes a program from its name and arguments, for bsp.TaskMain and
// local runs.
func (c Catalog) NewRunner(name string, args []string) (bsp.Runner, error) {
	p, ok := c.Lookup(name)
	if !ok {
		return nil, job.Fail(job.FaultInput, "no built-in program %q in this version of bsp: see `bsp program list`", name).WithCode(job.ExitNotFound)
	}
	return p.New(args)
}

// Absolute checks the program's arguments and returns them with the values of file
// options made absolute from folder wd, which must be absolute itself.
func (p Program) Absolute(args []string, wd string) ([]string, error) {
	given, err := p.parse(args)
	if err != nil {
		return nil, err
	}
	if _, err := p.New(args); err != nil {
		return nil, err
	}
	out := make([]string, 0, len(given))
	for _, g := range given {
		if g.option.Kind == KindFile || g.option.Kind == KindURL {
			g.value = absolute(g.value, wd)
		}
		out = append(out, "--"+g.option.Name+"="+g.value)
	}
	return out, nil
}

// Help describes the program and its options, one line each.
func (p Program) Help() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\ninput %s, output %s\n", p.Name, p.Summary, p.Input, p.Output)
	for _, o := range p.Options {
		name := "--" + o.Name
		if o.Kind != KindBool {
			name += " " + o.Kind
		}
		fmt.Fprintf(&b, "  %-22s %s", name, o.Help)
		switch {
		case o.Needed:
			b.WriteString(" (needed)")
		case o.Default != "":
			fmt.Fprintf(&b, " (default %s)", o.Default)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
