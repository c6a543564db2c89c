package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/goccy/go-yaml"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"scalar/cmd/bsp/internal/fault"
)

// The formats of -o.
const (
	formatTable = "table"
	formatJSON  = "json"
	formatYAML  = "yaml"
)

// formatFlag is the value of -o.
type formatFlag struct{ to *string }

func (f *formatFlag) String() string {
	if f.to == nil {
		return ""
	}
	return *f.to
}
func (f *formatFlag) Type() string { return "format" }
func (f *formatFlag) Set(s string) error {
	switch s {
	case formatTable, formatJSON, formatYAML:
		*f.to = s
		return nil
	}
	return fault.Usage("want table, json or yaml")
}

// rows is what a table shows.
type rows struct {
	head   []string // shown in capitals
	labels []string // of further columns, shown as they are
	body   [][]string
}

// words splits the names of columns; an underscore is a space in one.
func words(names string) []string {
	head := strings.Fields(names)
	for i, w := range head {
		head[i] = strings.ReplaceAll(w, "_", " ")
	}
	return head
}

func (r *rows) add(cells ...any) {
	line := make([]string, len(cells))
	for i, c := range cells {
		line[i] = fmt.Sprint(c)
	}
	r.body = append(r.body, line)
}

// print writes v as -o asks; as makes the table of it.
func (a *app) print(v any, as func() rows) error {
	switch a.format {
	case formatJSON:
		enc := json.NewEncoder(a.stdout)
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	case formatYAML:
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encode %T: %w", v, err)
		}
		if b, err = yaml.JSONToYAML(b); err != nil {
			return fmt.Errorf("encode %T: %w", v, err)
		}
		_, err = a.stdout.Write(b)
		return err
	}
	return as().write(a.stdout)
}

func (r rows) write(w io.Writer) error {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	t.SetStyle(style)
	row := func(cells []string) table.Row {
		out := make(table.Row, len(cells))
		for i, c := range cells {
			out[i] = c
		}
		return out
	}
	if r.head != nil {
		head := make([]string, len(r.head), len(r.head)+len(r.labels))
		for i, name := range r.head {
			head[i] = strings.ToUpper(name)
		}
		t.AppendHeader(row(append(head, r.labels...)))
	}
	for _, line := range r.body {
		t.AppendRow(row(line))
	}
	for line := range strings.Lines(t.Render() + "\n") {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// orDash shows an empty value.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func ago(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return humanize.Time(t)
}

func seconds(s float64) string {
	return strconv.FormatFloat(s, 'f', 3, 64) + " s"
}
