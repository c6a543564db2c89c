package fsm

// Table gives tests the package's map.
type Table struct{ t table[int, int] }

// Set returns the table with key set.
func (t Table) Set(k, v int) Table { return Table{t.t.set(k, v)} }

// Del returns the table without key.
func (t Table) Del(k int) Table { return Table{t.t.del(k)} }

// Map returns the contents, and whether they came in order.
func (t Table) Map() (map[int]int, bool) {
	m, last, ordered := map[int]int{}, -1, true
	for k, v := range t.t.all() {
		ordered = ordered && k > last
		last = k
		m[k] = v
		if got, ok := t.t.get(k); !ok || got != v {
			ordered = false
		}
	}
	return m, ordered && len(m) == t.t.len()
}
