package fsm

import (
	"cmp"
	"iter"

	"github.com/benbjohnson/immutable"
)

// table is an immutable map sorted by key. The zero table is empty.
type table[K cmp.Ordered, V any] struct {
	m *immutable.SortedMap[K, V]
}

// byOrder compares keys without the reflection that the library's default
// comparer needs for named types.
type byOrder[K cmp.Ordered] struct{}

func (byOrder[K]) Compare(a, b K) int { return cmp.Compare(a, b) }

func (t table[K, V]) get(key K) (V, bool) {
	if t.m == nil {
		var zero V
		return zero, false
	}
	return t.m.Get(key)
}

func (t table[K, V]) set(key K, value V) table[K, V] {
	if t.m == nil {
		t.m = immutable.NewSortedMap[K, V](byOrder[K]{})
	}
	return table[K, V]{t.m.Set(key, value)}
}

func (t table[K, V]) del(key K) table[K, V] {
	if t.m == nil {
		return t
	}
	if t.m.Len() == 1 {
		// A tree emptied by Delete keeps a root without entries; start afresh.
		if _, ok := t.m.Get(key); ok {
			return table[K, V]{}
		}
	}
	return table[K, V]{t.m.Delete(key)}
}

func (t table[K, V]) len() int {
	if t.m == nil {
		return 0
	}
	return t.m.Len()
}

func (t table[K, V]) first() (K, V, bool) {
	for k, v := range t.all() {
		return k, v, true
	}
	var (
		key   K
		value V
	)
	return key, value, false
}

// all walks the table by key. It walks the table as it is now, whatever is set meanwhile.
func (t table[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if t.m == nil {
			return
		}
		for it := t.m.Iterator(); !it.Done(); {
			k, v, ok := it.Next()
			if !ok || !yield(k, v) {
				return
			}
		}
	}
}
