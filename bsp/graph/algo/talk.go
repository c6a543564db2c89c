package algo

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"

	"scalar/internal/splitmix"
)

// talk is how peers agree on values by ids. An id belongs to the peer that its hash names.
type talk struct {
	peers, index int
	allToAll     func([][]byte) ([][]byte, error)
}

var errTalk = errors.New("what another peer says is malformed: do all peers run the same program?")

func (t talk) owner(id uint64) int { return int(splitmix.Next(id) >> 32 * uint64(t.peers) >> 32) }

// tell gives two numbers to all peers, and returns those of all.
func (t talk) tell(a, b uint64) ([][2]uint64, error) {
	out := make([][]byte, t.peers)
	for q := range out {
		out[q] = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, a), b)
	}
	told, err := t.allToAll(out)
	if err != nil {
		return nil, err
	}
	all := make([][2]uint64, 0, len(told))
	for _, x := range told {
		if len(x) != 16 {
			return nil, errTalk
		}
		all = append(all, [2]uint64{binary.LittleEndian.Uint64(x), binary.LittleEndian.Uint64(x[8:])})
	}
	return all, nil
}

// agree folds the values that all peers give for equal keys, in any order, and returns
// the outcome for each key of this peer, and for all keys that it owns.
func (t talk) agree(keys, values []uint64, fold func(a, b uint64) uint64) (agreed []uint64, owned map[uint64]uint64, err error) {
	out := make([][]byte, t.peers)
	for i, k := range keys {
		q := t.owner(k)
		out[q] = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(out[q], k), values[i])
	}
	told, err := t.allToAll(out)
	if err != nil {
		return nil, nil, err
	}
	owned = map[uint64]uint64{}
	for _, b := range told {
		for ; len(b) >= 16; b = b[16:] {
			k, x := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
			if before, ok := owned[k]; ok {
				x = fold(before, x)
			}
			owned[k] = x
		}
	}
	answers := make([][]byte, t.peers)
	for q, b := range told {
		answers[q] = make([]byte, 0, len(b)/2)
		for ; len(b) >= 16; b = b[16:] {
			answers[q] = binary.LittleEndian.AppendUint64(answers[q], owned[binary.LittleEndian.Uint64(b)])
		}
	}
	if answers, err = t.allToAll(answers); err != nil {
		return nil, nil, err
	}
	agreed = make([]uint64, len(keys))
	for i, k := range keys {
		q := t.owner(k)
		if len(answers[q]) < 8 {
			return nil, nil, errTalk
		}
		agreed[i], answers[q] = binary.LittleEndian.Uint64(answers[q]), answers[q][8:]
	}
	return agreed, owned, nil
}

// send gives links to the owners of where they come from, and returns those of this peer,
// combined and in order.
func (t talk) send(links []Link) ([]Link, error) {
	links = combineLinks(links)
	out := make([][]byte, t.peers)
	for _, l := range links {
		q := t.owner(l.From)
		b := binary.LittleEndian.AppendUint64(out[q], l.From)
		out[q] = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, l.To), l.Weight)
	}
	told, err := t.allToAll(out)
	if err != nil {
		return nil, err
	}
	links = links[:0]
	for _, b := range told {
		for ; len(b) >= 24; b = b[24:] {
			links = append(links, Link{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])})
		}
	}
	return combineLinks(links), nil
}

// combineLinks sorts links and adds up those of the same ends.
func combineLinks(links []Link) []Link {
	slices.SortFunc(links, func(a, b Link) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	n := 0
	for _, l := range links {
		if n > 0 && links[n-1].From == l.From && links[n-1].To == l.To {
			links[n-1].Weight += l.Weight
		} else {
			links[n] = l
			n++
		}
	}
	return links[:n]
}
