package ui_test

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"scalar/serving/host"
	"scalar/serving/httpd"
	"scalar/serving/protocol"
	"scalar/serving/ui"
)

// A session ends by itself; of a token there are so many, and the oldest goes.
func TestSessionsBound(t *testing.T) {
	var s ui.Sessions
	now := time.Unix(1e9, 0)
	one, two := sha256.Sum256([]byte("one")), sha256.Sum256([]byte("two"))
	other := s.Add(two, now)
	ids := make([]string, 3*ui.MostOfToken)
	for i := range ids {
		now = now.Add(time.Second)
		ids[i] = s.Add(one, now)
		if len(ids[i]) < 26 || slices.Contains(ids[:i], ids[i]) {
			t.Fatalf("session %d is called %q", i, ids[i])
		}
	}
	for i, id := range ids {
		token, ok := s.Token(id, now)
		if ok != (i >= len(ids)-ui.MostOfToken) || ok && token != one {
			t.Errorf("session %d: %t", i, ok)
		}
	}
	if token, ok := s.Token(other, now); !ok || token != two || s.Len() != ui.MostOfToken+1 {
		t.Errorf("another token's session: %t, of %d", ok, s.Len())
	}
	for _, id := range []string{"", "x", ids[0] + "x"} {
		if _, ok := s.Token(id, now); ok {
			t.Errorf("%q is a session", id)
		}
	}
	last := ids[len(ids)-1]
	if _, ok := s.Token(last, now.Add(ui.SessionLife-1)); !ok {
		t.Error("a session has ended too early")
	}
	if _, ok := s.Token(last, now.Add(ui.SessionLife)); ok {
		t.Error("a session does not end")
	}
	if s.Add(one, now.Add(ui.SessionLife)); s.Len() != 1 {
		t.Errorf("%d sessions are kept, of which 1 has not ended", s.Len())
	}
}

// Buckets are by the bounds that the metrics have, and quantiles lie within the bucket of the true one.
func TestBuckets(t *testing.T) {
	bound := func(i int) time.Duration { return 25 * time.Microsecond << i }
	random := rand.New(rand.NewPCG(1, 2))
	var f ui.Figures
	all := make([]time.Duration, 0, 20_000)
	for i := range 20_000 {
		took := time.Duration(math.Exp(random.NormFloat64()*3) * 1e5)
		switch i % 10 {
		case 8:
			took = bound(i % 19)
		case 9:
			took = bound(i%19) + 1
		}
		want := 0
		for want < ui.Buckets-1 && took > bound(want) {
			want++
		}
		if got := ui.Bucket(took); got != want {
			t.Fatalf("%v is in bucket %d, want %d", took, got, want)
		}
		f.Latency[want]++
		all = append(all, took)
	}
	slices.Sort(all)
	if f.Requests() != 20_000 {
		t.Errorf("%d requests", f.Requests())
	}
	for _, part := range []float64{.001, .1, .5, .9, .99, .9999, 1} {
		exact := all[int(math.Ceil(part*20_000))-1]
		got := f.Quantile(part)
		if b := ui.Bucket(exact); b < ui.Buckets-1 && ui.Bucket(got) != b || b == ui.Buckets-1 && got != bound(ui.Buckets-2) {
			t.Errorf("the quantile %v is %v, exactly %v", part, got, exact)
		}
	}
	if ui.Bucket(0) != 0 || ui.Bucket(math.MaxInt64) != ui.Buckets-1 || (&ui.Figures{}).Quantile(.5) != 0 {
		t.Error("the ends")
	}
}

// The shares that are shown are those by which the host chooses.
func TestShares(t *testing.T) {
	for _, config := range []host.ModelConfig{
		{},
		{Labels: map[string]string{"stable": "1", "canary": "3"}, Traffic: map[string]float64{"stable": 75, "canary": 25}},
		{Traffic: map[string]float64{"1": 40, "2": 40, "9": 20}}, // 9 is not there
		{Traffic: map[string]float64{"9": 100}},
		{Traffic: map[string]float64{"1": 0, "2": 100}},
	} {
		h := hosted(t, host.Config{Models: map[string]host.ModelConfig{"points": config}}, map[string]string{
			"points/1": golden(t, "points"), "points/2": golden(t, "points"), "points/3": golden(t, "points"),
		})
		counts := map[string]float64{}
		const n = 2000
		for range n {
			l, err := h.Acquire("default", []byte("points"), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			counts[l.Version.Version()] += 100. / n
			l.Release()
		}
		got, _ := ui.Shares(h.Models("default")[0])
		maps.DeleteFunc(got, func(_ string, p float64) bool { return p == 0 })
		if len(got) != len(counts) {
			t.Errorf("%v: %v are shown, of %v", config, got, counts)
		}
		for version, p := range got {
			if math.Abs(p-counts[version]) > .5 {
				t.Errorf("%v: %v are shown, and chosen %v", config, got, counts)
			}
		}
	}
	_, shadow := ui.Shares(host.ModelStatus{
		Config:   host.ModelConfig{Labels: map[string]string{"next": "2"}, Shadow: map[string]float64{"next": 30, "3": 10}},
		Versions: []host.VersionStatus{{Version: "1", State: host.Ready}, {Version: "2", State: host.Ready}, {Version: "3", State: host.Loading}},
	})
	if !maps.Equal(shadow, map[string]float64{"2": 30}) {
		t.Errorf("shadows are %v", shadow)
	}
}

// Classifiers of squares are drawn for; MNIST's have a margin.
func TestImages(t *testing.T) {
	classes := protocol.Tensor{Name: "probabilities", Datatype: protocol.FP32, Shape: []int{-1, 2}, Labels: []string{"a", "b"}}
	number := protocol.Tensor{Name: "prediction", Datatype: protocol.FP32, Shape: []int{-1, 1}}
	for _, tt := range []struct {
		shape, also []int
		out         protocol.Tensor
		want        [3]int
	}{
		{[]int{-1, 784}, nil, classes, [3]int{28, 4, 255}},
		{[]int{-1, 784}, []int{-1, 1, 28, 28}, classes, [3]int{28, 4, 255}},
		{[]int{-1, 1024}, []int{-1, 1, 32, 32}, classes, [3]int{32, 4, 255}},
		{[]int{-1, 1024}, []int{-1, 32, 32, 1}, classes, [3]int{32, 4, 255}},
		{[]int{-1, 1024}, []int{-1, 1, 16, 64}, classes, [3]int{}},
		{[]int{-1, 64}, nil, classes, [3]int{8, 0, 16}},
		{[]int{-1, 784}, nil, number, [3]int{}},
		{[]int{-1, 3072}, []int{-1, 3, 32, 32}, classes, [3]int{}}, // in colour
		{[]int{-1, 1}, []int{-1, 1, 1}, classes, [3]int{}},
		{[]int{-1, 1024}, nil, classes, [3]int{}},
	} {
		s := &protocol.Signature{Model: "m", Version: "1", Inputs: []protocol.Tensor{{Name: "input", Datatype: protocol.FP32, Shape: tt.shape}}, Outputs: []protocol.Tensor{tt.out}}
		if tt.also != nil {
			s.Inputs[0].Also = [][]int{tt.also}
		}
		if err := s.Init(); err != nil {
			t.Fatal(err)
		}
		side, margin, ink := ui.Drawn(s)
		if got := [3]int{side, margin, ink}; got != tt.want {
			t.Errorf("%v, %v: %v, want %v", tt.shape, tt.also, got, tt.want)
		}
	}
}

// Bars are in the order of classes; of many the likeliest are shown.
func TestBars(t *testing.T) {
	if shown, best := ui.Bars([]string{"a", "b", "c"}, []float32{.2, .5, .3}); strings.Join(shown, "") != "abc" || best != "b" {
		t.Errorf("%v, %s", shown, best)
	}
	labels, p := make([]string, 100), make([]float32, 100)
	for i := range labels {
		labels[i], p[i] = strconv.Itoa(i), float32((i*37)%100)/5000
	}
	shown, best := ui.Bars(labels, p)
	var want []string
	for i := range labels {
		if (i*37)%100 >= 88 {
			want = append(want, labels[i])
		}
	}
	if !slices.Equal(shown, want) || best != "27" { // 27 · 37 = 999
		t.Errorf("%v, %s; want %v", shown, best, want)
	}
	if _, best := ui.Bars([]string{"a", "b"}, []float32{float32(math.NaN()), float32(math.Inf(1))}); best != "b" {
		t.Errorf("the best of NaN and infinity is %q", best)
	}
}

// hostile are texts that would be more than texts if they were not escaped.
var hostile = []string{
	`<script>alert(1)</script>`, `" onmouseover="alert(1)`, `' autofocus onfocus='alert(1)`, `</textarea><img src=x onerror=alert(1)>`, `{"a":1}&lt;b&gt;`,
}

// Names of columns and classes, and what is wrong with a folder, are texts whatever they say: parsed, the page has no element and no
// attribute that it has not with harmless ones.
func TestEscapes(t *testing.T) {
	quoted := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
	shapes := map[bool]string{}
	for _, bad := range []bool{false, true} {
		names := []string{"a", "b", "c", "d", "e"}
		if bad {
			names = hostile
		}
		var file strings.Builder
		for _, name := range names {
			file.WriteString(quoted(name) + ",")
		}
		file.WriteString("class\n")
		for i := range 40 {
			fmt.Fprintf(&file, "%d,%d,%d,%d,%d,%s\n", i%5, i%3, i%2, i%7, i, quoted(names[i%5]))
		}
		input := filepath.Join(t.TempDir(), "hostile.csv")
		if err := os.WriteFile(input, []byte(file.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		h := hosted(t, host.Config{}, map[string]string{"m/1": train(t, input, "--hidden", "4", "--epochs", "1", "--batch", "8")})
		missing := "/none/" + names[0]
		if err := h.Load(t.Context(), "m", "2", missing); err == nil {
			t.Fatal("there is no such folder")
		}
		r := listen(t, httpd.Config{Host: h})
		var all, texts strings.Builder
		for _, a := range []answer{
			r.do(t, http.MethodGet, "/ui", "", nil), r.do(t, http.MethodGet, "/ui/form?target=m", "", nil),
			r.test(t, "", "m", "[1,2,3,4,5]"), r.test(t, "", "m", `{"`+names[0]+`": {}}`), r.test(t, "", names[1], "[1]"),
			r.do(t, http.MethodGet, "/ui/targets?target="+"%22%3E%3Cb%3E", "", nil),
		} {
			shape(t, a.body, &all, &texts)
		}
		shapes[bad] = all.String()
		for _, name := range names {
			if !strings.Contains(texts.String(), name) {
				t.Errorf("the page does not show %s", name)
			}
		}
	}
	if shapes[true] != shapes[false] {
		t.Errorf("the page is another one:\n%s\nwith harmless names:\n%s", shapes[true], shapes[false])
	}
}

// shape writes the elements and the names of their attributes, and texts.
func shape(t *testing.T, page string, all, texts *strings.Builder) {
	t.Helper()
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			token := z.Token()
			all.WriteString(token.Type.String() + " " + token.Data)
			for _, a := range token.Attr {
				all.WriteString(" " + a.Key)
			}
			all.WriteByte('\n')
		case html.TextToken:
			texts.WriteString(z.Token().Data)
		case html.CommentToken:
			all.WriteString("comment\n")
		case html.DoctypeToken:
		}
	}
}
