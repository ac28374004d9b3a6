package neuron

import (
	"fmt"
	"slices"
	"strings"

	"neq/cuda"
)

// record fills Program.States and the tree's sites: v of the soma, then what names ask for. A name is VARIABLE@PLACE:
//
//	v@apic[50](0.9)      the voltage of a segment
//	ca@soma(0.5)         a state of the only mechanism there that has it
//	nats2.m@soma(0.5)    a state of a mechanism
//	g_ampa@dend[3](0.1)  the conductance (uS) of a kind of synapse
//
// A place without (x) is all segments of a section, without [section] all of a region, * all there are; segments that
// lack the variable are left out unless all do.
func (c *Cell) record(t *tables, names []string) error {
	t.Sites = []cuda.Site{{Node: 0, Instance: -1}}
	c.Program.States, c.StateUnits = []string{"v"}, []string{"mV"}
	seen := map[string]bool{}
	for i, name := range names {
		key := fmt.Sprintf("record[%d]", i)
		variable, where, ok := strings.Cut(name, "@")
		if name == "v" {
			continue // recorded anyway
		}
		if !ok || variable == "" {
			return keyError(key, "%q: want VARIABLE@PLACE, such as v@apic[50](0.9), v@*, ca@soma(0.5) or nats2.m@soma(0.5)", name)
		}
		list, err := segments(c.Cable, where)
		if err != nil {
			return keyError(key, "%v", err)
		}
		found := false
		var states []string
		for _, s := range list {
			site, unit, known := t.site(c.Cable.Segments[s].Node, s, variable)
			if unit == "" {
				for _, k := range known {
					if !slices.Contains(states, k) {
						states = append(states, k)
					}
				}
				continue
			}
			found = true
			full := variable + "@" + c.Cable.Name(s)
			if seen[full] {
				continue
			}
			seen[full] = true
			t.Sites = append(t.Sites, site)
			c.Program.States, c.StateUnits = append(c.Program.States, full), append(c.StateUnits, unit)
		}
		if !found {
			return keyError(key, "%q: nothing there has %q%s: there are %s", name, variable, suggest(variable, states), strings.Join(states, ", "))
		}
	}
	return nil
}

// site finds a variable on a segment, with its unit; or, with no unit, what there is.
func (t *tables) site(node, segment int, variable string) (cuda.Site, string, []string) {
	if variable == "v" {
		return cuda.Site{Node: int32(node), Instance: -1}, "mV", nil
	}
	known := []string{"v"}
	var at cuda.Site
	unit, count := "", 0
	for k, instance := range t.mechanism[segment] {
		if instance < 0 {
			continue
		}
		for _, s := range t.list[k].States {
			full := t.list[k].Name + "." + s.Name
			known = append(known, full)
			if variable == full {
				return cuda.Site{Node: int32(node), Instance: instance, State: s.Name}, unitOf(s), nil
			}
			if variable == s.Name {
				at, unit = cuda.Site{Node: int32(node), Instance: instance, State: s.Name}, unitOf(s)
				count++
			}
		}
	}
	for i, s := range t.net.instances {
		if s.segment != segment {
			continue
		}
		known = append(known, t.net.kinds[s.kind])
		if t.net.kinds[s.kind] == variable {
			return cuda.Site{Node: int32(node), Instance: t.synapse[i], State: "g"}, "uS", nil
		}
	}
	if count == 1 {
		return at, unit, nil
	}
	return cuda.Site{}, "", known
}

// unitOf is a state's unit in words: gates have none.
func unitOf(s cuda.TreeState) string {
	if s.Unit == "" {
		return "1"
	}
	return s.Unit
}

// Node is the node of a place on a cell with dendrites, such as apic[50](0.9): where current is injected.
func (c *Cell) Node(where string) (int32, error) {
	if c.Cable == nil {
		return 0, keyError("neuron.model", "%s has no dendrites", c.Config.Model)
	}
	list, err := segments(c.Cable, where)
	if err != nil {
		return 0, err
	}
	if len(list) > 1 {
		return 0, fmt.Errorf("%q is %d segments: want one, such as %s", where, len(list), c.Cable.Name(list[0]))
	}
	return int32(c.Cable.Segments[list[0]].Node), nil
}
