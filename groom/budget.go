package groom

import (
	"errors"
	"fmt"
	"slices"

	"scalar/bsp/job"
	"scalar/bsp/wire"
)

// maxSlots bounds Config.Slots: each may be a task of its own, and what a groom
// itself says of a task takes up to 800 bytes of a report, and the task's note 206.
const maxSlots = 4096

// reportRoom is how many bytes of a report the tasks on all slots together may fill
// with what they say. A report over pack.MaxOrders (16 MiB) is not sent, and without
// reports no orders come. The other half is for what the groom says of as many tasks
// as it has slots, of as many again that are ordered no more, and of storage.
const reportRoom = 8 << 20

const (
	maxAddr = 256  // bytes of an address that a task listens on
	maxPath = 4096 // bytes of a file's URL
)

// share is how many bytes of its groom's reports a task may fill: half with its
// checkpoints, a quarter with its parts, an eighth with counters, and an eighth with
// its failure.
type share int

func shareOf(peers, slots int) share {
	slots = max(slots, 1)
	return share(reportRoom / slots * min(max(peers, 1), slots))
}

func (s share) checkpoints() int { return int(s) / 2 }
func (s share) files() int       { return int(s) / 4 } // of one checkpoint, or of all parts
func (s share) counters() int    { return int(s) / 8 }
func (s share) failure() int     { return int(s) / 8 }

// check says what of a task's message a report has no room for.
func (s share) check(m wire.FromTask, own job.Range) error {
	switch {
	case m.Progress != nil && !m.Progress.Times.Valid(own.Lo, own.Hi), m.Done != nil && !m.Done.Times.Valid(own.Lo, own.Hi):
		return errors.New("times of peers that cannot be")
	case m.Progress != nil && !job.ValidNote(m.Progress.Note):
		return fmt.Errorf("a note of %d bytes: it must be one line of at most %d", len(m.Progress.Note), job.MaxNote)
	case m.Address != nil && len(m.Address.Addr) > maxAddr:
		return fmt.Errorf("an address of %d bytes", len(m.Address.Addr))
	case m.Checkpoint != nil:
		return s.checkFiles(m.Checkpoint.Files, own.N())
	case m.Done != nil:
		return s.checkFiles(m.Done.Parts, own.N()*wire.MaxFiles)
	}
	return nil
}

func (s share) checkFiles(files []wire.Part, most int) error {
	switch {
	case len(files) > most:
		return fmt.Errorf("%d files where there can be %d", len(files), most)
	case slices.ContainsFunc(files, func(p wire.Part) bool { return len(p.Path) > maxPath }):
		return errors.New("a path that is too long")
	case filesSize(files) > s.files():
		return fmt.Errorf("files whose paths take %d bytes of a report, where it has %d: use shorter paths or grooms with fewer slots", filesSize(files), s.files())
	}
	return nil
}

// newest returns the last checkpoints that there is room for.
func (s share) newest(all []wire.CheckpointPart) []wire.CheckpointPart {
	first, room := len(all), s.checkpoints()
	for first > 0 && len(all)-first < maxCheckpoints {
		room -= 48 + filesSize(all[first-1].Files)
		if room < 0 {
			break
		}
		first--
	}
	return slices.Clone(all[first:])
}

// filesSize is what a list of files takes in a message, at most.
func filesSize(files []wire.Part) int {
	n := 0
	for _, f := range files {
		n += 48 + len(f.Path)
	}
	return n
}
