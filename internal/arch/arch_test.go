package arch_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "scalar/"

// rules lists, for each folder, the project's folders that its code may import.
// It is the table of docs/architecture.md; change both together. The longest
// matching key counts; "" is the root package, which only embeds files.
var rules = map[string][]string{
	"":                {},
	"internal":        {"internal"},
	"tensor":          {"tensor", "internal"},
	"storage":         {"internal"},
	"superstep":       {"internal"},
	"bsp":             {"bsp", "superstep", "storage", "internal"},
	"bsp/job":         {},
	"bsp/wire":        {"bsp/job", "internal"},
	"bsp/taskproc":    {"bsp/wire", "bsp/job", "internal"},
	"bsp/client":      {"bsp/job", "internal"},
	"groom/table":     {"bsp/job", "bsp/wire", "internal"},
	"groom":           {"groom", "bsp", "storage", "internal"},
	"master":          {"master", "bsp", "storage", "internal"},
	"master/fsm":      {"bsp/job", "bsp/wire", "internal/pack"},
	"master/sched":    {"master/fsm", "bsp/job", "bsp/wire"},
	"master/archive":  {"bsp/job"},
	"master/control":  {"master/archive", "master/fsm", "master/sched", "bsp/job", "bsp/wire", "storage", "internal"},
	"ml":              {"ml", "bsp", "superstep", "storage", "tensor", "internal"},
	"serving":         {"serving", "bsp", "ml", "storage", "tensor", "internal"},
	"cmd":             {"*"},
	"examples":        {"bsp", "superstep", "storage", "internal"},
	"testcluster/sim": {"bsp", "groom/table", "internal", "master"},
	"testcluster":     {"bsp", "groom", "internal", "master", "storage", "superstep"},
	"e2e":             {"testcluster", "bsp", "groom", "internal", "master", "storage", "superstep"},
	"bench":           {"bench", "testcluster", "bsp", "groom", "internal", "master", "storage", "superstep", "tensor", "ml", "serving"},
	"tools":           {},
}

// TestImportsPointDown parses the imports of every file that is not a test. It
// reads files with go/parser, so that its result depends on nothing else.
func TestImportsPointDown(t *testing.T) {
	files := 0
	walk(t, func(name string, imports []string) {
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		files++
		folder := path.Dir(name)
		allowed, ok := ruleFor(folder)
		if !ok {
			t.Errorf("%s: its folder has no rule: add it here and in docs/architecture.md", name)
			return
		}
		for _, imp := range imports {
			to, ours := strings.CutPrefix(imp, module)
			if ours && !permitted(to, allowed) {
				t.Errorf("%s imports %s: it may import only %v", name, to, allowed)
			}
		}
	})
	if files < 20 {
		t.Errorf("looked at %d files only: is the root right?", files)
	}
}

// TestTestcluster checks that only tests import testcluster.
func TestTestcluster(t *testing.T) {
	walk(t, func(name string, imports []string) {
		if !strings.HasSuffix(name, "_test.go") && slices.Contains(imports, module+"testcluster") {
			t.Errorf("%s imports testcluster: it is for tests only", name)
		}
	})
}

func walk(t *testing.T, visit func(name string, imports []string)) {
	t.Helper()
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "out") {
			return fs.SkipDir
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		src, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly)
		if err != nil {
			return err
		}
		var imports []string
		for _, spec := range file.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports = append(imports, imp)
		}
		visit(name, imports)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func ruleFor(folder string) ([]string, bool) {
	if folder == "." {
		return rules[""], true
	}
	for f := folder; f != "."; f = path.Dir(f) {
		if allowed, ok := rules[f]; ok {
			return allowed, true
		}
	}
	return nil, false
}

func permitted(to string, allowed []string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool {
		return a == "*" || to == a || strings.HasPrefix(to, a+"/")
	})
}
