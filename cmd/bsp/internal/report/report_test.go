package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"scalar/bsp/job"
	"scalar/cmd/bsp/internal/report"
)

var update = flag.Bool("update", false, "write the golden page")

// record is an attempt of two tasks and three peers: peer 2 is slow.
func record() (job.Info, []*job.Trace) {
	info := job.Info{
		ID: "wcc-7", Program: "wcc <&>", State: job.Succeeded, Peers: 3, Tasks: 2, Attempts: 2, Supersteps: 14, DataPlane: "tcp+tls",
		Seconds: job.Seconds{Load: 0.5, Compute: 0.25, Total: 1}, Counters: map[string]int64{"messages": 1234},
	}
	ms := func(list ...int64) []int64 {
		for i := range list {
			list[i] *= 1e6
		}
		return list
	}
	return info, []*job.Trace{
		{
			Task: 0, Peers: job.Range{Lo: 0, Hi: 2}, First: 10, Steps: 4, Width: 1,
			Compute: ms(4, 4, 6, 2), Exchange: ms(18, 2, 20, 4), Wait: ms(0, 14, 2, 0), Messages: []int64{1000, 0, 200, 0}, Active: []int64{60, 60, 10, 0},
			Longest: ms(11, 10, 14, 3), End: ms(111, 121, 135, 138), TrackWidth: 2,
			Tracks: []job.Track{
				{Peer: 0, Compute: ms(4, 4), Exchange: ms(10, 12), Wait: ms(7, 1)},
				{Peer: 1, Compute: ms(4, 4), Exchange: ms(10, 12), Wait: ms(7, 1)},
			},
			Curves: []job.Curve{
				{Name: "error", Width: 1, At: []int64{11, 13}, Y: []float64{0.25, 0.125}, N: []int64{1, 1}},
				{Name: "loss/<&>", Width: 1, At: []int64{10, 11, 12, 13}, Y: []float64{2.5, 1.5, 0, 0.5}, N: []int64{2, 2, 0, 2}},
			},
		},
		{
			Task: 1, Peers: job.Range{Lo: 2, Hi: 3}, First: 10, Steps: 4, Width: 1,
			Compute: ms(10, 8, 12, 1), Exchange: ms(1, 2, 2, 2), Wait: ms(0, 0, 0, 0), Messages: []int64{0, 34, 0, 0}, Active: []int64{40, 1, 0, 0},
			Longest: ms(11, 10, 14, 3), End: ms(311, 321, 335, 338), TrackWidth: 1,
			Tracks: []job.Track{{Peer: 2, Compute: ms(10, 8, 12, 1), Exchange: ms(1, 2, 2, 2), Wait: ms(0, 0, 0, 0)}},
			Curves: []job.Curve{{Name: "loss/b", Width: 2, At: []int64{5, 6}, Y: []float64{2, 1}, N: []int64{4, 4}}},
		},
	}
}

func write(t *testing.T, info job.Info, traces []*job.Trace) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, info, traces); err != nil {
		t.Fatal(err)
	}
	check(t, b.Bytes())
	return b.String()
}

// check says what is wrong with any page: it is small, asks nobody for anything, and
// each picture is well-formed with finite coordinates.
func check(t *testing.T, page []byte) {
	t.Helper()
	if len(page) > 1<<20 {
		t.Errorf("the page has %d bytes", len(page))
	}
	for _, word := range []string{"http:", "https:", "src=", "<link", "<script", "url(", "@import", "NaN", "Inf", "ZgotmplZ"} {
		if bytes.Contains(page, []byte(word)) {
			t.Errorf("the page has %q", word)
		}
	}
	for _, svg := range regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAll(page, -1) {
		d := xml.NewDecoder(bytes.NewReader(svg))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("svg: %v", err)
			}
		}
	}
}

func TestGolden(t *testing.T) {
	info, traces := record()
	got := write(t, info, traces)
	const name = "testdata/page.html"
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the page has changed: look at it and run go test -update here")
	}
}

// The table has sums over all tasks; what the tasks on time waited for the late one is
// no communication.
func TestTable(t *testing.T) {
	info, traces := record()
	page := write(t, info, traces)
	var rows [][]string
	cell := regexp.MustCompile(`<t[hd][^>]*>([^<]*)</t[hd]>`)
	_, table, _ := strings.Cut(page, "<tbody>")
	table, _, _ = strings.Cut(table, "</tbody>")
	for row := range strings.SplitSeq(table, "</tr>") {
		var cells []string
		for _, m := range cell.FindAllStringSubmatch(row, -1) {
			cells = append(cells, m[1])
		}
		if len(cells) > 0 {
			rows = append(rows, cells)
		}
	}
	// Supersteps 10 and 11: in both a peer of the task that comes last exchanges for
	// 1 ms, so three peers for 6 ms of the 63 ms that they have; the other 17 ms of 23
	// are waiting. 26 ms are computed. In 12 and 13 it is 2 ms: 12 ms of 51.
	want := [][]string{
		{"10 to 11", "21 ms", "11 ms", "41 %", "10 %", "49 %", "1034", "161", "4.50"},
		{"12 to 13", "17 ms", "14 ms", "41 %", "24 %", "35 %", "200", "10", "3.25"},
	}
	if !slices.EqualFunc(rows, want, slices.Equal) {
		t.Errorf("got  %v\nwant %v", rows, want)
	}
	for _, word := range []string{"There were 2 attempts", "began at superstep 10", "wcc &lt;&amp;&gt;", "<dt>messages</dt><dd>1234</dd>", "Active vertices"} {
		if !strings.Contains(page, word) {
			t.Errorf("the page lacks %q", word)
		}
	}
}

// What is missing is said.
func TestMissing(t *testing.T) {
	info, traces := record()
	if page := write(t, info, traces[:1]); !strings.Contains(page, "Only 1 of 2 tasks told") {
		t.Error("the page does not say that a task is missing")
	}
	if err := report.Write(io.Discard, info, nil); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("nothing told: %v", err)
	}
	empty := &job.Trace{Peers: job.Range{Hi: 1}, Width: 1, TrackWidth: 1, Tracks: []job.Track{{}}}
	if page := write(t, job.Info{ID: "pi-1", Peers: 1, Tasks: 1, Attempts: 1}, []*job.Trace{empty}); !strings.Contains(page, "no barrier") {
		t.Error("the page does not say that there are no supersteps")
	}
}

// The largest job's page keeps its limit.
func TestLargest(t *testing.T) {
	const tasks, each = 64, 64
	info := job.Info{ID: "big-1", Peers: tasks * each, Tasks: tasks, Attempts: 1, Counters: map[string]int64{}}
	for i := range 256 {
		info.Counters[fmt.Sprintf("%0256d", i)] = 1 << 60
	}
	stretches, cells := job.TraceLimits(tasks)
	column := func(n int) []int64 {
		out := make([]int64, n)
		for i := range out {
			out[i] = int64(i*7919%1000) * 1e9
		}
		return out
	}
	traces := make([]*job.Trace, 0, tasks)
	for task := range tasks {
		c, end := column(stretches), column(stretches)
		slices.Sort(end)
		tr := &job.Trace{
			Task: task, Peers: job.Range{Lo: task * each, Hi: (task + 1) * each}, Steps: 100_000, Width: 256, TrackWidth: 4096,
			Compute: c, Exchange: c, Wait: c, Messages: c, Active: c, Longest: c, End: end,
		}
		n := (tr.Steps + tr.TrackWidth - 1) / tr.TrackWidth
		for _, list := range []*[]int64{&tr.Compute, &tr.Exchange, &tr.Wait, &tr.Messages, &tr.Active, &tr.Longest, &tr.End} {
			*list = (*list)[:(tr.Steps+tr.Width-1)/tr.Width]
		}
		for i := range min(each, cells/n) {
			tr.Tracks = append(tr.Tracks, job.Track{Peer: task*each + i, Compute: column(n), Exchange: column(n), Wait: column(n)})
		}
		if !tr.Valid(task, tr.Peers) {
			t.Fatal("not valid")
		}
		traces = append(traces, tr)
	}
	if page := write(t, info, traces); !strings.Contains(page, "Of 4096 peers, 16 are drawn") {
		t.Error("the page does not say which peers are drawn")
	}
}

// FuzzWrite makes pages of whatever a master lets through.
func FuzzWrite(f *testing.F) {
	_, traces := record()
	for _, t := range traces {
		b, err := json.Marshal(t)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, 2, "pi-1")
	}
	f.Add([]byte(`{"peers":{"Hi":1},"width":1,"track_width":1,"tracks":[{}]}`), 1, "<b>")
	f.Fuzz(func(t *testing.T, b []byte, tasks int, name string) {
		var tr, other job.Trace
		if json.Unmarshal(b, &tr) != nil || !tr.Valid(tr.Task, tr.Peers) {
			return
		}
		_ = json.Unmarshal(b, &other) // as before
		other.Width, other.TrackWidth = max(other.Width, 2), max(other.TrackWidth, 2)
		list := []*job.Trace{&tr}
		if other.Valid(tr.Task, tr.Peers) {
			list = append(list, &other)
		}
		var out bytes.Buffer
		if err := report.Write(&out, job.Info{ID: "fuzz-1", Program: name, Tasks: tasks, Peers: 3}, list); err != nil {
			t.Fatal(err)
		}
		if out.Len() > 1<<20 {
			t.Errorf("%d bytes", out.Len())
		}
	})
}
