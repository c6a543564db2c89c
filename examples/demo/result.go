package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// sameBits compares the part files of two outputs and returns how many there are.
func sameBits(a, b string) (int, error) {
	parts, err := filepath.Glob(filepath.Join(a, "part-*"))
	if err != nil {
		return 0, err
	}
	others, err := filepath.Glob(filepath.Join(b, "part-*"))
	if err != nil {
		return 0, err
	}
	if len(parts) == 0 || len(parts) != len(others) {
		return 0, fmt.Errorf("%d parts in %s, %d in %s", len(parts), a, len(others), b)
	}
	for i, name := range parts {
		x, err := os.ReadFile(name)
		if err != nil {
			return 0, err
		}
		y, err := os.ReadFile(others[i])
		if err != nil {
			return 0, err
		}
		if !bytes.Equal(x, y) {
			return 0, fmt.Errorf("%s differs between the runs", filepath.Base(name))
		}
	}
	return len(parts), nil
}

// printTop prints the k packages of the highest rank.
func printTop(output string, k int) error {
	type ranked struct {
		name string
		rank float64
	}
	parts, err := filepath.Glob(filepath.Join(output, "part-*"))
	if err != nil {
		return err
	}
	var all []ranked
	for _, part := range parts {
		text, err := os.ReadFile(part)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			rank, err := strconv.ParseFloat(value, 64)
			if err != nil || !ok {
				return fmt.Errorf("%s: line %q is no rank", part, line)
			}
			all = append(all, ranked{name, rank})
		}
	}
	if len(all) < k {
		return errors.New("the output has too few lines")
	}
	slices.SortFunc(all, func(a, b ranked) int { return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(a.name, b.name)) })
	fmt.Printf("what all of Debian rests on (%d packages):\n", len(all))
	for i, r := range all[:k] {
		fmt.Printf("%3d  %.4f  %s\n", i+1, r.rank, r.name)
	}
	return nil
}
