package morphology

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// judged is a section as NEURON has it: see testdata/judge.py.
type judged struct {
	Name   string    `json:"name"`
	Parent string    `json:"parent"`
	X      float64   `json:"x"`
	Length float64   `json:"length"`
	Area   []float64 `json:"area"`
	Ri     []float64 `json:"ri"`
	Diam   []float64 `json:"diam"`
	Path   []float64 `json:"path"`
}

// compare is what differs between a cable and NEURON's sections by more than a share of tolerance.
func compare(c *Cable, want []judged, tolerance float64) error {
	if len(c.Morphology.Sections) != len(want) {
		return fmt.Errorf("%d sections, want %d", len(c.Morphology.Sections), len(want))
	}
	near := func(a, b float64) bool { return math.Abs(a-b) <= tolerance*math.Max(math.Abs(b), 1e-3) }
	k := 0
	for i, w := range want {
		s := &c.Morphology.Sections[i]
		if s.Name() != w.Name {
			return fmt.Errorf("section %d is %s, want %s", i, s.Name(), w.Name)
		}
		if s.Parent >= 0 {
			if p := c.Morphology.Sections[s.Parent].Name(); p != w.Parent || s.ParentX != w.X {
				return fmt.Errorf("%s hangs on %s(%g), want %s(%g)", w.Name, p, s.ParentX, w.Parent, w.X)
			}
		} else if w.Parent != "" {
			return fmt.Errorf("%s hangs on nothing, want %s(%g)", w.Name, w.Parent, w.X)
		}
		if l := length(s.Points); !near(l, w.Length) {
			return fmt.Errorf("%s is %g um long, want %g", w.Name, l, w.Length)
		}
		for j := range w.Area {
			if k == len(c.Segments) || c.Segments[k].Of != i || c.Segments[k].Index != j {
				return fmt.Errorf("%s lacks segment %d of %d", w.Name, j, len(w.Area))
			}
			g := &c.Segments[k]
			for _, v := range []struct {
				what     string
				is, want float64
			}{{"area", g.Area, w.Area[j]}, {"ri", g.Ri, w.Ri[j]}, {"diameter", g.Diam, w.Diam[j]}, {"path distance", g.PathDistance, w.Path[j]}} {
				if !near(v.is, v.want) {
					return fmt.Errorf("%s: %s %.9g, want %.9g", c.Name(k), v.what, v.is, v.want)
				}
			}
			k++
		}
	}
	if k != len(c.Segments) {
		return fmt.Errorf("%d segments, want %d", len(c.Segments), k)
	}
	return nil
}

// What NEURON makes of small files that hold every case of its rules.
func TestNeuronsSections(t *testing.T) {
	judgeAll(t, "testdata", "testdata/neuron.json")
}

func judgeAll(t *testing.T, folder, answers string) {
	text, err := os.ReadFile(answers)
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Files map[string][]judged `json:"files"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for name, want := range all.Files {
		t.Run(name, func(t *testing.T) {
			m, err := Read(filepath.Join(folder, name))
			if err != nil {
				t.Fatal(err)
			}
			c, err := m.Divide(Division{})
			if err != nil {
				t.Fatal(err)
			}
			if err := compare(c, want, 1e-6); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}
