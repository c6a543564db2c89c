// Command gen writes the assembly of package kernel: see [write].
//
//	go run ./gen -out kernels_amd64.s
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	out := flag.String("out", "kernels_amd64.s", "the file to write")
	flag.Parse()
	if err := os.WriteFile(*out, write(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1) //nolint:forbidigo // this is a command
	}
}
