package main

// mlGroups are the figures of training, of make bench-ml.
func mlGroups() []group {
	return []group{
		{"gemm", (*harness).gemm},
		{"nets", (*harness).nets},
		{"tasks", (*harness).together},
		{"soon", (*harness).soon},
		{"classic", (*harness).classic},
	}
}
