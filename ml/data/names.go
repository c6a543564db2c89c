package data

import (
	"strconv"
	"strings"

	"scalar/bsp/scan"
)

// columnName names a column in an error: by its name, or by its number in the file, from 1.
func (t *Transform) columnName(i int) string {
	label := -1
	if t.Label != nil {
		label = t.Label.Column
	}
	return nameOf(t.Names, i, label)
}

func nameOf(names []string, i, label int) string {
	if i < len(names) {
		return strconv.Quote(names[i])
	}
	if label >= 0 && i >= label {
		i++
	}
	return strconv.Itoa(i + 1)
}

// without returns the names that others lack, in order, as often as they lack them.
func without(names, others []string) (lacking []string) {
	times := make(map[string]int, len(others))
	for _, name := range others {
		times[name]++
	}
	for _, name := range names {
		if times[name]--; times[name] < 0 {
			lacking = append(lacking, name)
		}
	}
	return lacking
}

// listed shows some texts in an error, at most eight.
func listed(texts []string) string {
	shown := texts[:min(len(texts), 8)]
	quoted := make([]string, 0, len(shown)+1)
	for _, s := range shown {
		quoted = append(quoted, scan.Quote([]byte(s)))
	}
	if len(shown) < len(texts) {
		quoted = append(quoted, "… ("+strconv.Itoa(len(texts))+" in all)")
	}
	return strings.Join(quoted, ", ")
}

// named is listed for names that there may be none of.
func named(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ": " + listed(names)
}

func quote(b []byte) string { return scan.Quote(b) }
