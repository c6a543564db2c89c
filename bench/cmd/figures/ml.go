package main

// mlGroups are the figures of training, of make bench-ml.
func mlGroups() []group {
	return []group{
		{"gemm", (*harness).gemm},
		{"nets", (*harness).nets},
		{"tasks", (*harness).together},
		{"soon", (*harness).soon},
		{"growth", (*harness).netsGrowth},
		{"classic", (*harness).classic},
	}
}
