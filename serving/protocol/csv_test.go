package protocol_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"scalar/serving/protocol"
)

func TestCSV(t *testing.T) {
	const nan = "NaN"
	for _, tt := range []struct{ name, kind, body, want string }{
		{"plain", "text/csv", "1,2,3,4\n5,6,7,8\n", "1 2 3 4 5 6 7 8"},
		{"no end", "text/csv", "1,2,3,4", "1 2 3 4"},
		{"windows", "text/csv", "\xef\xbb\xbf1,2,3,4\r\n\r\n5,6,7,8\r\n", "1 2 3 4 5 6 7 8"},
		{"header", "text/csv", "sl,sw,pl,pw\n1,2,3,4\n", "1 2 3 4"},
		{"other order", "text/csv", "pw,pl,sw,sl\n4,3,2,1\n8,7,6,5", "1 2 3 4 5 6 7 8"},
		{"quotes", "text/csv", "\"sl\",\"sw\" , pl ,pw\n\"1\",\" 2\",3,4\n", "error line 2 of the CSV: \" 2\" in column \"sw\" is no number that float32 holds"},
		{"missing", "text/csv", "1,,NA,?\n", "1 " + nan + " " + nan + " " + nan},
		{"semicolons", "text/csv; charset=utf-8", "1; 2;\t3;4\n", "1 2 3 4"},
		{"tabs", "", "1\t2\t\t4\n", "1 2 " + nan + " 4"},
		{"curl", "application/x-www-form-urlencoded", "1,2,3,4", "1 2 3 4"},
		{"curl JSON", "application/x-www-form-urlencoded", " [1,2,3,4]", "1 2 3 4"},
		{"more than JSON", "text/csv", "+1,.5,1.,5e-1\n", "1 0.5 1 0.5"},
		{"only Go", "text/csv; header=absent", "1,2,3,1_0\n", `error line 1 of the CSV: "1_0" in column "pw" is no number that float32 holds`},
		{"unknown name", "text/csv", "sl,sw,pl,x\n1,2,3,4\n", `error the model has no column "x": it has "sl", "sw", "pl", "pw"`},
		{"name twice", "text/csv", "sl,sw,pl,sl\n1,2,3,4\n", `error a row has the column "sl" twice`},
		{"few names", "text/csv", "sl,sw\n1,2\n", "error line 1 of the CSV: 2 fields: the model has 4 columns"},
		{"long line", "text/csv", "1,2,3,4\n\n1,2,3,4,5\n", "error line 3 of the CSV: more than 4 fields: the model has that many columns"},
		{"short line", "text/csv", "1,2,3,4\n1,2,3\n", "error line 2 of the CSV: 3 fields: the model has 4 columns"},
		{"a word", "text/csv", "1,2,3,4\n1,2,x,4\n", `error line 2 of the CSV: "x" in column "pl" is no number that float32 holds`},
		{"too large", "text/csv", "1,2,3,1e39\n", `error line 1 of the CSV: "1e39" in column "pw" is no number that float32 holds`},
		{"infinite", "text/csv", "1,2,3,inf\n", `error line 1 of the CSV: "inf" in column "pw" is no number that float32 holds`},
		{"no header", "text/csv; header=absent", "sl,sw,pl,pw\n", `error line 1 of the CSV: "sl" in column "sl" is no number that float32 holds`},
		{"only header", "text/csv", "sl,sw,pl,pw\n", "error the CSV has no line of values"},
		{"nothing", "text/csv", "\n\n", "error the CSV has no line of values"},
		{"open quote", "text/csv", "1,2,3,\"4\n", "error line 1 of the CSV: a field in quotes has no end"},
		{"quote inside", "text/csv", "1,2,3,4\"\n", "error line 1 of the CSV: a quote inside a field: put the whole field in quotes, and the quote twice"},
		{"after a quote", "text/csv", "1,2,3,\"4\"5\n", "error line 1 of the CSV: something follows the quote that ends a field: a quote inside one is written twice"},
		{"another type", "image/png", "x", "error the content is of type \"image/png\": want application/json or text/csv"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &protocol.Request{}
			var got string
			if err := r.ParseNative(iris(t), []byte(tt.kind), []byte(tt.body)); err != nil {
				checkError(t, err)
				got = "error " + err.Error()
			} else {
				got = strings.Trim(fmt.Sprint(r.X), "[]")
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	r := &protocol.Request{}
	for body, want := range map[string]string{
		"1,2,north\n,2,\"a \"\"b\"\"\n\"\n":          `["1" "2" "north" "" "2" "a \"b\"\n"]`,
		"district,size,rooms\nnorth,1,2\nsouth, 3,4": `["1" "2" "north" "3" "4" "south"]`,
	} {
		if err := r.ParseNative(houses(t), []byte("text/csv"), []byte(body)); err != nil || strings.ReplaceAll(fmt.Sprintf("%q", cellTexts(r)), `\\`, `\`) != want {
			t.Errorf("%v %q", err, cellTexts(r))
		}
	}
	if err := r.ParseNative(points(t), []byte("text/csv"), []byte("x\n5\n6\n")); err != nil || !slices.Equal(r.X, []float32{5, 6}) {
		t.Errorf("%v %v", err, r.X)
	}
	if err := r.ParseNative(points(t), []byte("text/csv; header=present"), []byte("5\n6\n")); err != nil || !slices.Equal(r.X, []float32{6}) {
		t.Errorf("%v %v", err, r.X)
	}
}

func cellTexts(r *protocol.Request) (texts []string) {
	for _, c := range r.Cells {
		texts = append(texts, string(c.Text))
	}
	return texts
}

// CSV that encoding/csv writes, with what is to be quoted in it, comes back; numbers as strconv reads them.
func TestCSVDifferential(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	r := &protocol.Request{}
	for range 5_000 {
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.UseCRLF = rng.IntN(2) == 0
		rows := 1 + rng.IntN(4)
		want := make([]string, 0, 3*rows)
		for range rows {
			record := []string{strconv.FormatFloat(rng.NormFloat64(), 'g', -1, 64), strconv.Itoa(rng.IntN(100)), ""}
			for range 1 + rng.IntN(6) {
				record[2] += string([]rune("ab,;\"\n é")[rng.IntN(8)])
			}
			record[2] = strings.TrimRight("x"+record[2], " ")
			want = append(want, record...)
			if err := w.Write(record); err != nil {
				t.Fatal(err)
			}
		}
		w.Flush()
		if w.UseCRLF { // it writes line ends within fields so, too
			for i := range want {
				want[i] = strings.ReplaceAll(want[i], "\n", "\r\n")
			}
		}
		if err := r.ParseNative(houses(t), []byte("text/csv"), b.Bytes()); err != nil || !slices.Equal(cellTexts(r), want) {
			t.Fatalf("%q: %v %q, want %q", b.String(), err, cellTexts(r), want)
		}
		numbers := make([]string, 0, 3)
		for i := range want[:3] {
			numbers = append(numbers, strconv.FormatFloat(float64(float32(rng.NormFloat64())), 'g', -1, 32+32*(i%2)))
		}
		s := points(t)
		if err := r.ParseNative(s, []byte("text/csv"), []byte(strings.Join(numbers, "\n"))); err != nil || r.Rows != 3 {
			t.Fatal(err)
		}
		for i, text := range numbers {
			if x, _ := strconv.ParseFloat(text, 32); math.Float32bits(float32(x)) != math.Float32bits(r.X[i]) {
				t.Fatalf("%s is %v", text, r.X[i])
			}
		}
	}
}

func FuzzCSV(f *testing.F) {
	for _, body := range []string{"1,2,3,4\n", "sl,sw,pl,pw\n1;2", "\"a\"\"\",1\r\n", "1\t2\t3\t4\n\n?,NA,,1e39", "district,size,rooms\nnorth,1,2\n", "\xef\xbb\xbf5\n6"} {
		f.Add([]byte(body), uint8(0))
		f.Add([]byte(body), uint8(1))
	}
	all := []*protocol.Signature{iris(f), houses(f), points(f)}
	f.Fuzz(func(t *testing.T, body []byte, which uint8) {
		s, r := all[int(which)%len(all)], &protocol.Request{}
		kind := []string{"text/csv", "text/csv;header=present", "text/csv;header=absent", ""}[int(which>>4)%4]
		err := r.ParseNative(s, []byte(kind), body)
		checkError(t, err)
		if err == nil && (r.Rows < 1 || len(r.X)+len(r.Cells) != r.Rows*s.Width() || r.Rows > bytes.Count(body, []byte("\n"))+1) {
			t.Fatalf("%d rows, %d numbers, %d cells", r.Rows, len(r.X), len(r.Cells))
		}
		for _, x := range r.X {
			if err == nil && math.IsInf(float64(x), 0) {
				t.Fatal("an infinite number")
			}
		}
	})
}
