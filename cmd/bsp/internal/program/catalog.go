package program

import "scalar/bsp/builtin"

// Catalog returns all built-ins: those of the runtime and its engines, and of training.
func Catalog() builtin.Catalog { return builtin.NewCatalog(builtin.Programs()) }
