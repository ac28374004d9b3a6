package morphology

import (
	"fmt"
	"math"
	"slices"
)

// maxSegments bounds what a slip in a segment length can ask for.
const maxSegments = 1_000_000

// Divide divides every section into segments and joins their nodes, as NEURON does. See Division for what is said and
// what is default.
func (m *Morphology) Divide(d Division) (*Cable, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	if err := d.check(m); err != nil {
		return nil, err
	}
	c := &Cable{Morphology: m}
	first := make([]int, len(m.Sections)) // segment of each section
	counts := make([]int, len(m.Sections))
	lengths := make([]float64, len(m.Sections))
	total := 0
	for i := range m.Sections {
		s := &m.Sections[i]
		lengths[i] = length(s.Points)
		n := d.count(s, lengths[i])
		if n > maxSegments-total {
			return nil, fmt.Errorf("%s: more than %d segments: a longer segment length, or shorter sections?", m.Name, maxSegments)
		}
		first[i], counts[i] = total, int(n)
		total += int(n)
	}
	c.Segments = make([]Segment, 0, total)
	near := m.distances(lengths)
	for i := range m.Sections {
		s := &m.Sections[i]
		pieces := frusta(s.Points, counts[i], d.ra(s.Region))
		for k, f := range pieces {
			x := (float64(k) + 0.5) / float64(len(pieces))
			g := Segment{
				Region: s.Region, Section: s.Index, Index: k, X: x, Parent: first[i] + k - 1, AttachX: -1,
				Length: lengths[i] / float64(len(pieces)), Diam: f.diam, Area: f.area, Ri: f.left,
				PathDistance: near[i].at(x, lengths[i]), Of: i,
			}
			if k > 0 {
				g.Ri += pieces[k-1].right
			} else if s.Parent >= 0 {
				g.AttachX = s.ParentX
				g.Parent = first[s.Parent] + segmentAt(s.ParentX, counts[s.Parent])
			} else {
				g.Parent = -1
			}
			if k == len(pieces)-1 {
				g.RiEnd = f.right
			}
			c.Segments = append(c.Segments, g)
		}
	}
	c.join(first, counts)
	return c, nil
}

func (d Division) check(m *Morphology) error {
	if !(d.SegmentLength >= 0) || math.IsInf(d.SegmentLength, 0) {
		return fmt.Errorf("%s: a segment length of %g um: it must be above 0 (0 itself is the default of 40)", m.Name, d.SegmentLength)
	}
	known := map[string]bool{}
	for i := range m.Sections {
		known[m.Sections[i].Region], known[m.Sections[i].Name()] = true, true
	}
	for name, n := range d.Segments {
		if n < 1 {
			return fmt.Errorf("%s: %d segments for %q: it must be 1 or more", m.Name, n, name)
		}
		if !known[name] {
			return fmt.Errorf("%s: %d segments for %q: there is no such section or region", m.Name, n, name)
		}
	}
	for name, ra := range d.RegionRa {
		if !(ra > 0) || math.IsInf(ra, 0) {
			return fmt.Errorf("%s: an axial resistivity of %g Ohm cm for %q: it must be above 0", m.Name, ra, name)
		}
		if !known[name] {
			return fmt.Errorf("%s: an axial resistivity for %q: there is no such region", m.Name, name)
		}
	}
	if !(d.Ra >= 0) || math.IsInf(d.Ra, 0) {
		return fmt.Errorf("%s: an axial resistivity of %g Ohm cm: it must be above 0 (0 itself is the default of 100)", m.Name, d.Ra)
	}
	return nil
}

// count is the number of segments of a section: its own, or its region's, or by its length.
func (d Division) count(s *Section, length float64) int {
	if n, ok := d.Segments[s.Name()]; ok {
		return n
	}
	if n, ok := d.Segments[s.Region]; ok {
		return n
	}
	each := d.SegmentLength
	if each == 0 {
		each = 40
	}
	return 1 + 2*int(math.Min(length/each, maxSegments))
}

func (d Division) ra(region string) float64 {
	if ra, ok := d.RegionRa[region]; ok {
		return ra
	} else if d.Ra > 0 {
		return d.Ra
	}
	return 100
}

// segmentAt is the number of the segment, of n, that holds x; a boundary belongs to the segment that begins there.
func segmentAt(x float64, n int) int { return min(int(x*float64(n)), n-1) }

// frustum holds the integrals over one segment.
type frustum struct {
	diam, area  float64 // um, um2
	left, right float64 // MOhm from its beginning to its middle, from there to its end
}

// frusta integrates diameter, side area and axial resistance over n equal parts of a section, in halves, along the
// cones between its points: a cone of length l with diameters a and b has the area pi (a+b)/2 sqrt(l^2 + ((a-b)/2)^2)
// and the resistance 4 Ra l / (pi a b).
func frusta(points []Point, n int, ra float64) []frustum {
	at := arcs(points)
	diam := func(k int) float64 { return float64(float32(points[k].Diam)) }
	last := len(points) - 1
	out := make([]frustum, n)
	each := at[last] / float64(n)
	j := 0
	from, a := 0.0, diam(0)
	for i := range 2 * n {
		to := float64(i/2)*each + each/2 // rounded as NEURON does, where two points at one place fall on either side
		if i%2 == 1 {
			to += each / 2
		}
		f := &out[i/2]
		resistance := 0.0
		for {
			x, b := at[j+1], diam(j+1)
			inside := x > to || j+1 == last // the half ends on this cone
			if inside {
				if span := x - at[j]; span >= 1e-10 {
					share := (to - at[j]) / span
					b = (1-share)*diam(j) + share*b
				}
				x = to
			}
			l := math.Max(x-from, 0)
			f.diam += (a + b) / 2 * l
			f.area += math.Pi * (a + b) / 2 * math.Hypot(l, (a-b)/2)
			resistance += 4e-2 * ra * l / (math.Pi * a * b)
			from, a = x, b
			if inside {
				break
			}
			j++
		}
		if i%2 == 0 {
			f.left = resistance
		} else {
			f.right = resistance
		}
	}
	for i := range out {
		out[i].diam /= each
	}
	return out
}

// place is how far a section is from the beginning of the soma: the point X on it where the way comes in is Far.
type place struct{ x, far float64 }

func (p place) at(x, length float64) float64 { return p.far + math.Abs(x-p.x)*length }

// distances are the places of the sections, along the tree from the beginning of the first soma section.
func (m *Morphology) distances(lengths []float64) []place {
	out := make([]place, len(m.Sections))
	known := make([]bool, len(m.Sections))
	soma := m.soma()
	known[soma] = true
	// towards the root the way comes in where the last section hangs
	far := 0.0
	for i := soma; m.Sections[i].Parent >= 0; i = m.Sections[i].Parent {
		up := m.Sections[i].Parent
		far = out[i].at(0, lengths[i])
		out[up], known[up] = place{m.Sections[i].ParentX, far}, true
	}
	for _, i := range m.outwards() {
		if !known[i] {
			s := &m.Sections[i]
			out[i] = place{0, out[s.Parent].at(s.ParentX, lengths[s.Parent])}
		}
	}
	return out
}

// soma is the first section of the soma.
func (m *Morphology) soma() int {
	return slices.IndexFunc(m.Sections, func(s Section) bool { return s.Region == Soma })
}
