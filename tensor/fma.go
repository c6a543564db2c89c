package tensor

import "scalar/tensor/internal/kernel"

// FMA returns x·y + z, rounded once: a step of the chain that a value of a product is. Chains
// over the values that are not 0 alone have the same bits as products have.
func FMA(x, y, z float32) float32 { return kernel.FMA(x, y, z) }
