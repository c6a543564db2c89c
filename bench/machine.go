package bench

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// Machine describes where figures were measured, in one line.
func Machine() string {
	return fmt.Sprintf("%d cores, %s, %s, %s/%s, %s", runtime.NumCPU(), field("/proc/cpuinfo", "model name"),
		field("/proc/meminfo", "MemTotal"), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// Load returns the machine's load over the last minute, 5 and 15 minutes: figures
// mean little where others worked at the same time.
func Load() string {
	b, err := os.ReadFile("/proc/loadavg")
	f := strings.Fields(string(b))
	if err != nil || len(f) < 3 {
		return "unknown"
	}
	return strings.Join(f[:3], " ")
}

// field returns the first value of a key in one of /proc's "key: value" files.
func field(name, key string) string {
	f, err := os.Open(name)
	if err != nil {
		return key + " unknown"
	}
	defer func() { _ = f.Close() }() // read only
	in := bufio.NewScanner(f)
	for in.Scan() {
		if k, v, ok := strings.Cut(in.Text(), ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return key + " unknown"
}
