// Package arch holds the project's import table as a test: see docs/architecture.md.
package arch
