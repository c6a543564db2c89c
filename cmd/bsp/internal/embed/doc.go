// Package embed is a test that keeps the root's embed.go current. It stands apart
// so that it still runs when a file that embed.go names is gone:
//
//	go test ./cmd/bsp/internal/embed -update
package embed
