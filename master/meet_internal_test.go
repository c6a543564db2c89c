package master

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"scalar/internal/pack"
)

func meetings() (question, answer) {
	q := question{From: "m0-00000000", Found: []string{"m0-00000000", "m1-11111111", "m2-22222222"}}
	a := answer{
		ID: "m1-11111111", Cluster: "8f14e45f-ceea-467f-a8d0-0d2b5f6c2f0e", HasState: true, Expect: 3, Agrees: true,
		Last: 1 << 40, Contact: 3 * time.Millisecond, Clock: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
	}
	return q, a
}

// TestMeetingGolden: the frames are what the golden file says, in hex, a line each.
func TestMeetingGolden(t *testing.T) {
	t.Parallel()
	q, a := meetings()
	var got strings.Builder
	for _, m := range []any{q, a} {
		var b bytes.Buffer
		if err := pack.WriteFrame(&b, m); err != nil {
			t.Fatal(err)
		}
		got.WriteString(hex.EncodeToString(b.Bytes()) + "\n")
	}
	path := filepath.Join("testdata", "meet.golden")
	if os.Getenv("GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("frames\n%sdiffer from %s", got.String(), path)
	}
}

// FuzzMeeting reads what another master may send. What is taken is in bounds and
// comes back as it was.
func FuzzMeeting(f *testing.F) {
	q, a := meetings()
	for _, m := range []any{q, a, question{}, answer{Contact: -1}} {
		var b bytes.Buffer
		if err := pack.WriteFrame(&b, m); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
		f.Add(b.Bytes()[:b.Len()/2])
	}
	f.Add([]byte{0, 0, 0, 5, 0xdd, 0xff, 0xff, 0xff, 0xff}) // an array that claims 2^32-1 items
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x80})             // a frame of 4 GiB
	f.Fuzz(func(t *testing.T, b []byte) {
		meetAgain[question](t, b)
		meetAgain[answer](t, b)
	})
}

func meetAgain[M any](t *testing.T, b []byte) {
	t.Helper()
	var m, again M
	if err := pack.ReadFrame(bytes.NewReader(b), meetLimit, &m); err != nil {
		return
	}
	var out, second bytes.Buffer
	if err := pack.WriteFrame(&out, m); err != nil {
		t.Fatal(err)
	}
	first := bytes.Clone(out.Bytes())
	err := pack.ReadFrame(&out, pack.MaxOrders, &again)
	if err == nil {
		err = pack.WriteFrame(&second, again)
	}
	if err != nil || !bytes.Equal(first, second.Bytes()) {
		t.Errorf("%+v became %+v, %v", m, again, err)
	}
}
