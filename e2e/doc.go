// Package e2e holds the tests that start real bsp processes, kill them and cut
// them off from each other: make e2e (build tag e2e).
package e2e
