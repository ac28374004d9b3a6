package trainer

import (
	"strings"

	"neq/data/traces"
	"neq/surrogates"
)

// inputsOf is what a data set says about its synapses, as far as a network can use it.
func inputsOf(info *traces.Info) surrogates.Inputs {
	in := surrogates.PlainInputs(info.Inputs)
	for g, s := range info.Synapses {
		for y := max(0, s.First); y < min(len(in), s.First+s.Count); y++ {
			in[y].Group, in[y].Inhibitory = g, inhibitory(s)
		}
	}
	c := info.Cell
	if c == nil || len(c.Synapses) != len(in) {
		return in
	}
	type cable struct {
		region  string
		section int32
	}
	sections, regions := map[cable]int{}, map[string]int{}
	for y, k := range c.Synapses {
		if k < 0 || int(k) >= len(c.Segments) {
			continue
		}
		s := c.Segments[k]
		at := cable{s.Region, s.Section}
		if _, known := sections[at]; !known {
			sections[at] = len(sections)
		}
		if _, known := regions[s.Region]; !known {
			regions[s.Region] = len(regions)
		}
		x := &in[y]
		x.Segment, x.Section, x.Region, x.Distance, x.Diameter = int(k), sections[at], regions[s.Region], s.Distance, s.Diameter
	}
	return in
}

// inhibitory says whether a group's events count negative: GABA by its kind, another by its name, which begins with inh.
func inhibitory(s traces.SynapseInfo) bool {
	return strings.HasPrefix(s.Kind, "gaba") || strings.HasPrefix(strings.ToLower(s.Name), "inh")
}
