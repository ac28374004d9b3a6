package morphology

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Limits on what is read, above the largest published reconstructions.
const (
	maxPoints = 2_000_000
	maxDepth  = 10_000 // of splits in an ASC tree
	maxUm     = 1e7    // of a coordinate or a diameter
)

// Read reads a morphology from a .swc or .asc file.
func Read(path string) (*Morphology, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("morphology: %w", err)
	}
	defer f.Close()
	switch strings.ToLower(filepath.Ext(path)) {
	case ".swc":
		return ReadSWC(f, path)
	case ".asc":
		return ReadASC(f, path)
	}
	return nil, fmt.Errorf("%s: is not a morphology neq reads: its name must end in .swc or .asc (Neurolucida V3)", path)
}

// Types of SWC points; a Neurolucida tree gets the one its (Axon), (Dendrite) or (Apical) says.
const (
	typeOther  = 0
	typeSoma   = 1
	typeAxon   = 2
	typeBasal  = 3
	typeApical = 4
)

func region(kind int) string {
	switch {
	case kind == typeSoma:
		return Soma
	case kind == typeAxon:
		return Axon
	case kind == typeBasal:
		return Basal
	case kind == typeApical:
		return Apical
	case kind < 0:
		return "minus_" + strconv.Itoa(-kind)
	}
	return "dend_" + strconv.Itoa(kind)
}

// traced is a section as a reader finds it.
type traced struct {
	kind    int
	parent  int // -1 of the root
	parentX float64
	points  []Point
	line    int // where it begins
}

// assemble makes a morphology of the sections of a file, by NEURON's rules: sections without length vanish, and what
// hung on them hangs where they hung; a soma of one point is a sphere, three points in a row; sections are numbered
// within their kind in the order of the file.
func assemble(name string, sections []traced) (*Morphology, error) {
	roots, somas := 0, 0
	for i := range sections {
		s := &sections[i]
		if s.kind == typeSoma {
			somas++
		}
		if s.parent < 0 {
			if roots++; roots > 1 {
				return nil, fault(name, s.line, "begins a second tree: a morphology is one tree")
			}
			if len(s.points) == 1 {
				s.points = sphere(s.points[0])
			}
		}
	}
	if somas == 0 {
		return nil, fmt.Errorf("%s: has no soma", name)
	}
	var order []int
	gone := make([]bool, len(sections))
	for i := range sections { // a parent comes before its children
		s := &sections[i]
		if s.parent >= 0 && gone[s.parent] {
			s.parent, s.parentX = sections[s.parent].parent, sections[s.parent].parentX
		}
		if gone[i] = length(s.points) == 0; !gone[i] {
			order = append(order, i)
		} else if s.parent < 0 {
			return nil, fault(name, s.line, "the root section has no length")
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(sections[a].kind, sections[b].kind) })
	at := make([]int, len(sections))
	count := map[int]int{}
	m := &Morphology{Name: name, Sections: make([]Section, len(order))}
	for to, i := range order {
		at[i] = to
		s := sections[i]
		m.Sections[to] = Section{Region: region(s.kind), Index: count[s.kind], Parent: s.parent, ParentX: s.parentX, Points: s.points}
		count[s.kind]++
	}
	if count[typeSoma] == 0 {
		return nil, fmt.Errorf("%s: the soma has no length", name)
	}
	for i := range m.Sections {
		if p := m.Sections[i].Parent; p >= 0 {
			m.Sections[i].Parent = at[p]
		}
	}
	return m, m.check()
}

// sphere is a cylinder as long as it is wide, which has the area of the sphere.
func sphere(p Point) []Point {
	left, right := p, p
	left.X = float64(float32(p.X - p.Diam/2))
	right.X = float64(float32(p.X + p.Diam/2))
	return []Point{left, p, right}
}

// arcs are the distances of the points along the section. NEURON holds points in single precision.
func arcs(points []Point) []float64 {
	a := make([]float64, len(points))
	for i := 1; i < len(points); i++ {
		p, q := points[i-1], points[i]
		a[i] = a[i-1] + norm(float64(float32(q.X-p.X)), float64(float32(q.Y-p.Y)), float64(float32(q.Z-p.Z)))
	}
	return a
}

func length(points []Point) float64 {
	if len(points) == 0 {
		return 0
	}
	return arcs(points)[len(points)-1]
}

func norm(x, y, z float64) float64 { return math.Sqrt(x*x + y*y + z*z) }

// check says what is wrong with a morphology that Divide could not divide.
func (m *Morphology) check() error {
	root := -1
	for i := range m.Sections {
		s := &m.Sections[i]
		bad := func(format string, args ...any) error {
			return fmt.Errorf("%s: %s %w", m.Name, s.Name(), fmt.Errorf(format, args...))
		}
		switch {
		case s.Parent < 0 && root >= 0:
			return bad("has no parent, nor has %s: a morphology is one tree", m.Sections[root].Name())
		case s.Parent < 0:
			root = i
		case s.Parent >= len(m.Sections):
			return bad("hangs on section %d of %d", s.Parent, len(m.Sections))
		}
		if !(s.ParentX >= 0 && s.ParentX <= 1) {
			return bad("hangs at %g of its parent, not within 0 to 1", s.ParentX)
		}
		for _, p := range s.Points {
			if err := p.check(); err != nil {
				return bad("%w", err)
			}
		}
		if !(length(s.Points) > 0) {
			return bad("has no length")
		}
	}
	if m.soma() < 0 {
		return fmt.Errorf("%s: has no soma", m.Name)
	}
	if len(m.outwards()) != len(m.Sections) {
		return fmt.Errorf("%s: sections hang on one another in a circle", m.Name)
	}
	return nil
}

// check refuses what has no place or no width.
func (p Point) check() error {
	for _, v := range []float64{p.X, p.Y, p.Z} {
		if !(math.Abs(v) <= maxUm) {
			return fmt.Errorf("has a coordinate of %g um: it must be finite and within ±%g", v, maxUm)
		}
	}
	if !(p.Diam > 0 && p.Diam <= maxUm) || float32(p.Diam) == 0 {
		return fmt.Errorf("has a diameter of %g um: it must be above 0 and at most %g", p.Diam, maxUm)
	}
	return nil
}

// single rounds a point to single precision, in which NEURON holds points.
func (p Point) single() Point {
	return Point{float64(float32(p.X)), float64(float32(p.Y)), float64(float32(p.Z)), float64(float32(p.Diam))}
}

// outwards lists the sections from the root so that a parent comes before its children; one that is not on the
// root's tree is not listed.
func (m *Morphology) outwards() []int {
	children := make([][]int, len(m.Sections))
	var order []int
	for i := range m.Sections {
		if p := m.Sections[i].Parent; p >= 0 {
			children[p] = append(children[p], i)
		} else {
			order = append(order, i)
		}
	}
	for k := 0; k < len(order); k++ {
		order = append(order, children[order[k]]...)
	}
	return order
}

// fault says what is wrong where in a file.
func fault(name string, line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", name, line, fmt.Errorf(format, args...))
}

func readFault(name string, line int, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fault(name, line, "the file ends early")
	}
	return fault(name, line, "%w", err)
}
