package graph

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

func (d *nameCensus) union(payloads [][]byte, _ bool) (dictionary, [][]uint32, error) {
	var all [][]byte
	counts, size := make([]int, len(payloads)), 0
	for from, b := range payloads {
		size += len(b)
		for len(b) > 0 {
			name, rest, err := cutName(b)
			if err != nil {
				return nil, nil, err
			}
			all, b = append(all, name), rest
			counts[from]++
		}
	}
	if len(all) > maxVertices {
		return nil, nil, tooManyVertices(len(all))
	}
	order := make([]keyed, len(all))
	for i := range order {
		order[i].at = uint32(i)
	}
	sortNames(all, order, make([]keyed, len(all)), 0)
	flat := make([]uint32, len(all))
	sorted := &stringIDs{arena: make([]byte, 0, size), ends: make([]uint64, 0, len(all)/max(len(payloads), 1))}
	for i, x := range order {
		if name := all[x.at]; i == 0 || !bytes.Equal(name, all[order[i-1].at]) {
			sorted.add(name)
		}
		flat[x.at] = uint32(sorted.size() - 1)
	}
	numbers := make([][]uint32, len(payloads))
	for from, n := range counts {
		numbers[from], flat = flat[:n], flat[n:]
	}
	return sorted, numbers, nil
}

// fewNames is how many names are compared whole instead of sorted by further bytes.
const fewNames = 32

// sortNames sorts names that are equal in their first depth bytes: by the next eight,
// as a number, and those that are equal in them by what follows.
func sortNames(names [][]byte, order, spare []keyed, depth int) {
	if len(order) <= fewNames {
		slices.SortFunc(order, func(a, b keyed) int { return bytes.Compare(names[a.at], names[b.at]) })
		return
	}
	for i := range order {
		order[i].key = prefix(names[order[i].at], depth)
	}
	sortKeyed(order, spare)
	for lo := 0; lo < len(order); {
		hi, longest := lo, 0
		for ; hi < len(order) && order[hi].key == order[lo].key; hi++ {
			longest = max(longest, len(names[order[hi].at]))
		}
		switch group := order[lo:hi]; {
		case len(group) == 1:
		case longest <= depth+8: // they differ in the zero bytes at their ends at most
			slices.SortFunc(group, func(a, b keyed) int { return cmp.Compare(len(names[a.at]), len(names[b.at])) })
		default:
			sortNames(names, group, spare[lo:hi], depth+8)
		}
		lo = hi
	}
}

// prefix returns eight bytes of a name, zeros after its end, as a number in their order.
func prefix(name []byte, depth int) uint64 {
	if len(name) >= depth+8 {
		return binary.BigEndian.Uint64(name[depth:])
	}
	var b [8]byte
	copy(b[:], name[min(depth, len(name)):])
	return binary.BigEndian.Uint64(b[:])
}
