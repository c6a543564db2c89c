package bsp_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"

	"scalar/bsp"
)

// goldenBlock is a block of PartitionInput after which more follow.
func goldenBlock() []byte {
	b := []byte{1}
	for _, record := range []string{"a record", "", "another\tone"} {
		b = bsp.AppendRecord(b, []byte(record))
	}
	return b
}

// The format is what docs/formats.md says: tasks of one version only meet, yet a change
// must be meant.
func TestBlockGolden(t *testing.T) {
	const file = "testdata/partition.golden"
	got := goldenBlock()
	if *rewrite {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("the format has changed: %v\n%x\n%x", err, got, want)
	}
	if records, more, err := bsp.ReadBlock(want); err != nil || !more || !bytes.Equal(records, want[1:]) {
		t.Errorf("%q, more %v, %v", records, more, err)
	}
}

// FuzzBlock: any bytes are whole records, or an error.
func FuzzBlock(f *testing.F) {
	whole := goldenBlock()
	for i := range whole {
		f.Add(whole[:i]) // cut in every place
	}
	f.Add(whole)
	f.Add([]byte{0})
	f.Add([]byte{2})
	f.Add([]byte{0, 255, 255, 255, 255})
	f.Add(append(bytes.Clone(whole), 0xff, 0xff, 0xff, 0x7f, 'x'))
	f.Fuzz(func(t *testing.T, b []byte) {
		records, more, err := bsp.ReadBlock(b)
		if err != nil {
			return
		}
		again := []byte{0}
		if more {
			again[0] = 1
		}
		for len(records) > 0 {
			n := binary.LittleEndian.Uint32(records)
			again = bsp.AppendRecord(again, records[4:4+n])
			records = records[4+n:]
		}
		if !bytes.Equal(again, b) {
			t.Errorf("%x was read as %x", b, again)
		}
	})
}
