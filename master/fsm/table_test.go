package fsm_test

import (
	"maps"
	"testing"

	"scalar/master/fsm"

	"pgregory.net/rapid"
)

// The immutable map behaves as a map, and older versions stay as they were.
func TestTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var table fsm.Table
		model := map[int]int{}
		type version struct {
			table fsm.Table
			model map[int]int
		}
		var versions []version
		for i := range rapid.IntRange(0, 400).Draw(t, "steps") {
			k := rapid.IntRange(0, 150).Draw(t, "key")
			if rapid.IntRange(0, 4).Draw(t, "set") > 1 {
				table, model[k] = table.Set(k, i), i
			} else {
				table = table.Del(k)
				delete(model, k)
			}
			if i%50 == 0 {
				versions = append(versions, version{table, maps.Clone(model)})
			}
		}
		for _, v := range append(versions, version{table, model}) {
			if m, ok := v.table.Map(); !ok || !maps.Equal(m, v.model) {
				t.Fatalf("table %v, model %v, consistent: %t", m, v.model, ok)
			}
		}
	})
}
