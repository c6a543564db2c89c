package raw

// Decode is the plain twin of Copy.
func Decode(x []float32, b []byte) { decode(x, b) }
