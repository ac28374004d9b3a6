// Package house checks the walls of the house: which room may import which.
package house

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// floors are the rooms from the top down: arrows go down only. internal may be imported by all and imports
// nothing but itself.
var floors = []string{"cmd", "trainer", "surrogates", "data", "cuda", "internal"}

func floor(path string) int {
	first, _, _ := strings.Cut(path, "/")
	return slices.Index(floors, first)
}

// notBelow are arrows within a floor that would turn the house over: a part must not know the whole.
var notBelow = map[string][]string{
	"data/traces":         {"data/neuron", "data/simulate", "data/stimulus", "cuda"},
	"data/neuron":         {"data/simulate", "data/stimulus", "data/traces"},
	"data/stimulus":       {"data/neuron", "data/simulate", "data/traces"},
	"surrogates":          {"data"},
	"surrogates/ops":      {"data"},
	"trainer/fidelity":    {"trainer", "surrogates", "data", "cuda"},
	"trainer/equivalence": {"trainer/experiment", "surrogates", "data", "cuda"},
}

func TestArrowsGoDown(t *testing.T) {
	root := filepath.Join("..", "..")
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != root || d.Name() == "out") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		from := filepath.ToSlash(filepath.Dir(rel))
		if floor(from) < 0 {
			t.Errorf("%s lies in no room: the rooms are %v", rel, floors)
			return nil
		}
		files++
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, imp := range f.Imports {
			full, _ := strconv.Unquote(imp.Path.Value)
			to, ours := strings.CutPrefix(full, "neq/")
			if !ours {
				continue
			}
			if floor(to) < floor(from) {
				t.Errorf("%s imports %s: arrows go down only (%s)", rel, to, strings.Join(floors, " -> "))
			}
			for _, no := range notBelow[from] {
				if to == no || strings.HasPrefix(to, no+"/") && !strings.HasPrefix(from, no) {
					t.Errorf("%s imports %s: %s must not know %s", rel, to, from, no)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 10 {
		t.Errorf("only %d files seen: is the test looking at the house?", files)
	}
}

// A file tells one story.
func TestFilesAreShort(t *testing.T) {
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != root || d.Name() == "out") {
			return filepath.SkipDir
		}
		if !slices.Contains([]string{".go", ".c", ".h", ".cu"}, filepath.Ext(path)) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if n := strings.Count(string(text), "\n"); n > 600 {
			t.Errorf("%s has %d lines: is there a wall missing?", path, n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
