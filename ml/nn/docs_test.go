package nn_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"scalar/ml/nn"
)

// TestDocs checks that the examples of docs/nets.md are nets, and that it tells of every type
// and every key.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/nets.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(page, -1)
	want := []struct{ features, count int }{{784, 8*9 + 2*8 + 16*8*25 + 16 + 4000 + 10}, {20, 20*32 + 32 + 32*64 + 64 + 64*32 + 32 + 52*10 + 10}}
	if len(examples) != len(want) {
		t.Fatalf("%d examples", len(examples))
	}
	for i, x := range examples {
		s, err := nn.Parse(x[1])
		if err != nil {
			t.Fatal(err)
		}
		s, err = s.WithOutputs([]int{want[i].features}, 10)
		if err != nil {
			t.Fatal(err)
		}
		if g := compile(t, s); g.Count() != want[i].count {
			t.Errorf("example %d has %d weights, want %d", i, g.Count(), want[i].count)
		}
	}
	keys := []string{"units", "no_bias", "filters", "kernel", "window", "stride", "pad", "rate", "momentum", "epsilon", "vocabulary", "activation", "name", "from", "type", "input", "loss", "layers"}
	for _, word := range append(keys, nn.Types()...) {
		if !strings.Contains(string(page), "`"+word+"`") {
			t.Errorf("%s is not told of", word)
		}
	}
	_, err = nn.Compile(net([]int{16, 10, 10}, "", nn.Layer{Type: nn.MaxPool, Window: nn.Pair{2, 2}}, nn.Layer{Type: nn.Dense, Units: 3}))
	if err == nil || !strings.Contains(string(page), "    "+err.Error()+"\n") {
		t.Errorf("the page does not have the error %v", err)
	}
}
