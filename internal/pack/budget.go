package pack

import (
	"fmt"
	"reflect"
	"time"
)

// What a message may take in memory once decoded. A byte of msgpack can stand
// for a whole struct: an array of 16 Mi nils decodes into 16 Mi of them, 5 GiB
// of task reports. Control messages take less than 4 times
// their encoded size (TestBudgetFitsControl). A job's spec, which travels without what
// is zero, may take more, but a message has one at most.
const (
	budgetFactor = 8       // per encoded byte
	budgetFree   = 1 << 20 // bytes that every message may take
)

// checkBudget adds up what decoding b into v allocates, and refuses what is more
// than budget, and extensions where the type has no place for one. b has passed
// Scan.
func checkBudget(b []byte, v any, budget int64) error {
	t := reflect.TypeOf(v)
	if t == nil || t.Kind() != reflect.Pointer {
		return nil // the decoder refuses it
	}
	m := meter{left: budget}
	_, err := m.value(b, t.Elem())
	return err
}

// meter walks a scanned message along the type that it is decoded into.
type meter struct{ left int64 }

func (m *meter) charge(n int64, size uintptr) error {
	if size == 0 {
		return nil
	}
	if n > m.left/int64(size) {
		return fmt.Errorf("%w: it would take more than %d times its size in memory", ErrMalformed, budgetFactor)
	}
	m.left -= n * int64(size)
	return nil
}

// value charges for the value at the front of b and returns what follows it.
func (m *meter) value(b []byte, t reflect.Type) ([]byte, error) {
	h := readHead(b)
	if h.shape == shapeNil {
		return h.rest, nil
	}
	if h.shape == shapeExt && t != timeType && t != reflect.PointerTo(timeType) && t.Kind() != reflect.Interface {
		// The decoder reads a map out of an extension's payload, which is not scanned.
		return nil, fmt.Errorf("%w: extension in place of %s", ErrMalformed, t)
	}
	if seen.decodesItself(t) {
		return m.plain(b, h)
	}
	switch t.Kind() {
	case reflect.Pointer:
		if err := m.charge(1, t.Elem().Size()); err != nil {
			return nil, err
		}
		return m.value(b, t.Elem())
	case reflect.Struct:
		return m.structure(h, t)
	case reflect.Slice:
		if h.shape == shapeArray {
			return m.items(h, t.Elem().Size(), t.Elem(), nil)
		}
	case reflect.Array:
		if h.shape == shapeArray {
			return m.items(h, 0, t.Elem(), nil)
		}
	case reflect.Map:
		if h.shape == shapeMap {
			return m.items(h, t.Key().Size()+t.Elem().Size()+mapOverhead, t.Key(), t.Elem())
		}
	case reflect.Interface:
		return m.any(b, h)
	default:
	}
	return m.plain(b, h)
}

// mapOverhead is what a map takes for an entry beside key and value, about.
const mapOverhead = 16

var (
	timeType = reflect.TypeFor[time.Time]()
	anyType  = reflect.TypeFor[any]()
)

// items charges for n items of a size, and for what each holds: of type a, or of
// a and b in turn.
func (m *meter) items(h head, size uintptr, a, b reflect.Type) ([]byte, error) {
	if err := m.charge(h.n, size); err != nil {
		return nil, err
	}
	rest := h.rest
	for range h.n {
		var err error
		if rest, err = m.value(rest, a); err != nil {
			return nil, err
		}
		if b == nil {
			continue
		}
		if rest, err = m.value(rest, b); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// any charges for a value decoded without a type.
func (m *meter) any(b []byte, h head) ([]byte, error) {
	size := anyType.Size()
	switch h.shape {
	case shapeArray:
		return m.items(h, size, anyType, nil)
	case shapeMap:
		return m.items(h, 2*size+mapOverhead, anyType, anyType)
	default:
	}
	if err := m.charge(1, size); err != nil { // numbers and strings are boxed
		return nil, err
	}
	return m.plain(b, h)
}

// plain charges for the bytes of a value that is copied or decodes itself.
func (m *meter) plain(b []byte, h head) ([]byte, error) {
	rest, err := scan(b)
	if err != nil {
		return nil, err
	}
	if h.shape == shapeOther {
		return rest, nil
	}
	return rest, m.charge(int64(len(b)-len(rest)), 1)
}

// structure charges for the fields of a struct that is there already.
func (m *meter) structure(h head, t reflect.Type) ([]byte, error) {
	if h.shape != shapeMap {
		return nil, fmt.Errorf("%w: no map in place of %s", ErrMalformed, t)
	}
	fields := seen.fieldsOf(t)
	rest := h.rest
	for range h.n {
		key := readHead(rest)
		after, err := scan(rest)
		if err != nil {
			return nil, err
		}
		name := key.rest[:len(key.rest)-len(after)]
		f, known := fields[string(name)]
		if rest = after; !known {
			rest, err = scan(rest) // the decoder skips it
		} else if err = m.charge(1, f.extra); err == nil {
			rest, err = m.value(rest, f.typ)
		}
		if err != nil {
			return nil, err
		}
	}
	return rest, nil
}
