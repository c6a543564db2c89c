package gossip

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/hashicorp/memberlist"
)

// Keys are what a member encrypts with and understands. They can be changed while it
// runs, so that a cluster moves to another key without anybody falling out: all learn
// it, then all use it, then all forget the old one. Safe for concurrent use.
type Keys struct {
	ring *memberlist.Keyring

	mu   sync.Mutex // guards list, and changes of ring
	list [][]byte
}

// NewKeys returns keys of KeySize bytes each: the first encrypts what is sent, all are
// understood.
func NewKeys(list [][]byte) (*Keys, error) {
	if err := CheckKeys(list); err != nil {
		return nil, err
	}
	list = clone(list)
	ring, err := memberlist.NewKeyring(list, list[0])
	if err != nil {
		return nil, fmt.Errorf("gossip keys: %w", err)
	}
	return &Keys{ring: ring, list: list}, nil
}

// CheckKeys says what is wrong with a list of keys.
func CheckKeys(list [][]byte) error {
	if len(list) == 0 {
		return errors.New("no gossip key: use the one that bsp init made")
	}
	for i, k := range list {
		if len(k) != KeySize {
			return fmt.Errorf("gossip key of %d bytes, want %d: use the one that bsp init made", len(k), KeySize)
		}
		if contains(list[:i], k) {
			return fmt.Errorf("gossip key %d of %d is there twice", i+1, len(list))
		}
	}
	return nil
}

// Set replaces the keys, as for NewKeys, and reports whether they are others. After an
// error they are what they were.
func (k *Keys) Set(list [][]byte) (changed bool, err error) {
	if err := CheckKeys(list); err != nil {
		return false, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if slices.EqualFunc(k.list, list, bytes.Equal) {
		return false, nil
	}
	list = clone(list)
	if err := k.install(list); err != nil {
		return false, fmt.Errorf("gossip keys: %w", err)
	}
	k.list = list
	return true, nil
}

// install makes the ring hold these keys. The caller holds k.mu.
func (k *Keys) install(list [][]byte) error {
	add := func() error {
		for _, key := range list {
			if err := k.ring.AddKey(key); err != nil {
				return err
			}
		}
		return nil
	}
	if err := add(); err != nil {
		return err
	}
	if err := k.ring.UseKey(list[0]); err != nil {
		return err
	}
	all := slices.Clone(k.ring.GetKeys())
	stale := slices.IndexFunc(all, func(key []byte) bool { return !contains(list, key) })
	if stale < 0 {
		return nil
	}
	// memberlist removes a key by moving those behind it in an array that others may be
	// reading. So all from the end on go, and those that are to stay come back.
	for _, key := range slices.Backward(all[stale:]) {
		if err := k.ring.RemoveKey(key); err != nil {
			return err
		}
	}
	return add()
}

func contains(list [][]byte, key []byte) bool {
	return slices.ContainsFunc(list, func(k []byte) bool { return bytes.Equal(k, key) })
}

func clone(list [][]byte) [][]byte {
	own := make([][]byte, len(list))
	for i, k := range list {
		own[i] = bytes.Clone(k)
	}
	return own
}
