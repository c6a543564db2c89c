package builtin

import (
	"bytes"
	"context"
	"hash/fnv"
	"maps"
	"slices"

	"scalar/bsp"
	"scalar/internal/splitmix"
)

func wordcountProgram() Program {
	p := Program{
		Name: "wordcount", Summary: "counts the words of a text, separated by white space", Input: Required, Output: Optional,
	}
	p.New = func(args []string) (bsp.Runner, error) {
		if _, err := p.Values(args); err != nil {
			return nil, err
		}
		return bsp.NewRunner(wordcount), nil
	}
	return p
}

// tally is how often one peer saw a word.
type tally struct {
	Word  string
	Count int64
}

// wordcount counts on each peer what it reads, sends every word to the peer that
// its hash names, and adds up there. After the barrier all is in the messages.
func wordcount(ctx context.Context, p *bsp.Peer[tally]) error {
	var state struct{}
	if _, err := p.State(&state); err != nil {
		return err
	}
	if p.Superstep() == 0 {
		counts, err := countWords(ctx, p)
		if err != nil {
			return err
		}
		for _, word := range slices.Sorted(maps.Keys(counts)) { // a map's order would differ after a restart
			h := fnv.New64a()
			h.Write([]byte(word))
			p.Send(int(splitmix.Next(h.Sum64())>>32*uint64(p.N())>>32), tally{word, *counts[word]})
		}
		if err := p.Sync(ctx); err != nil {
			return err
		}
	}
	sums := map[string]int64{}
	for t := range p.Messages() {
		sums[t.Word] += t.Count
	}
	for _, word := range slices.Sorted(maps.Keys(sums)) {
		p.Write(word, sums[word])
	}
	return nil
}

func countWords(ctx context.Context, p *bsp.Peer[tally]) (map[string]*int64, error) {
	counts := map[string]*int64{}
	for lines := 0; ; lines++ {
		if lines%1024 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		line, ok, err := p.Next()
		if err != nil || !ok {
			return counts, err
		}
		for word := range bytes.FieldsSeq(line) {
			n := counts[string(word)] // without an allocation for words seen before
			if n == nil {
				n = new(int64)
				counts[string(word)] = n
			}
			*n++
		}
	}
}
