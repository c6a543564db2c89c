package main

import (
	"context"
	"fmt"
	"strings"

	"scalar/bench"
	"scalar/bench/gang"
)

// A side is one of two programs that are measured in turn.
type side struct {
	exe  string
	args string
	// value turns a result into the figure's unit.
	value func(gang.Result) float64
}

func micros(r gang.Result) float64    { return r.Seconds / r.Count * 1e6 }
func millions(r gang.Result) float64  { return r.Count / r.Seconds / 1e6 }
func gigabytes(r gang.Result) float64 { return r.Count / r.Seconds / 1e9 }
func kilobytes(r gang.Result) float64 { return 1024 * gigabytes(r) }

// sample returns what one run of a side measured.
func (h *harness) sample(ctx context.Context, s side) (float64, error) {
	var r gang.Result
	if _, err := h.tool(ctx, &r, s.exe, strings.Fields(s.args)...); err != nil {
		return 0, err
	}
	return s.value(r), nil
}

// inTurn measures the sides one after the other, runs times, after one round that
// warms up.
func (h *harness) inTurn(ctx context.Context, sides ...side) ([][]float64, error) {
	samples := make([][]float64, len(sides))
	for run := range h.runs + 1 {
		for i, s := range sides {
			x, err := h.sample(ctx, s)
			if err != nil {
				return nil, err
			}
			if run > 0 {
				samples[i] = append(samples[i], x)
			}
		}
	}
	return samples, nil
}

// exchange measures package superstep between task processes over TCP.
func (h *harness) exchange(ctx context.Context) (figures []bench.Figure, err error) {
	for _, tasks := range []int{2, 4, 8} {
		f, err := h.barriers(ctx, tasks)
		if err != nil {
			return nil, err
		}
		figures = append(figures, f...)
	}
	for _, measure := range []func(context.Context) ([]bench.Figure, error){h.messages, h.kilobyte} {
		f, err := measure(ctx)
		if err != nil {
			return nil, err
		}
		figures = append(figures, f...)
	}
	return figures, nil
}

// barriers measures empty supersteps beside both bare barriers. The floor is the
// faster one.
func (h *harness) barriers(ctx context.Context, tasks int) ([]bench.Figure, error) {
	rounds := 16_000 / tasks
	empty := fmt.Sprintf("-what empty -tasks %d -rounds %d", tasks, rounds)
	bare := fmt.Sprintf("-tasks %d -count %d -what ", tasks, rounds)
	s, err := h.inTurn(ctx, side{h.tasks, empty, micros}, side{h.tasks, empty + " -tls", micros},
		side{h.limit, bare + "alltoall", micros}, side{h.limit, bare + "star", micros})
	if err != nil {
		return nil, err
	}
	plain := bench.Figure{
		Name: fmt.Sprintf("empty superstep, %d tasks", tasks), Unit: "µs", Samples: s[0], Limit: s[2], Floor: "bare all-to-all of one byte, TCP",
		Note: fmt.Sprintf("%d task processes of one peer, tcp, package superstep", tasks),
	}
	if star := (bench.Figure{Samples: s[3]}); star.Median() < plain.LimitMedian() {
		plain.Limit, plain.Floor = s[3], "bare star of one byte, TCP"
	}
	secure := plain
	secure.Name, secure.Samples, secure.Note = plain.Name+", TLS", s[1], fmt.Sprintf("%d task processes of one peer, tcp+tls, package superstep", tasks)
	if plain.Mark = 2 * plain.LimitMedian(); tasks == 2 {
		plain.Mark = 60
	}
	return []bench.Figure{plain, secure}, nil
}

// messages measures 16-byte messages, counted before combining.
func (h *harness) messages(ctx context.Context) ([]bench.Figure, error) {
	const note = ", 2 task processes of one peer, tcp, both ways counted, ids permuted over 1 Mi slots, folded into float64s"
	s, err := h.inTurn(ctx,
		side{h.limit, fmt.Sprint("-what columns -count ", 1<<24), millions},
		side{h.tasks, "-what columns -rounds 12", millions},
		side{h.tasks, fmt.Sprint("-what columns -rounds 4 -burst ", 1<<22), millions},
		side{h.tasks, "-what send -rounds 8", millions},
		side{h.tasks, "-what batches -rounds 12", millions})
	if err != nil {
		return nil, err
	}
	f := bench.Figure{
		Unit: "M/s", AtLeast: true, Limit: s[0], Floor: "columns u32+f64 in frames of 64 Ki, 12 bytes a message, no combining",
		Peers: "prototype 160 (columns), 91 (structs)",
	}
	batches, one, many, free := f, f, f, f
	batches.Name, batches.Samples, batches.Mark, batches.Note = "16-byte messages, Lane.AddAt", s[4], 100, "1 Mi messages a superstep and peer, one a slot, added 1,024 at once"+note
	one.Name, one.Samples, one.Mark, one.Note = "16-byte messages, Lane.Add", s[1], 100, "1 Mi messages a superstep and peer, one a slot, added one by one"+note
	many.Name, many.Samples, many.Mark, many.Note = "16-byte messages, Lane.Add, 4 a slot", s[2], 100, "4 Mi messages a superstep and peer, combined 4 to 1"+note
	free.Name, free.Samples, free.Mark, free.Note = "16-byte messages, Send", s[3], 40, "1 Mi messages a superstep and peer"+note
	return []bench.Figure{batches, one, many, free}, nil
}

// kilobyte measures messages of 1 KiB.
func (h *harness) kilobyte(ctx context.Context) (figures []bench.Figure, err error) {
	for _, plane := range []struct {
		name, flag string
		mark       float64
	}{{"tcp", "", 1.5}, {"tcp+tls", " -tls", 0}} {
		s, err := h.inTurn(ctx,
			side{h.tasks, "-what kilobyte -rounds 6 -burst 32768" + plane.flag, kilobytes},
			side{h.limit, fmt.Sprint("-what stream -count ", 1<<28, plane.flag), gigabytes})
		if err != nil {
			return nil, err
		}
		figures = append(figures, bench.Figure{
			Name: "1 KiB messages, " + plane.name, Unit: "GB/s", AtLeast: true, Samples: s[0], Mark: plane.mark,
			Limit: s[1], Floor: "bytes both ways over one connection, 256 KiB writes, " + plane.name,
			Note: "[1024]byte by Send, 32 Ki a superstep and peer, 2 task processes of one peer, both ways counted, " + plane.name,
		})
	}
	return figures, nil
}
