package graph_test

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"scalar/bsp/graph"
)

// What follows reads texts line by line in the plainest way, for comparison.

// A plainGraph is what the plain parsers make of a text; edges in the order of the
// text, before --undirected.
type plainGraph struct {
	edges    []graph.Edge
	vertices map[string]bool
}

func (g *plainGraph) edge(src, dst string, w float64) {
	g.edges = append(g.edges, graph.Edge{Src: src, Dst: dst, Weight: w})
	g.vertices[src], g.vertices[dst] = true, true
}

// plainRead reads a text; ok is false if it is malformed.
func plainRead(text string, in graph.Input) (g plainGraph, ok bool) {
	g.vertices = map[string]bool{}
	if text == "" {
		return g, true
	}
	text = strings.TrimPrefix(text, "\ufeff")
	switch in.Format {
	case graph.Edges:
		ids, weights, ok := plainEdges(text, in.IDs)
		for i := range weights {
			g.edge(ids[2*i], ids[2*i+1], weights[i])
		}
		return g, ok
	case graph.Adjacency:
		return g, plainAdjacency(text, in.IDs, &g)
	case graph.JSON:
		return g, plainJSON(text, in.IDs, &g)
	case graph.METIS:
		return g, plainMETIS(text, &g)
	case graph.MatrixMarket:
		return g, plainMatrix(text, &g)
	}
	return g, false
}

func plainFields(line string) []string {
	return strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == '\r' })
}

func plainID(f string, kind graph.IDs) (string, bool) {
	if kind == graph.Strings {
		return f, len(f) <= graph.MaxString
	}
	v, err := strconv.ParseUint(f, 10, 63)
	return strconv.FormatUint(v, 10), err == nil && f[0] != '+'
}

func plainWeight(f string) (float64, bool) {
	w, err := strconv.ParseFloat(f, 64)
	return w, err == nil && !math.IsInf(w, 0) && !math.IsNaN(w)
}

func plainAdjacency(text string, kind graph.IDs, g *plainGraph) bool {
	for line := range strings.SplitSeq(text, "\n") {
		fields := plainFields(line)
		if i := slices.IndexFunc(fields, func(f string) bool { return f[0] == '#' }); i >= 0 {
			fields = fields[:i]
		}
		if len(fields) == 0 {
			continue
		}
		head, ok := plainID(fields[0], kind)
		if !ok {
			return false
		}
		g.vertices[head] = true
		for _, f := range fields[1:] {
			w := 1.0
			if i := strings.LastIndexByte(f, ':'); i >= 0 {
				if w, ok = plainWeight(f[i+1:]); !ok {
					return false
				}
				f = f[:i]
			}
			if f == "" {
				return false
			}
			id, ok := plainID(f, kind)
			if !ok {
				return false
			}
			g.edge(head, id, w)
		}
	}
	return true
}

// plainJSONID returns an id from its JSON.
func plainJSONID(raw json.RawMessage, kind graph.IDs) (string, bool) {
	var number json.Number
	name := string(raw)
	if raw[0] == '"' {
		if json.Unmarshal(raw, &name) != nil {
			return "", false
		}
	} else if json.Unmarshal(raw, &number) != nil || number == "" {
		return "", false
	}
	if name == "" {
		return "", false
	}
	if kind == graph.Strings && (name[0] == '#' || strings.ContainsAny(name, " \t\r\n")) {
		return "", false
	}
	return plainID(name, kind)
}

func plainJSON(text string, kind graph.IDs, g *plainGraph) bool {
	for line := range strings.SplitSeq(text, "\n") {
		if len(bytes.TrimSpace([]byte(line))) == 0 {
			continue
		}
		var vertex []json.RawMessage
		var neighbours [][]json.RawMessage
		if !utf8.ValidString(line) || json.Unmarshal([]byte(line), &vertex) != nil || len(vertex) != 3 || vertex[2][0] != '[' || json.Unmarshal(vertex[2], &neighbours) != nil {
			return false
		}
		head, ok := plainJSONID(vertex[0], kind)
		if !ok {
			return false
		}
		g.vertices[head] = true
		for _, n := range neighbours {
			if len(n) != 1 && len(n) != 2 {
				return false
			}
			id, ok := plainJSONID(n[0], kind)
			w := 1.0
			if ok && len(n) == 2 {
				ok = n[1][0] == '-' || n[1][0] >= '0' && n[1][0] <= '9'
				if ok {
					w, ok = plainWeight(string(n[1]))
				}
			}
			if !ok {
				return false
			}
			g.edge(head, id, w)
		}
	}
	return true
}

// plainLines are the lines of a text without comments.
func plainLines(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "%") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

func plainCount(f string, limit uint64) (uint64, bool) {
	v, err := strconv.ParseUint(f, 10, 63)
	return v, err == nil && f[0] != '+' && v <= limit
}

// plainMETISHeader returns vertices, edges, numbers before the neighbours, and numbers
// a neighbour.
func plainMETISHeader(head []string) (n, m uint64, skip, step int, ok bool) {
	if len(head) < 2 || len(head) > 4 {
		return 0, 0, 0, 0, false
	}
	n, ok1 := plainCount(head[0], math.MaxUint32-1)
	m, ok2 := plainCount(head[1], 1<<56)
	kinds, ncon, ok3 := "000", uint64(1), true
	if len(head) > 2 {
		kinds = head[2]
		if len(kinds) > 3 || strings.Trim(kinds, "01") != "" {
			return 0, 0, 0, 0, false
		}
		kinds = strings.Repeat("0", 3-len(kinds)) + kinds
	}
	if len(head) > 3 {
		ncon, ok3 = plainCount(head[3], 1024)
		ok3 = ok3 && (kinds[1] == '1' || ncon == 0)
	}
	skip = int(kinds[0] - '0')
	if kinds[1] == '1' {
		skip += int(ncon)
	}
	return n, m, skip, 1 + int(kinds[2]-'0'), ok1 && ok2 && ok3
}

func plainMETIS(text string, g *plainGraph) bool {
	lines := plainLines(text)
	if len(lines) == 0 {
		return false
	}
	n, m, skip, step, ok := plainMETISHeader(plainFields(lines[0]))
	if !ok || uint64(len(lines)-1) < n {
		return false
	}
	sides := map[graph.Edge]int{}
	for i, line := range lines[1:] {
		f := plainFields(line)
		if uint64(i) >= n {
			if len(f) > 0 {
				return false
			}
			continue
		}
		v := strconv.Itoa(i + 1)
		g.vertices[v] = true
		if len(f) < skip || (len(f)-skip)%step != 0 {
			return false
		}
		for _, x := range f[:skip] {
			if _, ok := plainCount(x, math.MaxInt64); !ok {
				return false
			}
		}
		for f = f[skip:]; len(f) > 0; f = f[step:] {
			u, ok := plainCount(f[0], n)
			if !ok || u == 0 || u == uint64(i+1) {
				return false
			}
			w := 1.0
			if step == 2 {
				if w, ok = plainWeight(f[1]); !ok {
					return false
				}
			}
			name := strconv.FormatUint(u, 10)
			g.edge(v, name, w)
			sides[graph.Edge{Src: v, Dst: name, Weight: w}]++
		}
	}
	for e, n := range sides {
		if sides[graph.Edge{Src: e.Dst, Dst: e.Src, Weight: e.Weight}] != n {
			return false
		}
	}
	return uint64(len(g.edges)) == 2*m
}

func plainMatrix(text string, g *plainGraph) bool {
	first, rest, _ := strings.Cut(text, "\n")
	words := plainFields(strings.ToLower(first))
	if len(words) != 5 || words[0] != "%%matrixmarket" || words[1] != "matrix" || words[2] != "coordinate" {
		return false
	}
	weighted := words[3] == "real" || words[3] == "integer"
	symmetric := words[4] == "symmetric"
	if !weighted && words[3] != "pattern" || !symmetric && words[4] != "general" {
		return false
	}
	sized := false
	for line := range strings.Lines(rest) {
		if sized && strings.HasPrefix(strings.ToLower(line), "%%matrixmarket") {
			return false
		}
		sized = sized || line[0] != '%' && strings.TrimSpace(line) != ""
	}
	n, entries, lines, ok := plainSizes(plainLines(rest))
	if !ok || n > 16<<20 {
		return false
	}
	for _, line := range lines {
		f := plainFields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) != 2 && !weighted || len(f) != 3 && weighted {
			return false
		}
		row, ok1 := plainCount(f[0], n)
		column, ok2 := plainCount(f[1], n)
		w, ok3 := 1.0, true
		if weighted {
			w, ok3 = plainWeight(f[2])
		}
		if !ok1 || !ok2 || !ok3 || row == 0 || column == 0 || symmetric && row < column {
			return false
		}
		a, b := strconv.FormatUint(row, 10), strconv.FormatUint(column, 10)
		g.edge(a, b, w)
		if symmetric && row != column {
			g.edge(b, a, w)
		}
		entries--
	}
	if entries != 0 {
		return false
	}
	for i := range n {
		g.vertices[strconv.FormatUint(i+1, 10)] = true
	}
	return true
}

// plainSizes finds the line of sizes of a matrix, and returns those after it.
func plainSizes(lines []string) (n, entries uint64, rest []string, ok bool) {
	for i, line := range lines {
		if strings.TrimSpace(line) == "" {
			continue
		}
		f := plainFields(line)
		if len(f) != 3 {
			return 0, 0, nil, false
		}
		rows, ok1 := plainCount(f[0], math.MaxUint32-1)
		columns, ok2 := plainCount(f[1], math.MaxUint32-1)
		entries, ok3 := plainCount(f[2], 1<<56)
		return rows, entries, lines[i+1:], ok1 && ok2 && ok3 && rows == columns
	}
	return 0, 0, nil, false
}
