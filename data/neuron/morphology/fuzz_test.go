package morphology

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever the bytes, a reader refuses them or gives a morphology that divides into segments with finite figures.
func FuzzReadSWC(f *testing.F) {
	seed(f, ".swc")
	f.Add([]byte("1 1 0 0 0 5 -1\n2 3 9 0 0 1 1\n3 4 9 9 0 1 2\n5 3 0 9 9 1 2\n4 3 1 2 3 1 5\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if m, err := ReadSWC(bytes.NewReader(text), "fuzz"); err == nil {
			divides(t, m)
		} else if !strings.HasPrefix(err.Error(), "fuzz") {
			t.Errorf("an error without a name: %v", err)
		}
	})
}

func FuzzReadASC(f *testing.F) {
	seed(f, ".asc")
	f.Add([]byte(contourText + "(Set \"a\" ((Axon) (1 2 3 1) <(1 2)> (4 5 6 1) ((7 8 9 1) | (9 8 7 1))) )"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if m, err := ReadASC(bytes.NewReader(text), "fuzz"); err == nil {
			divides(t, m)
		} else if !strings.HasPrefix(err.Error(), "fuzz") {
			t.Errorf("an error without a name: %v", err)
		}
	})
}

func seed(f *testing.F, extension string) {
	paths, err := filepath.Glob(filepath.Join("testdata", "*"+extension))
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
}

func divides(t *testing.T, m *Morphology) {
	t.Helper()
	c, err := m.Divide(Division{SegmentLength: 1e6})
	if err != nil {
		t.Fatalf("read, but: %v", err)
	}
	checkCable(t, c)
	if _, err := Draw(c, Drawing{}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.StubAxon().Divide(Division{SegmentLength: 1e6}); err != nil {
		t.Fatalf("with a stub for an axon: %v", err)
	}
}

// checkCable holds what is true of every cable.
func checkCable(t *testing.T, c *Cable) {
	t.Helper()
	seen := make([]bool, len(c.Segments))
	for i, n := range c.Nodes {
		if n.Parent >= i || n.Parent < 0 != (i == 0) {
			t.Fatalf("node %d has the parent %d", i, n.Parent)
		}
		if i > 0 && !(n.Ri > 0) || math.IsInf(n.Ri, 0) {
			t.Fatalf("node %d: %g MOhm to its parent", i, n.Ri)
		}
		if n.Segment < 0 {
			continue
		}
		if seen[n.Segment] || c.Segments[n.Segment].Node != i {
			t.Fatalf("node %d and segment %d do not agree", i, n.Segment)
		}
		seen[n.Segment] = true
	}
	if c.Nodes[0].Segment < 0 || c.Segments[c.Nodes[0].Segment].Region != Soma {
		t.Fatal("node 0 is not of the soma")
	}
	for i, s := range c.Segments {
		if !seen[i] {
			t.Fatalf("segment %d has no node", i)
		}
		for _, v := range []float64{s.Length, s.Diam, s.Area, s.Ri, s.PathDistance} {
			if !(v > 0) && !(v == 0 && s.PathDistance == 0) || math.IsInf(v, 0) {
				t.Fatalf("%s: %+v", c.Name(i), s)
			}
		}
		if k, err := c.Find(c.Name(i)); err != nil || k != i {
			t.Fatalf("%s is found as %d, not %d: %v", c.Name(i), k, i, err)
		}
	}
}
