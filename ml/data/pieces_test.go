package data_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"scalar/ml/data"
)

// pieceInputs are inputs of every kind of rows.
func pieceInputs(tb testing.TB) map[string]data.Input {
	tb.Helper()
	table := "x,y,k\n" + strings.Repeat("1,2.5,a\n1,2.5,a\n1,2.5,c\n?,1,b\n4,2.5,a\n1,2.5,c\n1,0.5,a\n", 15)
	svm := strings.Repeat("+1 1:.5 1000:2\n-1\n-1 3:4 7:1e-3 9:1\n", 100)
	dir := testData(tb)
	npy := func(name string) string { return filepath.Join(dir, "npy", name) }
	images, err := os.ReadFile(npy("images.npy"))
	if err != nil {
		tb.Fatal(err)
	}
	return map[string]data.Input{
		"table":   {URL: write(tb, "a.csv", table), Target: data.Classes, Missing: data.MissingDrop, Scale: data.Columns},
		"numbers": {URL: write(tb, "b.csv", strings.Repeat("1,2,3\n4,5,6\n", 30)), Target: data.Numbers},
		"plain":   {URL: write(tb, "c.csv", strings.Repeat("1.5,2,3\n4,5,6\n", 30))},
		"sparse":  {URL: write(tb, "d.txt", svm), Target: data.Classes},
		"images":  {URL: npy("images.npy"), Target: data.Numbers, Labels: npy("vector.npy")},
		"classes": {URL: npy("images.npy"), Target: data.Classes, Labels: npy("vector.npy")},
		"packed":  {URL: write(tb, "images.npy.gz", string(images)), Target: data.Classes, Labels: npy("vector.npy")},
		"columns": {URL: npy("images.npy"), Target: data.Classes, Labels: npy("vector.npy"), Scale: data.Columns},
		"column":  {URL: npy("t_f4_le.npy"), Target: data.Numbers, Scale: data.Columns},
	}
}

func testData(tb testing.TB) string {
	tb.Helper()
	dir, err := filepath.Abs("testdata")
	if err != nil {
		tb.Fatal(err)
	}
	return dir
}

// TestPieces: the rows of a part in pieces are those of the part, as are what is said of them,
// and no piece has many more bytes than it may have.
func TestPieces(t *testing.T) {
	for name, in := range pieceInputs(t) {
		want, transform := mustLoad(t, in)
		for _, limit := range []int64{1, 50, 200, 1 << 20} {
			in.Piece, in.Hold = limit, 300-limit
			for parts := 1; parts < 4; parts++ {
				got, told, err := load(t, in, parts)
				if err != nil || told != transform {
					t.Fatalf("%s in pieces of %d: %v, transform %s, want %s", name, limit, err, told, transform)
				}
				sameRows(t, name, got, want)
			}
			var all []*data.Set
			ended := false
			src, err := data.Open(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			err = src.Pieces(t.Context(), encoder(t, transform), 0, 1, func(piece *data.Set, last bool) error {
				if ended {
					t.Errorf("%s: there is a piece after the last one", name)
				}
				if all, ended = append(all, piece), last; piece.Len() > 1 && piece.Bytes()*int64(piece.Len()-1)/int64(piece.Len()) > 4*limit {
					t.Errorf("%s: a piece of %d bytes, and they should have %d", name, piece.Bytes(), limit)
				}
				return nil
			})
			if most := limit == 1<<20; err != nil || !ended || most && len(all) > 1 || limit == 1 && len(all) < want.Len() {
				t.Errorf("%s: %d pieces of %d bytes, ended %v, %v", name, len(all), limit, ended, err)
			}
			sameRows(t, name, data.Join(append(all, src.None(encoder(t, transform)))...), want)
		}
	}
}

// TestBytes: what rows take, by hand.
func TestBytes(t *testing.T) {
	for name, want := range map[string]int64{"floats": 3*2*4 + 3*4, "number": 2*2*4 + 2*8, "sparse": 4*8 + 3*8 + 3*4, "plain": 2 * 3 * 4} {
		set := kinds(t)[name]
		if set.Bytes() != want {
			t.Errorf("%s: %d bytes, want %d", name, set.Bytes(), want)
		}
	}
}
