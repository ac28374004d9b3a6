package neuron

import (
	"fmt"
	"math"
	"slices"

	"neq/data/neuron/morphology"
)

// distanceKeys are the numbers a rule takes, in the order of the form.
var distanceKeys = map[string][]string{
	"linear":      {"offset", "slope"},
	"exponential": {"offset", "amplitude", "rate"},
	"step":        {"from", "to", "inside", "outside"},
}

// check says what is wrong with a rule.
func (d *Distance) check(key string) error {
	rules := []string{"linear", "exponential", "step"}
	want, ok := distanceKeys[d.Rule]
	if !ok {
		return keyError(key+".rule", "no rule %q%s: there are linear, exponential and step", d.Rule, suggest(d.Rule, rules))
	}
	for _, n := range []struct {
		name string
		v    *float64
	}{{"offset", d.Offset}, {"slope", d.Slope}, {"amplitude", d.Amplitude}, {"rate", d.Rate}, {"from", d.From}, {"to", d.To}, {"inside", d.Inside}, {"outside", d.Outside}} {
		takes := slices.Contains(want, n.name)
		switch {
		case takes && n.v == nil:
			return keyError(key, "rule %s wants %s", d.Rule, n.name)
		case !takes && n.v != nil:
			return keyError(key+"."+n.name, "rule %s takes no %s", d.Rule, n.name)
		case n.v != nil && (math.IsNaN(*n.v) || math.IsInf(*n.v, 0)):
			return keyError(key+"."+n.name, "%v is not a number", *n.v)
		}
	}
	if u := d.Until; u != nil && !(*u >= 0 && !math.IsInf(*u, 0)) {
		return keyError(key+".until", "%v: want 0 or more", *u)
	}
	if d.Measure != "" && d.Measure != "middle" && d.Measure != "hoc" {
		return keyError(key+".measure", "no measure %q%s: middle or hoc", d.Measure, suggest(d.Measure, []string{"middle", "hoc"}))
	}
	if d.Rule == "step" && *d.From >= *d.To {
		return keyError(key+".from", "%v is not below to, %v", *d.From, *d.To)
	}
	return nil
}

// ruler measures path distances (um) on a cable, by the rule's measure.
type ruler struct {
	c    *morphology.Cable
	hoc  bool
	soma float64 // from the beginning of the soma to its middle
}

func (d *Distance) ruler(c *morphology.Cable) ruler {
	r := ruler{c: c, hoc: d.Measure == "hoc"}
	if r.hoc {
		for i := range c.Segments {
			if s := &c.Segments[i]; s.Region == morphology.Soma {
				r.soma = max(r.soma, (s.PathDistance+s.Length/2)/2)
			}
		}
	}
	return r
}

// to is the distance of segment i.
func (r ruler) to(i int) float64 {
	s := &r.c.Segments[i]
	if d := s.PathDistance - r.soma; !r.hoc || i+1 < len(r.c.Segments) && r.c.Segments[i+1].Of == s.Of {
		return math.Abs(d)
	}
	return math.Abs(s.PathDistance - r.soma + s.Length/2)
}

// longest is the distance to the farthest end of a section among segments.
func (r ruler) longest(segments []int) float64 {
	longest := 0.0
	for _, i := range segments {
		s := &r.c.Segments[i]
		longest = max(longest, s.PathDistance+s.Length/2-r.soma)
	}
	return longest
}

// factor is the rule's at a path distance (um), with the longest path of its regions.
func (d *Distance) factor(path, longest float64) float64 {
	if d.Relative {
		path /= longest
	}
	if d.Until != nil {
		path = min(path, *d.Until)
	}
	switch d.Rule {
	case "linear":
		return *d.Offset + *d.Slope*path
	case "exponential":
		return *d.Offset + *d.Amplitude*math.Exp(*d.Rate*path)
	}
	if path > *d.From && path < *d.To {
		return *d.Inside
	}
	return *d.Outside
}

// chosen lists the segments of regions or of names, in the cable's order, each once.
func chosen(c *morphology.Cable, key string, regions, at []string) ([]int, error) {
	if (len(regions) > 0) == (len(at) > 0) {
		return nil, keyError(key, "want regions, or segments by name in at: one of them")
	}
	in := make([]bool, len(c.Segments))
	known := regionsOf(c.Morphology)
	for j, name := range regions {
		r, err := region(fmt.Sprintf("%s.regions[%d]", key, j), name, known, c.Morphology.Name)
		if err != nil {
			return nil, err
		}
		for i := range c.Segments {
			in[i] = in[i] || c.Segments[i].Region == r
		}
	}
	for j, name := range at {
		list, err := segments(c, name)
		if err != nil {
			return nil, keyError(fmt.Sprintf("%s.at[%d]", key, j), "%v", err)
		}
		for _, i := range list {
			in[i] = true
		}
	}
	var all []int
	for i := range in {
		if in[i] {
			all = append(all, i)
		}
	}
	return all, nil
}
