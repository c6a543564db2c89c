package wire

import (
	"fmt"
	"strconv"
	"strings"

	"scalar/bsp/job"
)

// Archive asks a groom to write the archive objects of finished jobs into the store.
// It may be repeated: an object replaces the one of the same job.
type Archive struct {
	Cluster string // UUID; refused when the store belongs to another one
	Objects []ArchiveObject
}

// ArchiveObject is what one finished job leaves.
type ArchiveObject struct {
	Job  job.ID
	Data []byte // the file's bytes
}

// ArchiveReply answers Archive.
type ArchiveReply struct {
	Done  []job.ID // whose objects are in the store, synced
	Error string   // why the first of the others is not; empty: all are
}

// StoreKind is a folder of the store that holds something of jobs.
type StoreKind string

// The kinds that are removed after their time.
const (
	StoreLogs        StoreKind = "logs"        // logs/JOB
	StoreResults     StoreKind = "results"     // results/JOB, and what a broken commit left beside it
	StoreCheckpoints StoreKind = "checkpoints" // checkpoints/JOB, of a job whose end could not remove it
	StoreArchive     StoreKind = "archive"     // archive/NUMBER/JOB.json.zst
)

// Sweep asks a groom to remove what is in a folder of the store. It may be repeated.
type Sweep struct {
	Cluster string // UUID; refused when the store belongs to another one
	Kind    StoreKind
	Names   []string // below the kind's folder, as they were listed; at most MaxSweep
}

// MaxSweep bounds the names of one Sweep.
const MaxSweep = 256

// SweepReply answers Sweep.
type SweepReply struct {
	Removed int
	Error   string // why the first of the others is still there; empty: all are gone
}

// archiveFolder is how many numbers of jobs share a folder of the archive.
const archiveFolder = 1000

// archiveSuffix ends the name of an archive object.
const archiveSuffix = ".json.zst"

// ArchiveName returns the name of a job's archive object below the archive's folder:
// "000012/pagerank-12345.json.zst" for the job pagerank-12345. ok is false for what is
// no id of a job.
func ArchiveName(id job.ID) (name string, ok bool) {
	number, ok := JobNumber(id)
	return fmt.Sprintf("%06d/%s%s", number/archiveFolder, id, archiveSuffix), ok
}

// ArchivedJob returns the job whose archive object has this name.
func ArchivedJob(name string) (id job.ID, ok bool) {
	_, file, _ := strings.Cut(name, "/")
	base, ok := strings.CutSuffix(file, archiveSuffix)
	id = job.ID(base)
	again, valid := ArchiveName(id)
	return id, ok && valid && again == name
}

// ArchiveRemains returns the job whose archive object has this name, or was being written by this one when its
// writer was killed: ".JOB.json.zst.tmp-NUMBER" in the same folder.
func ArchiveRemains(name string) (id job.ID, ok bool) {
	folder, file, _ := strings.Cut(name, "/")
	if hidden, found := strings.CutPrefix(file, "."); found {
		base, number, tmp := strings.Cut(hidden, ".tmp-")
		if !tmp || number == "" || strings.Trim(number, "0123456789") != "" {
			return "", false
		}
		name = folder + "/" + base
	}
	return ArchivedJob(name)
}

// JobNumber returns the number at the end of an id, whose other letters are those
// that masters choose: lower case, digits and dashes.
func JobNumber(id job.ID) (uint64, bool) {
	if len(id) > 255-len(archiveSuffix)-len(".tmp-0000000000.") || strings.Trim(string(id), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return 0, false
	}
	dash := strings.LastIndexByte(string(id), '-')
	digits := string(id[dash+1:])
	number, err := strconv.ParseUint(digits, 10, 64)
	return number, err == nil && dash > 0 && digits == strconv.FormatUint(number, 10)
}

// ResultJob returns the job that a name in the folder of results is of: the job's
// result, JOB, or what one of its attempts wrote there, JOB.tmp-JOB-EPOCH.
func ResultJob(name string) (id job.ID, ok bool) {
	base, rest, tmp := strings.Cut(name, ".tmp-")
	id = job.ID(base)
	if _, ok := JobNumber(id); !ok {
		return id, false
	}
	if !tmp {
		return id, true
	}
	epoch, ok := strings.CutPrefix(rest, base+"-")
	return id, ok && epoch != "" && strings.Trim(epoch, "0123456789") == ""
}
