package arena_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"scalar/bsp/arena"
)

// What fits the budget stays where it is; what is more lies in the file, with its
// content, and the caller's memory can be used again.
func TestKeep(t *testing.T) {
	a := arena.New(t.TempDir(), 100)
	defer closed(t, a)
	first := bytes.Repeat([]byte{1}, 60)
	kept, err := a.Keep(first)
	if err != nil || &kept[0] != &first[0] || arena.Mapped(a, kept) {
		t.Fatalf("60 bytes of 100: in the file %v, %v", arena.Mapped(a, kept), err)
	}
	second := bytes.Repeat([]byte{2}, 60)
	kept, err = a.Keep(second)
	if err != nil || &kept[0] == &second[0] || !arena.Mapped(a, kept) || a.Spilled() != 60 {
		t.Fatalf("60 bytes more: in the file %v, spilled %d, %v", arena.Mapped(a, kept), a.Spilled(), err)
	}
	clear(second)
	if !bytes.Equal(kept, bytes.Repeat([]byte{2}, 60)) {
		t.Errorf("kept % x", kept)
	}
	if again, err := a.Keep(kept); err != nil || &again[0] != &kept[0] || a.Spilled() != 60 {
		t.Errorf("kept twice: spilled %d, %v", a.Spilled(), err)
	}
	a.Free(kept)
	a.Free(first)
	if again, err := a.Keep(second); err != nil || &again[0] != &second[0] {
		t.Errorf("after the first was freed: in the file %v, %v", arena.Mapped(a, again), err)
	}
}

// Arrays of all sizes are 0, apart from each other, aligned, and keep what is written.
func TestMake(t *testing.T) {
	for _, budget := range []int64{0, 1000, math.MaxInt64} {
		a := arena.New(t.TempDir(), budget)
		sizes := []int{0, 1, 7, 100, 1 << 20, 9 << 20, 3}
		arrays := make([][]float64, 0, len(sizes))
		for _, n := range sizes {
			x, err := arena.Make[float64](a, n)
			if err != nil || len(x) != n || cap(x) != n {
				t.Fatalf("budget %d: %d values: len %d cap %d, %v", budget, n, len(x), cap(x), err)
			}
			for i := range x {
				if x[i] != 0 {
					t.Fatalf("budget %d: value %d of %d is %v", budget, i, n, x[i])
				}
				x[i] = float64(n + i)
			}
			arrays = append(arrays, x)
		}
		for _, x := range arrays {
			for i := range x {
				if x[i] != float64(len(x)+i) {
					t.Fatalf("budget %d: value %d of %d is %v", budget, i, len(x), x[i])
				}
			}
		}
		if spilled := a.Spilled() > 0; spilled != (budget < 1<<20) {
			t.Errorf("budget %d: spilled %d", budget, a.Spilled())
		}
		closed(t, a)
	}
}

// Several goroutines get memory of their own.
func TestShared(t *testing.T) {
	a := arena.New(t.TempDir(), 1<<10)
	defer closed(t, a)
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for range 100 {
				x, err := arena.Make[uint32](a, 50)
				if err != nil {
					t.Error(err)
					return
				}
				for i := range x {
					x[i] += uint32(g)
				}
				for _, v := range x {
					if v != uint32(g) {
						t.Errorf("goroutine %d reads %d", g, v)
						return
					}
				}
			}
		})
	}
	all.Wait()
}

// No file has a name, and a folder that cannot take one is named in the error.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	a := arena.New(dir, 0)
	if _, err := arena.Make[uint8](a, 10); err != nil {
		t.Fatal(err)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
		t.Errorf("the folder has %v, %v", names, err)
	}
	closed(t, a)
	gone := filepath.Join(dir, "gone")
	a = arena.New(gone, 0)
	defer closed(t, a)
	_, err := arena.Make[uint8](a, 10)
	e, ok := errors.AsType[*arena.Error](err)
	if !ok || e.Dir != gone || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without its folder: %v", err)
	}
	if _, err := a.Keep([]byte("x")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without its folder: %v", err)
	}
}

func closed(t *testing.T, a *arena.Arena) {
	t.Helper()
	if err := a.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// What is read ahead is in memory soon, and nothing else is.
func TestAhead(t *testing.T) {
	a := arena.New(t.TempDir(), 0)
	defer closed(t, a)
	a.Ahead([]byte{1}) // there is no file
	kept, err := a.Keep(bytes.Repeat([]byte{7}, 8<<20))
	if err != nil {
		t.Fatal(err)
	}
	if err := arena.Forget(a); err != nil {
		t.Fatal(err)
	}
	resident := func(b []byte) int {
		n, err := arena.Resident(b)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if resident(kept) > 0 {
		t.Skip("the file system of TMPDIR keeps files in memory")
	}
	a.Ahead(make([]byte, 10)) // memory of somebody else
	part := kept[2<<20+100 : 4<<20]
	a.Ahead(part)
	for range 1000 {
		if resident(part) == (2<<20)/os.Getpagesize() {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if n := resident(part); n != (2<<20)/os.Getpagesize() || resident(kept[6<<20:]) > 0 {
		t.Errorf("%d pages of 2 MiB are in memory, and %d behind them", n, resident(kept[6<<20:]))
	}
	if bytes.Count(kept, []byte{7}) != len(kept) {
		t.Error("bytes have changed")
	}
}
