package master

import (
	"context"
	"strings"
	"testing"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/master/fsm"
)

// TestLogsOfTwoAttempts shows that what an attempt has written last is read of
// that attempt, however fast the next one begins.
func TestLogsOfTwoAttempts(t *testing.T) {
	t.Parallel()
	logs := map[string]string{"a/1": "first\n", "b/2": "second attempt\nand more\n"}
	read := func(_ context.Context, groom string, r wire.LogRequest) (wire.LogReply, error) {
		text := logs[groom+"/"+string(rune('0'+r.Key.Epoch))]
		return wire.LogReply{Data: []byte(text[min(int(r.Offset), len(text)):]), Offset: r.Offset}, nil
	}
	var sent strings.Builder
	s := &logStream{read: read, store: "file://" + t.TempDir(), send: func(b []byte) error { sent.Write(b); return nil }}
	step := func(epoch job.Epoch, groom string) {
		t.Helper()
		j := &fsm.Job{ID: "p-1", Epoch: epoch, Tasks: []fsm.Assignment{{Groom: groom}}}
		if err := s.adjust(t.Context(), j, -1); err != nil {
			t.Fatal(err)
		}
		if _, err := s.pass(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	step(1, "a")
	logs["a/1"] += "panic: the reason\n"
	step(2, "b")
	if want := "first\npanic: the reason\nsecond attempt\nand more\n"; sent.String() != want {
		t.Errorf("sent %q instead of %q", sent.String(), want)
	}
}
