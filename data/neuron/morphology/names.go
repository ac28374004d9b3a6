package morphology

import (
	"fmt"
	"regexp"
	"strconv"
)

// Name is NEURON's name of segment i: "apic[50](0.9)". The only section of the soma goes without its number: "soma(0.5)".
func (c *Cable) Name(i int) string {
	s := &c.Segments[i]
	section := c.Morphology.Sections[s.Of].Name()
	if s.Region == Soma && c.Morphology.Count(Soma) == 1 {
		section = Soma
	}
	return section + "(" + strconv.FormatFloat(s.X, 'g', 6, 64) + ")"
}

// Count is the number of sections of a region.
func (m *Morphology) Count(region string) int {
	n := 0
	for i := range m.Sections {
		if m.Sections[i].Region == region {
			n++
		}
	}
	return n
}

var siteName = regexp.MustCompile(`^([A-Za-z_0-9]+?)(?:\[(\d{1,9})\])?(?:\(([^()]+)\))?$`)

// Find is the segment that a name points at, as NEURON reads it: "apic[50](0.87)" is the segment that holds 0.87.
// Without a place it is the middle, without a number the first section: "soma".
func (c *Cable) Find(name string) (int, error) {
	m := siteName.FindStringSubmatch(name)
	if m == nil {
		return 0, fmt.Errorf("%q is not the name of a segment: they look like apic[50](0.9)", name)
	}
	number, x := 0, 0.5
	if m[2] != "" {
		number, _ = strconv.Atoi(m[2]) // nine digits at most
	}
	if m[3] != "" {
		v, err := strconv.ParseFloat(m[3], 64)
		if err != nil || !(v >= 0 && v <= 1) {
			return 0, fmt.Errorf("%q: %q is not a place along a section, 0 to 1", name, m[3])
		}
		x = v
	}
	from := -1
	for i := range c.Segments {
		if s := &c.Segments[i]; s.Region == m[1] && s.Section == number && s.Index == 0 {
			from = i
		}
	}
	if from < 0 {
		if n := c.Morphology.Count(m[1]); n > 0 {
			return 0, fmt.Errorf("%q: %s has no %s[%d]: it has %s[0] to %s[%d]", name, c.Morphology.Name, m[1], number, m[1], m[1], n-1)
		}
		return 0, fmt.Errorf("%q: %s has no region %q", name, c.Morphology.Name, m[1])
	}
	n := 1
	for from+n < len(c.Segments) && c.Segments[from+n].Of == c.Segments[from].Of {
		n++
	}
	return from + segmentAt(x, n), nil
}
