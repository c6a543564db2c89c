package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"scalar/bsp/job"
	"scalar/cmd/bsp/internal/fault"
	"scalar/ml/data"
	"scalar/ml/eval"
	"scalar/ml/model"
	"scalar/storage"
	"scalar/tensor"
)

// modelURL returns the URL of a MODEL argument.
func modelURL(arg string) (string, error) {
	switch {
	case arg == "":
		return "", fault.Usage("which model? name its folder or URL")
	case !strings.Contains(arg, "/") && !strings.HasPrefix(arg, "."):
		return "", fault.NotFound("no model is called %q: names are of a registry, which this bsp does not have; a folder of that name is ./%s", arg, arg)
	}
	return location("MODEL", arg)
}

// asked is which rows a model is asked about.
type asked struct {
	input, part, labels, format, header string
}

// flags adds the flags that say which rows.
func (q *asked) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&q.input, "input", "", "file or folder with the rows, path or URL; - for stdin")
	f.StringVar(&q.part, "part", "", "train or test: which files of a folder with MNIST's names (default test)")
	f.StringVar(&q.format, "format", "", "of --input: csv, libsvm, idx or npy (default: by its first bytes)")
	f.StringVar(&q.header, "header", "", "of CSV: yes or no (default: yes if its first line holds a text)")
}

// check refuses wrong flags.
func (q *asked) check() (in data.Input, err error) {
	if q.input == "" {
		return in, fault.Usage("about which rows? give --input FILE")
	}
	in = data.Input{Part: q.part, Format: data.Format(q.format), Header: data.Header(q.header)}
	switch q.part {
	case "":
		in.Part = "test"
	case "train", "test":
	default:
		return in, fault.Usage("--part %q: want train or test", q.part)
	}
	switch in.Format {
	case data.Detect, data.CSV, data.LIBSVM, data.IDX, data.NPY:
	default:
		return in, fault.Usage("--format %q: want csv, libsvm, idx or npy", q.format)
	}
	switch in.Header {
	case data.HeaderAuto, data.HeaderYes, data.HeaderNo:
	default:
		return in, fault.Usage("--header %q: want yes or no", q.header)
	}
	if in.Labels, err = location("--labels", q.labels); err != nil || q.input == "-" {
		return in, err
	}
	in.URL, err = location("--input", q.input)
	return in, err
}

// checkPart refuses --part where it counts for nothing.
func (q *asked) checkPart(ctx context.Context, url string, found data.Format) error {
	at, name, err := storage.Resolve(url)
	if err != nil || q.part == "" {
		return err
	}
	info, err := at.Stat(ctx, name)
	if err == nil && (found != data.IDX || !info.Dir) {
		err = fault.Usage("--part is for a folder of IDX files, and %s is none", q.input)
	}
	return err
}

// An inquiry is a model with the rows that it is asked about.
type inquiry struct {
	*asked
	in  data.Input
	cpu *tensor.CPU
	p   *model.Predictor
	w   io.Writer // of progress
	dir string    // that stdin was kept in; empty: none
}

// open opens a model, and keeps stdin in a file if the rows are there. The inquiry is to be
// closed whatever the error is.
func (q *asked) open(ctx context.Context, a *app, arg string) (i *inquiry, err error) {
	i = &inquiry{asked: q, w: a.stderr}
	if i.in, err = q.check(); err != nil {
		return i, err
	}
	url, err := modelURL(arg)
	if err != nil {
		return i, err
	}
	m, tensors, err := model.Open(ctx, url)
	if err != nil {
		return i, err
	}
	if i.cpu, err = tensor.NewCPU(tensor.Config{}); err != nil {
		return i, err
	}
	if i.p, err = model.NewPredictor(i.cpu, m, tensors); err != nil || q.input != "-" {
		return i, err
	}
	return i, i.keep(ctx, a.stdin)
}

// keep copies stdin to a file, which can be read in parts. The copy is left alone when ctx
// ends: nothing else ends a read of a terminal.
func (i *inquiry) keep(ctx context.Context, stdin io.Reader) (err error) {
	outlivePipes()
	if i.dir, err = os.MkdirTemp("", "bsp-input-"); err != nil {
		return err
	}
	i.in.URL = filepath.Join(i.dir, "stdin")
	f, err := os.OpenFile(i.in.URL, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	done := make(chan error, 1) // sent by the copy, whoever waits for it
	go func() {
		_, err := io.Copy(f, stdin)
		done <- errors.Join(err, f.Close())
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (i *inquiry) close() error {
	if i.cpu != nil {
		i.cpu.Close()
	}
	if i.dir == "" {
		return nil
	}
	return os.RemoveAll(i.dir)
}

// each gives all rows with the model's answers to take, in their order. Where labelled, each
// has its label.
func (i *inquiry) each(ctx context.Context, labelled bool, take func(b *eval.Batch) error) error {
	s, err := data.OpenFor(ctx, i.in, i.p.Encoder(), labelled)
	if err != nil {
		return i.named(err)
	}
	if err := i.checkPart(ctx, i.in.URL, s.Format()); err != nil {
		return err
	}
	p, rows := newProgress(i.w), int64(0)
	defer p.close()
	return i.named(eval.Each(ctx, i.cpu, i.p, s, func(b *eval.Batch) error {
		rows += int64(b.Rows)
		p.now("%s rows", humanize.Comma(rows))
		return take(b)
	}))
}

// named calls stdin by its name in an error.
func (i *inquiry) named(err error) error {
	f, ok := errors.AsType[*job.Failure](err)
	if !ok || i.dir == "" {
		return err
	}
	n := *f
	n.Message = strings.ReplaceAll(f.Message, i.dir+"/", "")
	return &n
}
