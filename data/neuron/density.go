package neuron

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"neq/cuda"
)

// Density is the maximal conductance of a mechanism on every segment of a cell with dendrites (S/cm2): the first of
// its conductances where it has several, NaN where a segment lacks it.
func (c *Cell) Density(mechanism string) ([]float64, error) {
	t := c.Program.Tree
	if t == nil || c.Cable == nil {
		return nil, fmt.Errorf("%s is a point neuron: it has no segments", c.Config.Model)
	}
	conductance := map[string]int{}
	for _, m := range cuda.TreeMechanisms() {
		if i := slices.IndexFunc(m.Params, func(p cuda.TreeParam) bool { return p.Unit == "uS" }); i >= 0 && !m.Synapse {
			conductance[m.Name] = i
		}
	}
	density := make([]float64, len(c.Cable.Segments))
	segment := make([]int, len(t.Parent))
	for i := range segment {
		segment[i] = -1
	}
	for i, s := range c.Cable.Segments {
		density[i], segment[s.Node] = math.NaN(), i
	}
	there, found := map[string]bool{}, false
	for _, x := range t.Instances {
		g, ok := conductance[x.Mechanism]
		if ok {
			there[x.Mechanism] = true
		}
		if ok && x.Mechanism == mechanism {
			const uSPerUm2 = 100 // in S/cm2: 1e-6 S over 1e-8 cm2
			density[segment[x.Node]], found = x.Params[g]/t.Area[x.Node]*uSPerUm2, true
		}
	}
	if found {
		return density, nil
	}
	var names []string
	for n := range there {
		names = append(names, n)
	}
	slices.Sort(names)
	return nil, fmt.Errorf("%q: %s has no such mechanism with a conductance%s: it has %s", mechanism, c.Config.Model, suggest(mechanism, names), strings.Join(names, ", "))
}
