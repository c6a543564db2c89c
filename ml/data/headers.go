package data

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// idxTypes are the element types of IDX (LeCun, Cortes and Burges, "The MNIST database").
var idxTypes = map[byte]element{
	0x08: {'u', 1, binary.BigEndian},
	0x09: {'i', 1, binary.BigEndian},
	0x0b: {'i', 2, binary.BigEndian},
	0x0c: {'i', 4, binary.BigEndian},
	0x0d: {'f', 4, binary.BigEndian},
	0x0e: {'f', 8, binary.BigEndian},
}

// idxHeader reads the dimensions after the magic number: 0 0 TYPE DIMENSIONS.
func (a *array) idxHeader(magic []byte, r io.Reader) ([]int, error) {
	kind, ok := idxTypes[magic[2]]
	if magic[0] != 0 || magic[1] != 0 || !ok || magic[3] < 1 || magic[3] > 8 {
		return nil, fmt.Errorf("the file begins with %x: it is neither IDX nor NPY", magic)
	}
	a.kind, a.header = kind, 4+4*int64(magic[3])
	b := make([]byte, 4*int(magic[3]))
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, a.truncated(err, "its header")
	}
	dims := make([]int, 0, magic[3])
	for ; len(b) > 0; b = b[4:] {
		dims = append(dims, int(binary.BigEndian.Uint32(b)))
	}
	return dims, nil
}

// npyMagic begins a file of NPY.
const npyMagic = "\x93NUMPY"

// npyHeader reads what follows the first four bytes (NumPy's numpy.lib.format): the rest of
// the magic, the version, the header's length, little-endian in 2 bytes in version 1 and 4
// in versions 2 and 3, and a Python dictionary.
func (a *array) npyHeader(r io.Reader) ([]int, error) {
	b := make([]byte, 6)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, a.truncated(err, "its header")
	}
	if string(b[:2]) != npyMagic[4:] {
		return nil, errors.New("the file begins as NPY does, and is none")
	}
	size := int64(binary.LittleEndian.Uint16(b[4:]))
	a.header = 10 + size
	switch b[2] {
	case 1:
	case 2, 3:
		high := make([]byte, 2)
		if _, err := io.ReadFull(r, high); err != nil {
			return nil, a.truncated(err, "its header")
		}
		size |= int64(binary.LittleEndian.Uint16(high)) << 16
		a.header = 12 + size
	default:
		return nil, fmt.Errorf("version %d.%d of NPY is not known: want 1, 2 or 3", b[2], b[3])
	}
	if size > maxHeader {
		return nil, fmt.Errorf("the header has %d bytes: want at most %d", size, maxHeader)
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, a.truncated(err, "its header")
	}
	return a.npyDictionary(string(text))
}

// The dictionary that NumPy writes: its keys are sorted, and a reader has to accept them in
// any order.
var (
	npyDescr   = regexp.MustCompile(`['"]descr['"]\s*:\s*['"]([<>|=]?)([a-zA-Z])([0-9]{1,2})['"]`)
	npyOther   = regexp.MustCompile(`['"]descr['"]\s*:\s*['"]?([^\s'"]+)`)
	npyFortran = regexp.MustCompile(`['"]fortran_order['"]\s*:\s*(True|False)`)
	npyShape   = regexp.MustCompile(`['"]shape['"]\s*:\s*\(([0-9, L]*)\)`)
)

func (a *array) npyDictionary(text string) ([]int, error) {
	fortran, shape := npyFortran.FindStringSubmatch(text), npyShape.FindStringSubmatch(text)
	descr := npyDescr.FindStringSubmatch(text)
	if descr == nil {
		if other := npyOther.FindStringSubmatch(text); other != nil {
			return nil, fmt.Errorf("elements of type %s are no plain numbers", quote([]byte(other[1])))
		}
	}
	if descr == nil || fortran == nil || shape == nil {
		return nil, fmt.Errorf("the header is not one of NPY: %s", quote([]byte(text)))
	}
	size, err := strconv.Atoi(descr[3])
	if err != nil {
		return nil, err
	}
	a.kind = element{descr[2][0], size, binary.LittleEndian}
	if descr[1] == ">" {
		a.kind.order = binary.BigEndian
	}
	if !a.kind.valid() {
		return nil, fmt.Errorf("elements of type %s are no numbers that are read: want b1, u1 to u8, i1 to i8, or f2 to f8", quote([]byte(descr[1]+descr[2]+descr[3])))
	}
	if a.kind.kind == 'b' {
		a.kind.kind = 'u'
	}
	dims, err := dimensions(shape[1])
	if err != nil {
		return nil, err
	}
	if fortran[1] == "True" && len(dims) > 1 {
		return nil, errors.New("the array lies in Fortran's order: save it with numpy.ascontiguousarray")
	}
	return dims, nil
}

func (e element) valid() bool {
	switch e.kind {
	case 'b':
		return e.size == 1
	case 'u', 'i':
		return e.size == 1 || e.size == 2 || e.size == 4 || e.size == 8
	case 'f':
		return e.size == 2 || e.size == 4 || e.size == 8
	}
	return false
}

// dimensions reads the inside of a tuple of numbers.
func dimensions(tuple string) (dims []int, err error) {
	for field := range strings.SplitSeq(tuple, ",") {
		field = strings.TrimSuffix(strings.TrimSpace(field), "L")
		if field == "" {
			continue
		}
		d, err := strconv.ParseInt(field, 10, 64)
		if err != nil || d > math.MaxInt32*int64(1<<10) || len(dims) == 32 {
			return nil, fmt.Errorf("a shape of (%s) is none that can be read", tuple)
		}
		dims = append(dims, int(d))
	}
	return dims, nil
}
