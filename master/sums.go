package master

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/hashicorp/raft"
)

// summedLog keeps a sum with each entry on the disk, in its Extensions, which Raft leaves to middleware: raft-wal has sums of what it writes
// at once, but does not look at them again, so that a bit that has turned since would be applied. Entries without a sum, of
// a version that had none, are taken as they are.
type summedLog struct{ raft.LogStore }

// IsMonotonic forwards the promise of the store below.
func (s summedLog) IsMonotonic() bool {
	m, ok := s.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// StoreLog writes an entry with its sum.
func (s summedLog) StoreLog(entry *raft.Log) error { return s.StoreLogs([]*raft.Log{entry}) }

// StoreLogs writes entries with their sums. What it is given, which others read meanwhile, stays as it is.
func (s summedLog) StoreLogs(logs []*raft.Log) error {
	summed := make([]raft.Log, len(logs))
	stored := make([]*raft.Log, len(logs))
	for i, entry := range logs {
		summed[i] = *entry
		summed[i].Extensions = sumOf(entry)
		stored[i] = &summed[i]
	}
	return s.LogStore.StoreLogs(stored)
}

// GetLog reads an entry, and returns an error if it is not what was written.
func (s summedLog) GetLog(index uint64, entry *raft.Log) error {
	if err := s.LogStore.GetLog(index, entry); err != nil {
		return err
	}
	if entry.Index != index || len(entry.Extensions) > 0 && !bytes.Equal(entry.Extensions, sumOf(entry)) {
		return fmt.Errorf("entry %d of the Raft log is damaged: restore the whole data folder, or wipe it and let the master join anew", index)
	}
	entry.Extensions = nil
	return nil
}

// check reads all entries.
func (s summedLog) check() error {
	first, err := s.FirstIndex()
	if err != nil {
		return err
	}
	last, err := s.LastIndex()
	if err != nil {
		return err
	}
	for i := max(first, 1); i <= last; i++ {
		if err := s.GetLog(i, &raft.Log{}); err != nil {
			return err
		}
	}
	return nil
}

// sumOf is the sum of what Raft needs of an entry.
func sumOf(entry *raft.Log) []byte {
	head := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(make([]byte, 0, 17), entry.Index), entry.Term)
	head = append(head, byte(entry.Type))
	table := crc32.MakeTable(crc32.Castagnoli)
	return binary.BigEndian.AppendUint32(nil, crc32.Update(crc32.Checksum(head, table), table, entry.Data))
}
