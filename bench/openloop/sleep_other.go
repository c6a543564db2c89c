//go:build !linux

package openloop

import "time"

func precise(d time.Duration) { time.Sleep(d) }
