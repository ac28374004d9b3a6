package morphology

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const contourText = "(\"CellBody\" (8 0 0) (0 8 0) (-8 0 0) (0 -8 0))\n"

// What cannot be a neuron is refused in words that say where.
func TestRefuses(t *testing.T) {
	const soma = "1 1 0 0 0 5 -1\n"
	for _, c := range []struct{ name, file, text, want string }{
		{"empty", "a.swc", "", "a.swc:1: the file has no points"},
		{"comments only", "a.swc", "# nothing\n\n#\n", "a.swc:3: the file has no points"},
		{"too few fields", "a.swc", soma + "2 3 1 2 3\n", "a.swc:2: has 5 fields"},
		{"a word", "a.swc", soma + "2 3 1 x 3 1 1\n", `a.swc:2: field 4 is "x": it must be a number`},
		{"half a number", "a.swc", soma + "2.5 3 1 1 3 1 1\n", "a.swc:2: field 1"},
		{"a huge number", "a.swc", soma + "2 3 1 1 3 1 1e30\n", "a.swc:2: field 7"},
		{"not finite", "a.swc", soma + "2 3 1 nan 3 1 1\n", "a.swc:2: the point has a coordinate of NaN"},
		{"infinite", "a.swc", soma + "2 3 1 inf 3 1 1\n", "a.swc:2: the point has a coordinate of +Inf"},
		{"overflow", "a.swc", soma + "2 3 1 1e999 3 1 1\n", "a.swc:2: field 4"},
		{"far away", "a.swc", soma + "2 3 1 1e9 3 1 1\n", "a.swc:2: the point has a coordinate of 1e+09"},
		{"no diameter", "a.swc", soma + "2 3 9 9 9 0 1\n", "a.swc:2: the point has a diameter of 0"},
		{"negative diameter", "a.swc", soma + "2 3 9 9 9 -1 1\n", "a.swc:2: the point has a diameter of -2"},
		{"a diameter that vanishes", "a.swc", soma + "2 3 9 9 9 1e-60 1\n", "a.swc:2: the point has a diameter of 2e-60"},
		{"NaN diameter", "a.swc", soma + "2 3 9 9 9 nan 1\n", "a.swc:2: the point has a diameter of NaN"},
		{"negative number", "a.swc", "-5 1 0 0 0 5 -1\n", "a.swc:1: the point has the number -5"},
		{"twice", "a.swc", soma + "2 3 9 9 9 1 1\n2 3 9 9 9 1 1\n", "a.swc:3: number 2 is that of the point on line 2 too"},
		{"orphan", "a.swc", soma + "2 3 9 9 9 1 7\n", "a.swc:2: the parent, 7, is not in the file"},
		{"circle", "a.swc", soma + "2 3 9 9 9 1 4\n3 3 9 9 9 1 2\n4 3 9 9 9 1 3\n", "a.swc:2: the way from the point to the root goes in a circle"},
		{"its own parent", "a.swc", soma + "2 3 9 9 9 1 2\n", "a.swc:2: the way from the point to the root goes in a circle"},
		{"no root", "a.swc", "1 1 0 0 0 5 2\n2 1 9 9 9 1 1\n", "a.swc:1: the way from the point to the root goes in a circle"},
		{"two trees", "a.swc", soma + "2 3 9 9 9 1 -1\n", "a.swc:2: begins a second tree, the first is on line 1"},
		{"no soma", "a.swc", "1 3 0 0 0 5 -1\n2 3 9 9 9 1 1\n", "a.swc: has no soma"},
		{"a root without length", "a.swc", "1 1 0 0 0 5 -1\n2 1 0 0 0 5 1\n", "a.swc:1: the root section has no length"},
		{"a long line", "a.swc", soma + "#" + strings.Repeat("x", 1<<17), "a.swc:2: the line is longer"},
		{"bytes", "a.swc", "\x00\x01\x02\n", "a.swc:1: has 1 fields"},

		{"empty", "a.asc", "", "a.asc:1: no soma"},
		{"no soma", "a.asc", "((Dendrite) (1 2 3 1) (2 3 4 1))", "a.asc:1: no soma"},
		{"no tree", "a.asc", contourText + "x", "a.asc:2: found a word (x) instead of an object"},
		{"stray parenthesis", "a.asc", contourText + ")", "a.asc:2: found ) instead of an object"},
		{"two points", "a.asc", `("CellBody" (1 2 3) (2 3 4))`, "a.asc:1: a contour of a soma has 2 points"},
		{"a line for a soma", "a.asc", `("CellBody" (1 2 3) (2 4 6) (3 6 9))`, "a.asc:1: the contour of the soma encloses no area"},
		{"a point for a soma", "a.asc", `("CellBody" (1 2 3) (1 2 3) (1 2 3))`, "a.asc:1: the contour of the soma encloses no area"},
		{"two somas", "a.asc", contourText + "\n(\"CellBody\" (88 0 0) (80 8 0) (72 0 0) (80 -8 0))", "a.asc:3: a second soma"},
		{"a stack at one place", "a.asc", contourText + contourText, "a.asc:1: the contours of the soma lie at one place"},
		{"never closed", "a.asc", contourText + "((Dendrite)\n(1 2 3 1)\n(2 3 4 1)", "a.asc:2: a tree opened here is never closed: the file ends early"},
		{"property never closed", "a.asc", contourText + "((Dendrite", "a.asc:2: a parenthesis opened here is never closed"},
		{"contour never closed", "a.asc", "(\"CellBody\" (1 2 3)", "a.asc:1: a contour opened here is never closed"},
		{"spine never closed", "a.asc", contourText + "((Dendrite) (1 2 3 1)\n<(1 2 3 1)", "a.asc:3: a spine opened here is never closed"},
		{"set never closed", "a.asc", contourText + "(Set \"a\" ", "a.asc:2: a set opened here is never closed"},
		{"string never closed", "a.asc", contourText + "(\"abc\n\")", "a.asc:2: a string has no closing quote"},
		{"opened at the end", "a.asc", contourText + "(", "a.asc:2: a parenthesis opened here is never closed"},
		{"no y", "a.asc", contourText + "((Dendrite)\n(1))", "a.asc:3: found ) instead of the y of a point"},
		{"five numbers", "a.asc", contourText + "((Dendrite)\n(1 2 3 4 5))", "a.asc:3: a point has more than 4 numbers"},
		{"not a number", "a.asc", contourText + "((Dendrite)\n(1 2 3.4.5 6))", "a.asc:3: found a word (3.4.5) instead of a number"},
		{"NaN", "a.asc", contourText + "((Dendrite)\n(1 nan 3 6))", "a.asc:3: a point has a coordinate of NaN"},
		{"NaN first", "a.asc", contourText + "((Dendrite)\n(nan 1 3 6))", "a.asc:3: a point has a coordinate of NaN"},
		{"NaN in a soma", "a.asc", "(\"CellBody\"\n (nan 1 3) (1 2 3) (3 4 5))", "a.asc:2: a point has a coordinate of NaN"},
		{"infinite", "a.asc", contourText + "((Dendrite)\n(1 -inf 3 6))", "a.asc:3: a point has a coordinate of -Inf"},
		{"no diameter", "a.asc", contourText + "((Dendrite)\n(1 2 3))", "a.asc:3: a point has a diameter of 0"},
		{"negative diameter", "a.asc", contourText + "((Dendrite)\n(1 2 3 -1))", "a.asc:3: a point has a diameter of -1"},
		{"an empty branch", "a.asc", contourText + "((Dendrite) (1 2 3 1) (2 3 4 1)\n(\n(3 4 5 1)\n|\n))", "a.asc:5: a branch has no points"},
		{"an empty tree", "a.asc", contourText + "(\n(Dendrite) )", "a.asc:3: a branch has no points"},
		{"a split at once", "a.asc", contourText + "((Dendrite)\n((3 4 5 1)))", "a.asc:3: a branch splits before its first point"},
		{"a point after a split", "a.asc", contourText + "((Dendrite) (1 2 3 1)\n((3 4 5 1) | (3 4 6 1))\n(3 4 7 1))", "a.asc:4: a point follows a split"},
		{"a bar alone", "a.asc", contourText + "((Dendrite) (1 2 3 1) | (1 2 4 1))", "a.asc:2: | stands outside a split"},
		{"a control byte", "a.asc", contourText + "((Dendrite)\n\x00", "a.asc:3: byte 0x00"},
		{"a long word", "a.asc", contourText + strings.Repeat("x", 1<<16), "a.asc:2: a word is longer"},
		{"a long string", "a.asc", contourText + `("` + strings.Repeat("x", 1<<16), "a.asc:2: a string is longer"},
		{"deep sets", "a.asc", contourText + strings.Repeat("(set ", 200), "more than 100 sets"},
		{"deep splits", "a.asc", contourText + "((Dendrite) (1 2 3 1)" + strings.Repeat("((1 2 3 1)", 20000), "a.asc:2: more than 10000 splits"},
		{"deep lists", "a.asc", contourText + strings.Repeat("(a", 1<<20), "a.asc:2: a parenthesis opened here is never closed"},
		{"another format", "a.obj", "", "a.obj: is not a morphology neq reads: its name must end in .swc or .asc"},
	} {
		t.Run(filepath.Ext(c.file)+" "+c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, c.file)
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			m, err := Read(path)
			if err == nil {
				t.Fatalf("read as %d sections", len(m.Sections))
			}
			if got := strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""); !strings.Contains(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	if _, err := Read(filepath.Join(t.TempDir(), "absent.swc")); err == nil || !strings.Contains(err.Error(), "absent.swc") {
		t.Errorf("a file that is absent: %v", err)
	}
}

// More points than the limit are refused before they are held: the readers are fed without end.
func TestRefusesEndlessFiles(t *testing.T) {
	n := 1
	swc := &endless{text: "1 1 0 0 0 5 -1\n", next: func() string {
		n++
		return fmt.Sprintf("%d 3 9 0 0 1 %d\n", n, n-1)
	}}
	if _, err := swcPoints(swc, "endless", 5000); err == nil || err.Error() != "endless:5001: more than 5000 points" {
		t.Errorf("SWC: %v", err)
	}
	asc := &endless{text: contourText + "((Dendrite) ", next: func() string { return "(1 2 3 1)\n" }}
	if _, err := readASC(asc, "endless", 5000); err == nil || err.Error() != "endless:4998: more than 5000 points" {
		t.Errorf("ASC: %v", err)
	}
	words := &endless{next: func() string { return "xxxxxxxx" }}
	if _, err := ReadASC(words, "endless"); err == nil {
		t.Error("a word without end was read")
	}
}

type endless struct {
	next func() string
	text string
}

func (e *endless) Read(b []byte) (int, error) {
	if e.text == "" {
		e.text = e.next()
	}
	n := copy(b, e.text)
	e.text = e.text[n:]
	return n, nil
}

// A reconstruction cut off anywhere is refused or is a smaller neuron, and the error names the file and a line.
func TestTruncated(t *testing.T) {
	line := regexp.MustCompile(`^cut:\d+: `)
	for _, name := range []string{"tree.asc", "sphere.swc", "stack.asc"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		for n := range len(text) {
			r := bufio.NewReader(strings.NewReader(string(text[:n])))
			var err error
			if filepath.Ext(name) == ".asc" {
				_, err = ReadASC(r, "cut")
			} else {
				_, err = ReadSWC(r, "cut")
			}
			if err != nil && !line.MatchString(err.Error()) {
				t.Fatalf("%s after %d bytes: %v", name, n, err)
			}
		}
	}
}
