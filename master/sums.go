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
func (s summedLog) StoreLog(log *raft.Log) error { return s.StoreLogs([]*raft.Log{log}) }

// StoreLogs writes entries with their sums. What it is given, which others read meanwhile, stays as it is.
func (s summedLog) StoreLogs(logs []*raft.Log) error {
	summed := make([]raft.Log, len(logs))
	stored := make([]*raft.Log, len(logs))
	for i, log := range logs {
		summed[i] = *log
		summed[i].Extensions = sumOf(log)
		stored[i] = &summed[i]
	}
	return s.LogStore.StoreLogs(stored)
}

// GetLog reads an entry, and returns an error if it is not what was written.
func (s summedLog) GetLog(index uint64, log *raft.Log) error {
	if err := s.LogStore.GetLog(index, log); err != nil {
		return err
	}
	if log.Index != index || len(log.Extensions) > 0 && !bytes.Equal(log.Extensions, sumOf(log)) {
		return fmt.Errorf("entry %d of the Raft log is damaged: restore the whole data folder, or wipe it and let the master join anew", index)
	}
	log.Extensions = nil
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
func sumOf(log *raft.Log) []byte {
	head := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(make([]byte, 0, 17), log.Index), log.Term)
	head = append(head, byte(log.Type))
	table := crc32.MakeTable(crc32.Castagnoli)
	return binary.BigEndian.AppendUint32(nil, crc32.Update(crc32.Checksum(head, table), table, log.Data))
}
