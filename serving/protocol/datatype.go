package protocol

import "math"

// integers is a type of whole numbers, from −least to most.
type integers struct {
	name        string
	bytes       int
	signed      bool
	least, most uint64
}

// wholes are the types of integers that an FP32 input takes.
var wholes = [...]integers{
	{"INT8", 1, true, 1 << 7, math.MaxInt8},
	{"INT16", 2, true, 1 << 15, math.MaxInt16},
	{"INT32", 4, true, 1 << 31, math.MaxInt32},
	{"INT64", 8, true, 1 << 63, math.MaxInt64},
	{"UINT8", 1, false, 0, math.MaxUint8},
	{"UINT16", 2, false, 0, math.MaxUint16},
	{"UINT32", 4, false, 0, math.MaxUint32},
	{"UINT64", 8, false, 0, math.MaxUint64},
}

// integersOf returns the type of integers of a name, nil for another name.
func integersOf(name []byte) *integers {
	for i := range wholes {
		if wholes[i].name == string(name) {
			return &wholes[i]
		}
	}
	return nil
}

// fp64 is a datatype that inputs of FP32 take too.
const fp64 = "FP64"

// checkDatatype checks the datatype that a request says for the input.
func (t *Tensor) checkDatatype(name []byte) error {
	if string(name) == t.Datatype || t.Datatype == FP32 && (string(name) == fp64 || integersOf(name) != nil) {
		return nil
	}
	return refuse("input %q is sent as %s: the model takes %s", t.Name, clip(name), t.Datatype)
}
