package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"

	"scalar/bench"
)

// growthRows are rows of the drawn sets.
const growthRows = 16384

// drawnRows returns a NPY file of growthRows float32 rows with a class of ten in the last column.
func (h *harness) drawnRows(features int) (string, error) {
	return h.drawnFile(fmt.Sprintf("ml-rows-%d.npy", features), growthRows, features)
}

// drawnFile makes such a file of so many rows.
func (h *harness) drawnFile(name string, rows, features int) (string, error) {
	return h.made(name, func(path string) (err error) {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		w := bufio.NewWriterSize(f, 1<<20)
		head := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", rows, features+1)
		head = fmt.Sprintf("%-117s\n", head) // 128 bytes in all
		if _, err := w.WriteString("\x93NUMPY\x01\x00" + string([]byte{byte(len(head)), 0}) + head); err != nil {
			return err
		}
		r := rand.New(rand.NewPCG(1, uint64(features)))
		b := make([]byte, 0, 4*(features+1))
		for i := range rows {
			b = b[:0]
			for range features {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(r.NormFloat64())))
			}
			if _, err := w.Write(binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(i%10)))); err != nil {
				return err
			}
		}
		return w.Flush()
	})
}

// netsGrowth measures samples a second of an mlp against batch, width, features and peers.
func (h *harness) netsGrowth(ctx context.Context) (figures []bench.Figure, err error) {
	for _, g := range []struct{ features, width, batch, peers int }{
		{784, 256, 128, 1},
		{784, 256, 32, 1},
		{784, 256, 512, 1},
		{784, 256, 2048, 1},
		{784, 64, 128, 1},
		{784, 1024, 128, 1},
		{64, 256, 128, 1},
		{4096, 256, 128, 1},
		{784, 256, 128, 2},
		{784, 256, 512, 2},
		{784, 1024, 512, 1},
		{784, 1024, 512, 2},
	} {
		data, err := h.drawnRows(g.features)
		if err != nil {
			return nil, err
		}
		const epochs = 3
		steps := growthRows / g.batch * epochs
		operations := float64(4*g.features*g.width + 6*g.width*10) // of a row: forward, of the weights, and of what is before them
		samples, err := h.repeat(h.runs, func() (float64, error) {
			out := h.output()
			compute, err := h.jobIn(ctx, g.peers, "--input", data, "--output", out, "mlp", "--", "--hidden", strconv.Itoa(g.width),
				"--batch", strconv.Itoa(g.batch), "--epochs", strconv.Itoa(epochs), "--lr", "0.01", "--momentum", "0.9")
			if err != nil {
				return 0, err
			}
			return float64(steps*g.batch) / compute, os.RemoveAll(out)
		})
		if err != nil {
			return nil, err
		}
		f := bench.Figure{Name: fmt.Sprintf("mlp %d-%d-10, batch %d, %d peer(s) of one core", g.features, g.width, g.batch, g.peers), Unit: "samples/s", AtLeast: true, Samples: samples}
		f.Note = fmt.Sprintf("%.1f GFLOP/s in its products", f.Median()*operations/1e9)
		figures = append(figures, f)
	}
	return figures, nil
}

// jobIn runs a job with peers of one core each in one process and returns its seconds of compute.
func (h *harness) jobIn(ctx context.Context, peers int, args ...string) (compute float64, err error) {
	r, err := h.toEnd(ctx, []string{"GOMAXPROCS=" + strconv.Itoa(peers)}, append([]string{"job", "submit", "-o", "json", "--local", "--peers", strconv.Itoa(peers)}, args...)...)
	return r.info.Seconds.Compute, err
}
