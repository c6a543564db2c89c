package superstep_test

import (
	"errors"
	"io"
	"slices"
	"testing"

	"scalar/superstep"
)

// Every task but the first is right below exactly one, and what is below a task is a
// run of its own, behind it.
func TestTree(t *testing.T) {
	for tasks := 1; tasks <= 600; tasks++ {
		above := make([]int, tasks)
		for task := range tasks {
			up, below := superstep.TreeOf(task, tasks)
			if up != above[task]-1 {
				t.Fatalf("%d of %d: above is %d and %d", task, tasks, up, above[task]-1)
			}
			if len(below) > superstep.TreeFan {
				t.Errorf("%d of %d has %d below", task, tasks, len(below))
			}
			next := task + 1
			for _, r := range below {
				if r.Lo != next || r.Hi <= r.Lo || r.Hi > tasks {
					t.Fatalf("%d of %d: below %v", task, tasks, below)
				}
				above[r.Lo], next = task+1, r.Hi
			}
			if task == 0 && next != tasks {
				t.Fatalf("%d of %d are below the root", next, tasks)
			}
		}
	}
}

// ballotOf is a ballot with values of some peers.
func ballotOf(peers ...int) []byte {
	return superstep.AppendBallot(superstep.Ballot{Mark: superstep.Mark{Values: slices.Repeat([][]byte{{1}}, len(peers))}, Await: make([]uint32, 5), Peers: peers})
}

// announcing is a ballot that has so many marks on their way to the first tasks.
func announcing(marks ...uint32) []byte {
	return superstep.AppendBallot(superstep.Ballot{Await: append(marks, make([]uint32, 5-len(marks))...)})
}

// up is a ballot to task 0 from task 1, down a verdict to task 1.
func up(step uint32, payload []byte) []byte {
	return superstep.Frame([4]uint8{10, 0, 0, 0}, [4]uint32{step, 1, 0, 0}, payload)
}

func down(step uint32, payload []byte) []byte {
	return superstep.Frame([4]uint8{11, 0, 0, 0}, [4]uint32{step, 0, 1, 0}, payload)
}

func markDown(links uint64) []byte {
	payload := superstep.AppendMark(superstep.Mark{Links: links, Values: [][]byte{nil}}, make([]uint64, 2))
	return superstep.Frame([4]uint8{4, 0, 0, 0}, [4]uint32{0, 0, 1, 0}, payload)
}

func dataDown(step uint32) []byte {
	return superstep.Frame([4]uint8{2, 0, 0, 1}, [4]uint32{step, 0, 1, 1}, make([]byte, 16))
}

func TestReaderTakesBallots(t *testing.T) {
	for name, good := range map[string]struct {
		at superstep.Place
		b  []byte
	}{
		"ballot":                 {superstep.Above, up(0, announcing(1, 1))},
		"values":                 {superstep.Above, up(0, ballotOf(1, 2))},
		"verdict":                {superstep.Below, down(0, ballotOf())},
		"verdict before a mark":  {superstep.Below, slices.Concat(down(0, announcing(1, 1)), markDown(0))},
		"verdict behind a mark":  {superstep.Below, slices.Concat(markDown(0), down(0, announcing(1, 1)))},
		"two supersteps":         {superstep.Below, slices.Concat(down(0, ballotOf()), dataDown(1))},
		"values of all the tree": {superstep.Below, down(0, ballotOf(0, 3, 5))},
	} {
		if err := superstep.ReadFrames(good.at, good.b); !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What no task says at a barrier is found.
func TestReaderRefusesBallots(t *testing.T) {
	early, three := superstep.Below, superstep.AmongThree
	early.Voted, three.Voted = false, true
	whole := ballotOf()
	for name, bad := range map[string]struct {
		at superstep.Place
		b  []byte
	}{
		"ballot from above":            {superstep.Below, superstep.Frame([4]uint8{10, 0, 0, 0}, [4]uint32{0, 0, 1, 0}, whole)},
		"verdict from below":           {superstep.Above, superstep.Frame([4]uint8{11, 0, 0, 0}, [4]uint32{0, 1, 0, 0}, whole)},
		"ballot in another's name":     {superstep.Above, superstep.Frame([4]uint8{10, 0, 0, 0}, [4]uint32{0, 2, 0, 0}, whole)},
		"ballot twice":                 {superstep.Above, slices.Concat(up(0, whole), up(0, whole))},
		"ballot of the next":           {superstep.Above, up(1, whole)},
		"ballot without payload":       {superstep.Above, up(0, nil)},
		"ballot cut":                   {superstep.Above, up(0, whole[:len(whole)-1])},
		"bytes behind a ballot":        {superstep.Above, up(0, append(slices.Clone(whole), 0))},
		"ballot among few":             {three, up(0, superstep.AppendBallot(superstep.Ballot{Await: make([]uint32, 3)}))},
		"packed ballot":                {superstep.Above, superstep.Frame([4]uint8{10, 0, 8, 0}, [4]uint32{0, 1, 0, 0}, superstep.Packed(superstep.CompressS2, make([]byte, 4096)))},
		"fragments over the limit":     {superstep.Above, slices.Repeat(superstep.Frame([4]uint8{10, 0, 1, 0}, [4]uint32{0, 1, 0, 0}, make([]byte, 3000)), 2)},
		"more marks than tasks below":  {superstep.Above, up(0, announcing(2))},
		"values of another task":       {superstep.Above, up(0, ballotOf(1, 3))},
		"values that descend":          {superstep.Above, up(0, ballotOf(2, 1))},
		"values twice":                 {superstep.Above, up(0, ballotOf(2, 2))},
		"values of nobody":             {superstep.Below, down(0, ballotOf(6))},
		"verdict before our ballot":    {early, down(0, whole)},
		"verdict twice":                {superstep.Below, slices.Concat(down(0, announcing(1, 1)), down(0, announcing(1, 1)))},
		"verdict of the next":          {superstep.Below, down(1, whole)},
		"mark without announcement":    {superstep.Below, slices.Concat(markDown(0), down(0, whole))},
		"mark after the superstep":     {superstep.Below, slices.Concat(down(0, whole), markDown(0))},
		"mark that speaks of too many": {superstep.Below, markDown(5)},
		"data after the superstep":     {superstep.Below, slices.Concat(down(0, whole), dataDown(0))},
		"data without its mark":        {superstep.Below, slices.Concat(dataDown(0), dataDown(1))},
	} {
		if err := superstep.ReadFrames(bad.at, bad.b); !errors.Is(err, superstep.ErrFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
