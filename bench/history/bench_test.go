package history_test

import (
	"bytes"
	"testing"

	"scalar/bench/history"
	"scalar/master/fsm"
)

// BenchmarkRestore reads a snapshot of 100,000 queued jobs, as a master does that starts.
func BenchmarkRestore(b *testing.B) {
	f, err := history.New()
	if err == nil {
		err = f.Queue(*jobs)
	}
	var snapshot bytes.Buffer
	if err == nil {
		err = f.State().Encode(&snapshot)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(snapshot.Len()))
	for b.Loop() {
		if _, err := fsm.Restore(bytes.NewReader(snapshot.Bytes())); err != nil {
			b.Fatal(err)
		}
	}
}
