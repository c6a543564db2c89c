package httpd_test

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"scalar/serving/httpd"
	"scalar/serving/ui"
)

// Whoever counts at the same time, all is counted, for its namespace and its version.
func TestLedger(t *testing.T) {
	var l httpd.Ledger
	var all sync.WaitGroup
	const each = 1000
	statuses := []int{200, 404, 429, 500}
	for _, namespace := range []string{"a", "b"} {
		for version := range 4 {
			all.Go(func() {
				for i := range each {
					l.Count(namespace, "m", strconv.Itoa(version), statuses[i%4], time.Duration(i)*time.Microsecond)
				}
			})
		}
	}
	all.Wait()
	for user, times := range map[ui.User]uint64{{Namespace: "a"}: 1, {Namespace: "b"}: 1, {Namespace: "c"}: 0, {Namespace: "c", Admin: true}: 2} {
		f := l.Sum(user, "m", "3")
		if f.Requests() != times*each || f.Client != times*each/4 || f.Refused != times*each/4 || f.Failed != times*each/4 || f.Latency[0] != times*26 {
			t.Errorf("%v sees %+v", user, f)
		}
	}
	if f := l.Sum(ui.User{Admin: true}, "m", "4"); f.Requests() != 0 {
		t.Errorf("of nothing: %+v", f)
	}
}

// BenchmarkLedger is what counting for the page adds to a request.
func BenchmarkLedger(b *testing.B) {
	var l httpd.Ledger
	for i := range 20 {
		l.Count("team-a", "model-"+strconv.Itoa(i), "1", 200, time.Millisecond)
	}
	b.ReportAllocs()
	for b.Loop() {
		l.Count("team-a", "model-7", "1", 200, 300*time.Microsecond)
	}
}
