// Package config reads the configuration of the daemons: flags before the
// environment (BSP_*) before the YAML file before the defaults. A key that is
// not known is an error with its file, line and column.
package config
