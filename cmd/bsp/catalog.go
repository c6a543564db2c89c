package main

import (
	"scalar/bsp/builtin"
	"scalar/ml/programs"
)

// catalog returns all built-ins: those of the runtime and its engines, and of training.
func catalog() builtin.Catalog {
	return builtin.NewCatalog(builtin.Programs(), programs.Programs(theVersion()))
}
