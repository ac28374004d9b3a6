package morphology

import (
	"bufio"
	"bytes"
	"io"
	"math"
	"slices"
	"strconv"
)

// ReadSWC reads an SWC file as NEURON's Import3d does: a section ends where the tree branches, where the type changes
// and where the numbers of points leave a gap; a soma of one point, or of the three that neuromorpho.org writes for
// one, is a sphere, and what hangs on it hangs on its middle. name is for messages.
func ReadSWC(r io.Reader, name string) (*Morphology, error) {
	points, err := swcPoints(r, name, maxPoints)
	if err != nil {
		return nil, err
	}
	if points, err = swcTree(points, name); err != nil {
		return nil, err
	}
	return assemble(name, swcSections(points))
}

// swcPoint is a line of the file.
type swcPoint struct {
	id, kind int
	parent   int // number of the parent as in the file; after swcTree its index. -1 of the root
	line     int
	Point
}

func swcPoints(r io.Reader, name string, limit int) ([]swcPoint, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 1<<14), 1<<16)
	var points []swcPoint
	line := 0
	for lines.Scan() {
		line++
		f := bytes.Fields(lines.Bytes())
		if line == 1 && len(f) > 0 {
			f[0] = bytes.TrimPrefix(f[0], []byte("\ufeff"))
		}
		if len(f) == 0 || len(f[0]) == 0 || f[0][0] == '#' {
			continue
		}
		if len(f) < 7 {
			return nil, fault(name, line, "has %d fields: a point has 7 (number, type, x, y, z, radius, parent)", len(f))
		}
		p := swcPoint{line: line}
		for i, to := range []*int{&p.id, &p.kind, 6: &p.parent} {
			if to == nil {
				continue
			}
			v, err := strconv.ParseFloat(string(f[i]), 64)
			if err != nil || v != math.Trunc(v) || math.Abs(v) > math.MaxInt32 {
				return nil, fault(name, line, "field %d is %.40q: it must be a whole number", i+1, f[i])
			}
			*to = int(v)
		}
		for i, to := range []*float64{2: &p.X, &p.Y, &p.Z, &p.Diam} {
			if to == nil {
				continue
			}
			v, err := strconv.ParseFloat(string(f[i]), 64)
			if err != nil {
				return nil, fault(name, line, "field %d is %.40q: it must be a number", i+1, f[i])
			}
			*to = v
		}
		p.Diam *= 2 // the file has radii
		if err := p.check(); err != nil {
			return nil, fault(name, line, "the point %w", err)
		}
		if p.id < 0 {
			return nil, fault(name, line, "the point has the number %d: it must not be below 0", p.id)
		}
		p.Point = p.single()
		if len(points) == limit {
			return nil, fault(name, line, "more than %d points", limit)
		}
		points = append(points, p)
	}
	if err := lines.Err(); err == bufio.ErrTooLong {
		return nil, fault(name, line+1, "the line is longer than 65536 bytes")
	} else if err != nil {
		return nil, readFault(name, line+1, err)
	}
	if len(points) == 0 {
		return nil, fault(name, max(line, 1), "the file has no points")
	}
	return points, nil
}

// swcTree orders the points so that a parent comes before its children, as the file has them or by their numbers if
// it can, and makes parents indices.
func swcTree(points []swcPoint, name string) ([]swcPoint, error) {
	slices.SortStableFunc(points, func(a, b swcPoint) int { return a.id - b.id })
	index := make(map[int]int, len(points))
	root := -1
	ordered := true
	for i, p := range points {
		if i > 0 && points[i-1].id == p.id {
			return nil, fault(name, p.line, "number %d is that of the point on line %d too", p.id, points[i-1].line)
		}
		index[p.id] = i
		if p.parent < 0 && root >= 0 {
			return nil, fault(name, max(p.line, points[root].line), "begins a second tree, the first is on line %d: a morphology is one tree",
				min(p.line, points[root].line))
		} else if p.parent < 0 {
			root = i
		}
		ordered = ordered && p.parent < p.id
	}
	children := make([][]int32, len(points))
	for i := range points {
		p := &points[i]
		if p.parent < 0 {
			p.parent = -1
			continue
		}
		up, ok := index[p.parent]
		if !ok {
			return nil, fault(name, p.line, "the parent, %d, is not in the file", p.parent)
		}
		if p.parent = up; !ordered {
			children[up] = append(children[up], int32(i))
		}
	}
	if ordered {
		return points, nil
	}
	// from the root outwards, along each branch to its end
	out := make([]swcPoint, 0, len(points))
	at := make([]int, len(points))
	for i := range at {
		at[i] = -1
	}
	var stack []int
	if root >= 0 {
		stack = append(stack, root)
	}
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		at[i] = len(out)
		p := points[i]
		if p.parent >= 0 {
			p.parent = at[p.parent]
		}
		out = append(out, p)
		for k := len(children[i]) - 1; k >= 0; k-- {
			stack = append(stack, int(children[i][k]))
		}
	}
	if len(out) < len(points) {
		lost := slices.Index(at, -1)
		return nil, fault(name, points[lost].line, "the way from the point to the root goes in a circle")
	}
	return out, nil
}

// swcSections cuts the points into sections. The rules, the odd ones too, are those of NEURON's read_swc.hoc, but for
// one: NEURON joins the first point of a dendrite on the soma to the next line even where that is no child of it.
func swcSections(p []swcPoint) []traced {
	n := len(p)
	count := make([]int, n)    // children: 100 each, 1 more where numbers leave a gap, 1 more where the type changes
	somas := make([]int, n)    // children of a soma point that are of the soma
	atStart := make([]bool, n) // hangs on the beginning of its parent's section
	somaPoints := 0
	for i := range p {
		if p[i].kind == typeSoma {
			somaPoints++
		}
		up := p[i].parent
		if up < 0 {
			continue
		}
		count[up] += 100
		if up != i-1 {
			count[up]++
			// on the first point of a section that hangs on the soma by a wire, or of a root that is no soma:
			// that section is not cut there
			first := up > 1 && p[up].kind != typeSoma && p[p[up].parent].kind == typeSoma || up == 0 && p[up].kind != typeSoma
			if first && p[up+1].parent == up {
				atStart[i] = true
				count[up] = 100
			}
		}
		if p[up].kind != p[i].kind {
			count[up]++
		} else if p[i].kind == typeSoma {
			somas[up]++
		}
	}
	one := somaPoints == 3 && threePointSphere(p, count)
	parentOf := func(i int) int {
		if one && i == 2 {
			return 1
		}
		return p[i].parent
	}
	for i := 0; i+1 < n; i++ {
		if p[i].kind == typeSoma && p[i+1].kind == typeSoma && parentOf(i+1) == i && (i == 0 || somas[i] <= 1) {
			count[i] = 100
		}
	}
	var out []traced
	of := make([]int, n) // section of a point
	var begin []int      // first point of a section
	for first := 0; first < n; {
		last := first
		for count[last] == 100 && last+1 < n {
			last++
		}
		s := traced{kind: p[first].kind, parent: -1, parentX: 1, line: p[first].line}
		for i := first; i <= last; i++ {
			of[i] = len(out)
			s.points = append(s.points, p[i].Point)
		}
		if first == 0 && one {
			s.points = s.points[:1]
		} else if first > 0 {
			up := parentOf(first)
			s.parent = of[up]
			parent := &out[s.parent]
			var wire bool
			s.parentX, wire = swcJoint(p, somas, parent, begin[s.parent], first, last, up)
			if !wire {
				from := p[up].Point
				if parent.kind == typeSoma && s.kind != typeSoma {
					from.Diam = s.points[0].Diam
				}
				s.points = append([]Point{from}, s.points...)
			}
			if atStart[first] {
				s.parentX = 0
			}
		}
		out = append(out, s)
		begin = append(begin, first)
		first = last + 1
	}
	return out
}

// swcJoint says where on its parent a section hangs, whose points are first to last, and whether by a wire: a way
// from the parent's point that is not of the section's length.
func swcJoint(p []swcPoint, somas []int, parent *traced, begin, first, last, up int) (x float64, wire bool) {
	long := last > first
	foreign := parent.kind == typeSoma && p[first].kind != typeSoma
	if begin == 0 {
		if foreign && len(parent.points) == 1 {
			return 0.5, long
		}
		if up == 0 {
			return 0, p[first].kind != typeSoma && somas[up] > 1
		}
	}
	if parent.kind != typeSoma {
		return 1, false
	}
	end := begin + len(parent.points) - 2 // its last point; a section but the root begins with its parent's
	if begin == 0 {
		end++
	}
	if up < end {
		return 0.5, foreign && long
	}
	return 1, foreign && long && somas[up] > 1
}

// threePointSphere tells neuromorpho.org's soma: three points, the first the parent of the others, alike in width,
// nothing else on the two, which are a diameter apart.
func threePointSphere(p []swcPoint, count []int) bool {
	if len(p) < 3 || p[1].parent != 0 || p[2].parent != 0 || count[1] != 0 || count[2] != 0 || p[1].Diam != p[0].Diam || p[2].Diam != p[0].Diam {
		return false
	}
	apart := 0.0
	for _, q := range p[1:3] {
		apart += norm(q.X-p[0].X, q.Y-p[0].Y, q.Z-p[0].Z)
	}
	return math.Abs(apart/p[0].Diam-1) < 0.01
}
