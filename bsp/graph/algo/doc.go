// Package algo holds graph algorithms, each a bsp program made by graph.Program:
// what ships with bsp uses nothing that a user's program could not.
package algo
