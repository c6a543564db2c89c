package wire_test

import (
	"strings"
	"testing"

	"scalar/bsp/job"
	"scalar/bsp/wire"
)

func TestResultJob(t *testing.T) {
	for name, want := range map[string]job.ID{
		"pi-1": "pi-1", "pi-1.tmp-pi-1-12": "pi-1", "pi-1.tmp-pi-2-1": "", "pi-1.tmp-pi-1-": "", "pi-1.tmp-pi-1-x": "",
		"": "", "_SUCCESS": "", ".pi-1": "", "pi-1/..": "", "pi-1.tmp-pi-1-1.tmp-pi-1-1": "",
	} {
		if id, ok := wire.ResultJob(name); ok != (want != "") || ok && id != want {
			t.Errorf("%q: %q, %t", name, id, ok)
		}
	}
}

func TestArchiveName(t *testing.T) {
	for id, want := range map[job.ID]string{
		"pi-1": "000000/pi-1.json.zst", "a-b-12345": "000012/a-b-12345.json.zst", "x-1234567890": "1234567/x-1234567890.json.zst",
		"": "", "pi": "", "-1": "", "pi-": "", "pi-01": "", "pi-1a": "", "../x-1": "", "a/b-1": "", "Pi-1": "", ".a-1": "",
		"pi-99999999999999999999": "", job.ID(strings.Repeat("a", 300) + "-1"): "",
	} {
		name, ok := wire.ArchiveName(id)
		if ok != (want != "") || ok && name != want {
			t.Errorf("%q: %q, %t", id, name, ok)
		}
		if back, known := wire.ArchivedJob(name); ok && (!known || back != id) {
			t.Errorf("%q is read as %q, %t", name, back, known)
		}
	}
	for _, name := range []string{"", "000000", "pi-1.json.zst", "000001/pi-1.json.zst", "000000/pi-1.json", "000000/x/pi-1.json.zst", "000000/.pi-1.json.zst"} {
		if id, ok := wire.ArchivedJob(name); ok {
			t.Errorf("%q is read as %q", name, id)
		}
		if id, ok := wire.ArchiveRemains(name); ok {
			t.Errorf("%q is taken for what is left of %q", name, id)
		}
	}
	for name, want := range map[string]job.ID{
		"000000/pi-1.json.zst": "pi-1", "000000/.pi-1.json.zst.tmp-123": "pi-1",
		"000000/pi-1.json.zst.tmp-123": "", "000000/.pi-1.json.zst.tmp-": "", "000000/.pi-1.json.zst.tmp-1x": "", "000001/.pi-1.json.zst.tmp-1": "", "000000/.pi-1.tmp-1": "",
	} {
		if id, ok := wire.ArchiveRemains(name); ok != (want != "") || ok && id != want {
			t.Errorf("%q: %q, %t", name, id, ok)
		}
	}
}
