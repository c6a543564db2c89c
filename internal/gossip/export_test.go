package gossip

import "scalar/internal/pack"

// Meta encodes what a member says of itself.
func Meta(m Member, started int64) ([]byte, error) {
	return pack.Marshal(entry{Member: m, Started: started})
}

// Held are the keys that memberlist has.
func Held(k *Keys) [][]byte { return k.ring.GetKeys() }
