// Command debian makes the package dependency graph of a Debian release from its
// package index: one line "package<TAB>dependency" per edge, sorted, compressed
// by zstd, on stdout. So the snapshot beside it was made (Debian 12, main, amd64):
//
//	/usr/lib/apt/apt-helper cat-file /var/lib/apt/lists/*_main_binary-amd64_Packages* |
//	    go run ./examples/debian > examples/debian/depends.tsv.zst
//
// An edge is the first alternative of each clause of Depends and Pre-Depends,
// version and architecture left out; a clause named twice is one edge. Packages
// with no edge at all do not appear: pagerank's --vertices would add them.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

func main() {
	edges, err := edgesOf(os.Stdin)
	if err == nil {
		err = write(os.Stdout, edges)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "debian:", err)
		os.Exit(1)
	}
}

// edgesOf reads a Packages index (deb822 stanzas) and returns its edges as
// "package<TAB>dependency", sorted, each once.
func edgesOf(r io.Reader) ([]string, error) {
	var edges []string
	name := ""
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20) // a Depends line can be long
	for in.Scan() {
		key, value, ok := strings.Cut(in.Text(), ":")
		if !ok {
			continue
		}
		switch key {
		case "Package":
			name = strings.TrimSpace(value)
		case "Depends", "Pre-Depends":
			for _, dep := range dependencies(value) {
				edges = append(edges, name+"\t"+dep)
			}
		}
	}
	slices.Sort(edges)
	return slices.Compact(edges), in.Err()
}

// dependencies returns the first alternative of each clause of a relation field
// such as "libc6 (>= 2.36), default-mta | mail-transport-agent, python3:any".
func dependencies(field string) []string {
	var deps []string
	for clause := range strings.SplitSeq(field, ",") {
		first, _, _ := strings.Cut(clause, "|")
		first = strings.TrimSpace(first)
		if i := strings.IndexAny(first, " ([:"); i >= 0 {
			first = first[:i]
		}
		if first != "" {
			deps = append(deps, first)
		}
	}
	return deps
}

func write(w io.Writer, edges []string) error {
	out, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		return err
	}
	for _, e := range edges {
		if _, err := io.WriteString(out, e+"\n"); err != nil {
			return err
		}
	}
	return out.Close()
}
