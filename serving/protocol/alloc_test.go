package protocol_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"scalar/serving/protocol"
)

// digits is the signature of a classifier of 784 numbers, with the answer to a row.
func digits(tb testing.TB) (*protocol.Signature, *protocol.Answer) {
	tb.Helper()
	labels, p := make([]string, 10), make([]float32, 10)
	for i := range labels {
		labels[i], p[i] = strconv.Itoa(i), 1/float32(i+7)
	}
	s := &protocol.Signature{
		Model: "digits", Version: "1",
		Inputs: []protocol.Tensor{{Name: "input", Datatype: protocol.FP32, Shape: []int{-1, 784}, Also: [][]int{{-1, 1, 28, 28}}}},
		Outputs: []protocol.Tensor{
			{Name: "probabilities", Datatype: protocol.FP32, Shape: []int{-1, 10}, Labels: labels},
			{Name: "label", Datatype: protocol.BYTES, Shape: []int{-1, 1}, Labels: labels},
		},
	}
	if err := s.Init(); err != nil {
		tb.Fatal(err)
	}
	return s, &protocol.Answer{Rows: 1, Outputs: []protocol.Values{{F32: p}, {Classes: []int32{7}}}}
}

// row returns the texts of 784 random numbers, as bits wide as size says.
func row(size int) string {
	rng := rand.New(rand.NewPCG(1, 2))
	texts := make([]string, 784)
	for i := range texts {
		if size == 32 {
			texts[i] = strconv.FormatFloat(float64(rng.Float32()), 'g', -1, 32)
		} else {
			texts[i] = strconv.FormatFloat(rng.Float64(), 'g', -1, 64)
		}
	}
	return strings.Join(texts, ",")
}

func v2JSON(numbers string) []byte {
	return []byte(`{"id":"7","inputs":[{"name":"input","shape":[1,784],"datatype":"FP32","data":[` + numbers + `]}]}`)
}

func v2Binary() (body []byte, header int) {
	head := `{"inputs":[{"name":"input","shape":[1,784],"datatype":"FP32","parameters":{"binary_data_size":3136}}],"parameters":{"binary_data_output":true}}`
	body = []byte(head)
	for i := range 784 {
		body = binary.LittleEndian.AppendUint32(body, math.Float32bits(float32(i)/3))
	}
	return body, len(head)
}

func TestAllocations(t *testing.T) {
	s, a := digits(t)
	r, out := &protocol.Request{}, []byte(nil)
	json, mixed, nested := v2JSON(row(32)), []byte(nil), v2JSON("["+row(32)+"]")
	mixed, header := v2Binary()
	check := func(name string, f func() error) {
		t.Helper()
		if err := f(); err != nil {
			t.Fatal(name, err)
		}
		if n := testing.AllocsPerRun(100, func() { _ = f() }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	numbers := row(32)
	instances := []byte(`{"instances":[[` + numbers + `]]}`)
	late := []byte(`{"inputs":[{"data":[` + numbers + `],"name":"input","shape":[1,784],"datatype":"FP32"}]}`)
	ints := []byte(`{"inputs":[{"name":"input","shape":[1,784],"datatype":"UINT8","data":[` + strings.Repeat("255,", 783) + `0]}]}`)
	unknown := append([]byte(`{"more":[{"a":[1,{}]},"\n"],`), json[1:]...)
	check("unknown", func() error { return r.ParseV2(s, unknown, -1) })
	check("JSON", func() error { return r.ParseV2(s, json, -1) })
	check("nested", func() error { return r.ParseV2(s, nested, -1) })
	check("ints", func() error { return r.ParseV2(s, ints, -1) })
	check("instances", func() error { return r.ParseTF(s, instances) })
	check("TF answer", func() error { out = protocol.AppendTF(out[:0], s, r, a); return nil })
	check("row", func() error {
		return r.ParseNative(s, []byte("application/json"), instances[len(`{"instances":`):len(instances)-1])
	})
	check("native answer", func() error { out = protocol.AppendNative(out[:0], s, r, a); return nil })
	line := []byte(numbers)
	check("CSV", func() error { return r.ParseNative(s, []byte("text/csv"), line) })
	check("late", func() error { return r.ParseV2(s, late, -1) })
	h := houses(t)
	for _, body := range []string{`[1,2.5,"no\n"]`, `{"rooms":3,"size":1,"district":null}`, `{"input":[1,2,"a"]}`, "size,rooms,district\n1,2,\"a\"\n", "1,2,3\n4,5,6"} {
		text := []byte(body)
		check(body, func() error { return r.ParseNative(h, nil, text) })
	}
	check("JSON again", func() error { return r.ParseV2(s, json, -1) })
	check("answer", func() error { out, _ = protocol.AppendV2(out[:0], s, r, a); return nil })
	if n := r.Size(); n < 4*784 || n > 1<<16 {
		t.Errorf("it keeps %d bytes", n)
	}
	check("binary", func() error { return r.ParseV2(s, mixed, header) })
	for shift := range 4 {
		shifted := append([]byte("    "[:shift]), mixed...)
		check("unaligned", func() error { return r.ParseV2(s, shifted, header+shift) })
	}
	check("binary answer", func() error { out, _ = protocol.AppendV2(out[:0], s, r, a); return nil })
}

func BenchmarkParse(b *testing.B) {
	s, _ := digits(b)
	mixed, header := v2Binary()
	signs := strings.Split(row(32), ",")
	for i := range signs {
		if rand.IntN(2) == 0 {
			signs[i] = "-" + signs[i]
		}
	}
	zeros := strings.Repeat("0.0,", 783) + "0.0"
	for _, bb := range []struct {
		name   string
		body   []byte
		header int
	}{
		{"f32", v2JSON(row(32)), -1},
		{"f64", v2JSON(row(64)), -1},
		{"blanks", v2JSON(strings.ReplaceAll(row(32), ",", ", ")), -1},
		{"signs", v2JSON(strings.Join(signs, ",")), -1},
		{"zeros", v2JSON(zeros), -1},
		{"binary", mixed, header},
	} {
		b.Run(bb.name, func(b *testing.B) {
			r := &protocol.Request{}
			b.SetBytes(int64(len(bb.body)))
			b.ReportAllocs()
			for b.Loop() {
				if err := r.ParseV2(s, bb.body, bb.header); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMany reads 64 bodies in turn, so that the processor cannot learn what comes.
func BenchmarkMany(b *testing.B) {
	s, _ := digits(b)
	for _, bb := range []struct {
		name string
		text func() string
	}{
		{"f32", func() string { return strconv.FormatFloat(float64(rand.Float32()), 'g', -1, 32) }},
		{"f64", func() string { return strconv.FormatFloat(rand.Float64(), 'g', -1, 64) }},
		{"signed", func() string { return strconv.FormatFloat(float64(float32(rand.NormFloat64())), 'g', -1, 32) }},
		{"pixels", func() string { return strconv.Itoa(max(0, rand.IntN(512)-256)) }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			var bodies [64][]byte
			for i := range bodies {
				texts := make([]string, 784)
				for k := range texts {
					texts[k] = bb.text()
				}
				bodies[i] = v2JSON(strings.Join(texts, ","))
			}
			r, i := &protocol.Request{}, 0
			b.ReportAllocs()
			for b.Loop() {
				if err := r.ParseV2(s, bodies[i%len(bodies)], -1); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}

func BenchmarkFour(b *testing.B) {
	s, r := iris(b), &protocol.Request{}
	body := []byte(`{"inputs":[{"name":"input","shape":[1,4],"datatype":"FP32","data":[5.1,3.5,1.4,0.2]}]}`)
	b.ReportAllocs()
	for b.Loop() {
		if err := r.ParseV2(s, body, -1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	s, a := digits(b)
	r, out := &protocol.Request{}, []byte(nil)
	if err := r.ParseV2(s, v2JSON(row(32)), -1); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		out, _ = protocol.AppendV2(out[:0], s, r, a)
	}
}

// BenchmarkStrconv is what reading the numbers alone takes with strconv, for comparison.
func BenchmarkStrconv(b *testing.B) {
	for _, size := range []int{32, 64} {
		texts := strings.Split(row(size), ",")
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			for b.Loop() {
				for _, t := range texts {
					if _, err := strconv.ParseFloat(t, 32); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
