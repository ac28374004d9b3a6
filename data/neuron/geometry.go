package neuron

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"neq/data/neuron/morphology"
)

// maxSegments bounds a cell: receptors and nodes are counted in 16 bits on a device.
const maxSegments = 1 << 15

// geometry makes the segments and nodes of a described cell.
func (d *Description) geometry(dir string) (*morphology.Cable, error) {
	m, err := d.shape(dir)
	if err != nil {
		return nil, err
	}
	div := morphology.Division{Segments: map[string]int{}, RegionRa: map[string]float64{}}
	if s := d.Segments; s != nil {
		switch {
		case s.Length != 0 && s.Count != 0:
			return nil, keyError("neuron.segments.count", "%d beside length_um, %v: give one of them", s.Count, s.Length)
		case s.Length != 0 && !(s.Length >= 0.1 && s.Length <= 1e5):
			return nil, keyError("neuron.segments.length_um", "%v: want 0.1 to 1e5", s.Length)
		case s.Count != 0 && !(s.Count >= 1 && s.Count <= maxSegments):
			return nil, keyError("neuron.segments.count", "%d: want 1 to %d", s.Count, maxSegments)
		}
		div.SegmentLength = s.Length
		if s.Count > 0 {
			for i := range m.Sections {
				div.Segments[m.Sections[i].Name()] = s.Count
			}
		}
	}
	for i, s := range d.Sections {
		if s.Segments > 0 {
			div.Segments[m.Sections[i].Name()] = s.Segments
		}
	}
	regions := regionsOf(m)
	for i, b := range d.Membrane {
		key := fmt.Sprintf("neuron.membrane[%d]", i)
		if !(b.Capacitance > 0 && b.Capacitance <= 1e3) {
			return nil, keyError(key+".capacitance_uf_cm2", "%v: want more than 0, at most 1000", b.Capacitance)
		}
		if !(b.Resistivity > 0 && b.Resistivity <= 1e6) {
			return nil, keyError(key+".resistivity_ohm_cm", "%v: want more than 0, at most 1e6", b.Resistivity)
		}
		if len(b.Regions) == 0 {
			return nil, keyError(key+".regions", "missing: choose among %s", strings.Join(regions, ", "))
		}
		for j, name := range b.Regions {
			r, err := region(fmt.Sprintf("%s.regions[%d]", key, j), name, regions, m.Name)
			if err != nil {
				return nil, err
			}
			div.RegionRa[r] = b.Resistivity
		}
	}
	for _, r := range regions {
		if _, ok := div.RegionRa[r]; !ok {
			return nil, keyError("neuron.membrane", "region %s has no capacitance and resistivity: add {regions: [%s], capacitance_uf_cm2: 1, resistivity_ohm_cm: 100}", r, r)
		}
	}
	if n := d.count(m, div); n > maxSegments {
		return nil, keyError("neuron.segments", "%.3g segments: at most %d: make them longer", float64(n), maxSegments)
	}
	c, err := m.Divide(div)
	if err != nil {
		return nil, keyError(d.shapeKey(), "%v", err)
	}
	return c, nil
}

// count is how many segments a division will have.
func (d *Description) count(m *morphology.Morphology, div morphology.Division) int {
	n, length := 0, div.SegmentLength
	if length == 0 {
		length = 40
	}
	for i := range m.Sections {
		s := &m.Sections[i]
		if k, ok := div.Segments[s.Name()]; ok {
			n += k
			continue
		}
		l := 0.0
		for j := 1; j < len(s.Points); j++ {
			a, b := s.Points[j-1], s.Points[j]
			l += math.Hypot(math.Hypot(a.X-b.X, a.Y-b.Y), a.Z-b.Z)
		}
		n += 1 + 2*int(min(l/length, 1<<20))
	}
	return n
}

func (d *Description) shapeKey() string {
	if d.Sections != nil {
		return "neuron.sections"
	}
	return "neuron.morphology"
}

// shape reads, grows or makes the morphology.
func (d *Description) shape(dir string) (*morphology.Morphology, error) {
	switch {
	case d.Morphology != "" && d.Sections != nil:
		return nil, keyError("neuron.sections", "beside morphology: give one of them")
	case d.Sections != nil && d.Axon != "":
		return nil, keyError("neuron.axon", "belongs to a morphology; here are sections")
	case d.Sections != nil:
		return d.written()
	case d.Morphology == "":
		return nil, keyError("neuron.morphology", "missing: a file (.swc or .asc) or grown; or write sections")
	}
	m, err := d.found(dir)
	if err != nil {
		return nil, err
	}
	switch d.Axon {
	case "", "keep":
	case "stub":
		m = m.StubAxon()
	default:
		return nil, keyError("neuron.axon", "no choice %q%s: keep or stub", d.Axon, suggest(d.Axon, []string{"keep", "stub"}))
	}
	return m, nil
}

// found reads a morphology's file, or grows one.
func (d *Description) found(dir string) (*morphology.Morphology, error) {
	name := d.Morphology
	if kind, seed, ok := strings.Cut(name, ":"); kind == "grown" {
		n := uint64(1)
		if ok {
			var err error
			if n, err = strconv.ParseUint(seed, 10, 64); err != nil {
				return nil, keyError("neuron.morphology", "%q: want grown, or grown:SEED with a whole number", name)
			}
		}
		return morphology.Grow(n), nil
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".swc", ".asc":
	default:
		return nil, keyError("neuron.morphology", "%q: want a file that ends in .swc or .asc, or grown", name)
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	m, err := morphology.Read(name)
	if err != nil {
		return nil, keyError("neuron.morphology", "%v", err)
	}
	return m, nil
}

// written makes a morphology of sections that are written out, end to end along a line: their places mean nothing.
func (d *Description) written() (*morphology.Morphology, error) {
	m := &morphology.Morphology{Name: "sections"}
	index, at := map[string]int{}, map[string]int{}
	for i, s := range d.Sections {
		key := fmt.Sprintf("neuron.sections[%d]", i)
		if !plainName(s.Name) {
			return nil, keyError(key+".name", "%q: want a letter, then letters, digits or _", s.Name)
		}
		if _, twice := at[s.Name]; twice {
			return nil, keyError(key+".name", "%q is the name of an earlier section", s.Name)
		}
		r := s.Region
		if r == "" {
			r = s.Name
		}
		if r = canonical(r); !plainName(r) {
			return nil, keyError(key+".region", "%q: want a letter, then letters, digits or _", r)
		}
		end := s.Diameter
		if s.Taper != nil {
			end = *s.Taper
		}
		x := 1.0
		if s.At != nil {
			x = *s.At
		}
		switch {
		case !(s.Length > 0 && s.Length <= 1e6):
			return nil, keyError(key+".length_um", "%v: want more than 0, at most 1e6", s.Length)
		case !(s.Diameter >= 1e-3 && s.Diameter <= 1e4):
			return nil, keyError(key+".diameter_um", "%v: want 0.001 to 10000", s.Diameter)
		case !(end >= 1e-3 && end <= 1e4):
			return nil, keyError(key+".end_diameter_um", "%v: want 0.001 to 10000", end)
		case !(x >= 0 && x <= 1):
			return nil, keyError(key+".at", "%v: want 0, the parent's beginning, to 1, its end", x)
		case s.Segments < 0 || s.Segments > maxSegments:
			return nil, keyError(key+".segments", "%d: want 1 to %d", s.Segments, maxSegments)
		}
		parent, ok := at[s.Parent]
		switch {
		case i == 0 && (s.Parent != "" || s.At != nil):
			return nil, keyError(key+".parent", "the first section is the root: it has no parent")
		case i == 0 && r != morphology.Soma:
			return nil, keyError(key+".name", "%q: the first section is the soma: name it, or its region, soma", s.Name)
		case i == 0:
			parent, x = -1, 0
		case s.Parent == "":
			return nil, keyError(key+".parent", "missing: the name of a section above")
		case !ok:
			return nil, keyError(key+".parent", "no section %q above%s", s.Parent, suggest(s.Parent, sectionNames(d.Sections[:i])))
		}
		at[s.Name] = i
		m.Sections = append(m.Sections, morphology.Section{Region: r, Index: index[r], Parent: parent, ParentX: x,
			Points: []morphology.Point{{Diam: s.Diameter}, {X: s.Length, Diam: end}}})
		index[r]++
	}
	if len(m.Sections) == 0 {
		return nil, keyError("neuron.sections", "empty: want a soma at least")
	}
	return m, nil
}

func sectionNames(s []Section) []string {
	names := make([]string, len(s))
	for i := range s {
		names[i] = s[i].Name
	}
	return names
}

func plainName(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != "" && s[0] != '_'
}

// canonical is NEURON's name of a region.
func canonical(region string) string {
	switch region {
	case "basal", "dendrite":
		return morphology.Basal
	case "apical":
		return morphology.Apical
	}
	return region
}

// regionsOf lists a morphology's regions in the order of its sections.
func regionsOf(m *morphology.Morphology) []string {
	var all []string
	for i := range m.Sections {
		if r := m.Sections[i].Region; !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all
}

// region finds a region by the name a user gave it.
func region(key, name string, regions []string, where string) (string, error) {
	if r := canonical(name); slices.Contains(regions, r) {
		return r, nil
	}
	return "", keyError(key, "no region %q in %s%s: it has %s", name, where, suggest(name, regions), strings.Join(regions, ", "))
}

// errNoSegment is the reason a name finds no segment.
var errNoSegment = errors.New("no such segment")

// place is a segment's name taken apart: region[section](x).
type place struct {
	region  string
	section int // -1: all of the region
	x       float64
	whole   bool // no (x): all segments
}

// parsePlace reads apic[50](0.9), soma(0.5), apic[50], apic or *.
func parsePlace(name string) (place, error) {
	p := place{section: -1, whole: true}
	rest := name
	if i := strings.IndexByte(rest, '('); i >= 0 {
		x, ok := strings.CutSuffix(rest[i+1:], ")")
		v, err := strconv.ParseFloat(x, 64)
		if !ok || err != nil || !(v >= 0 && v <= 1) {
			return p, fmt.Errorf("%q: want region[section](x) with x from 0 to 1, such as apic[50](0.9)", name)
		}
		p.x, p.whole, rest = v, false, rest[:i]
	}
	if i := strings.IndexByte(rest, '['); i >= 0 {
		n, ok := strings.CutSuffix(rest[i+1:], "]")
		v, err := strconv.Atoi(n)
		if !ok || err != nil || v < 0 {
			return p, fmt.Errorf("%q: want region[section](x), such as apic[50](0.9)", name)
		}
		p.section, rest = v, rest[:i]
	} else if !p.whole {
		p.section = 0
	}
	if p.region = canonical(rest); p.region == "" {
		return p, fmt.Errorf("%q: want region[section](x), such as apic[50](0.9)", name)
	}
	return p, nil
}

// segments finds the segments that a name means, in the cable's order.
func segments(c *morphology.Cable, name string) ([]int, error) {
	var all []int
	if name == "*" {
		for i := range c.Segments {
			all = append(all, i)
		}
		return all, nil
	}
	p, err := parsePlace(name)
	if err != nil {
		return nil, err
	}
	last := -1 // the highest section of the region
	for i := range c.Segments {
		s := &c.Segments[i]
		if s.Region != p.region {
			continue
		}
		last = max(last, s.Section)
		if p.section < 0 || s.Section == p.section {
			all = append(all, i)
		}
	}
	switch {
	case last < 0:
		regions := regionsOf(c.Morphology)
		return nil, fmt.Errorf("%q: %w: no region %q%s: there are %s", name, errNoSegment, p.region, suggest(p.region, regions), strings.Join(regions, ", "))
	case len(all) == 0:
		return nil, fmt.Errorf("%q: %w: the last section of %s is %s[%d]", name, errNoSegment, p.region, p.region, last)
	case p.whole:
		return all, nil
	}
	return all[min(int(p.x*float64(len(all))), len(all)-1):][:1], nil
}
