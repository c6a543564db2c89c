package kmeans

import "scalar/internal/splitmix"

// draw returns the counter generator's number of (seed, round, n), in [0, 1).
func draw(seed uint64, round, n int) float64 {
	const gamma = uint64(splitmix.Gamma)
	x := splitmix.Mix(splitmix.Mix(seed+gamma) + gamma*uint64(round+1))
	return float64(splitmix.Mix(x+gamma*uint64(n+1))>>11) * 0x1p-53
}
