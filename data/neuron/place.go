package neuron

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"neq/cuda"
	"neq/data/neuron/morphology"
)

// placed is a mechanism on a segment.
type placed struct {
	entry  int // of Description.Mechanisms
	params []float64
}

// place puts the mechanisms on the segments: [segment][mechanism, in the order of the list], nil where there is none.
func (d *Description) place(c *morphology.Cable, list []cuda.TreeMechanism) ([][]*placed, error) {
	on := make([][]*placed, len(c.Segments))
	for i := range on {
		on[i] = make([]*placed, len(list))
	}
	for e := range d.Mechanisms {
		m := &d.Mechanisms[e]
		key := fmt.Sprintf("neuron.mechanisms[%d]", e)
		k, err := mechanism(key+".mechanism", m.Mechanism, list)
		if err != nil {
			return nil, err
		}
		where, err := chosen(c, key, m.Regions, m.At)
		if err != nil {
			return nil, err
		}
		p, err := m.values(key, &list[k], d)
		if err != nil {
			return nil, err
		}
		if m.Distance != nil {
			if err := m.Distance.check(key + ".distance"); err != nil {
				return nil, err
			}
		}
		scale := func(int) float64 { return 1 }
		if m.Distance != nil {
			ruler := m.Distance.ruler(c)
			longest := ruler.longest(where)
			scale = func(i int) float64 { return m.Distance.factor(ruler.to(i), longest) }
		}
		for _, i := range where {
			row, err := row(key, &list[k], p, c, i, scale(i))
			if err != nil {
				return nil, err
			}
			on[i][k] = &placed{e, row}
			if row == nil {
				on[i][k] = nil
			}
		}
	}
	return on, nil
}

// mechanism finds a mechanism that is no synapse.
func mechanism(key, name string, list []cuda.TreeMechanism) (int, error) {
	var names []string
	for i := range list {
		if list[i].Synapse {
			continue
		}
		if list[i].Name == name {
			return i, nil
		}
		names = append(names, list[i].Name)
	}
	if name == "" {
		return 0, keyError(key, "missing: choose one of %s", strings.Join(names, ", "))
	}
	return 0, keyError(key, "no mechanism %q%s: there are %s", name, suggest(name, names), strings.Join(names, ", "))
}

// Mechanisms lists the mechanisms that a cell with dendrites can be made of; synapses are Kinds.
func Mechanisms() []cuda.TreeMechanism {
	return slices.DeleteFunc(cuda.TreeMechanisms(), func(m cuda.TreeMechanism) bool { return m.Synapse })
}

// given are the parameters that follow from the cell, and not from the mechanism's entry.
const givenArea, givenCelsius = "area", "celsius"

// values are a mechanism's parameters under an entry's own.
func (m *Mechanism) values(key string, t *cuda.TreeMechanism, d *Description) (values, error) {
	p, names := values{}, []string{}
	for _, q := range t.Params {
		p[q.Name] = q.Default
		if q.Name != givenArea && q.Name != givenCelsius {
			names = append(names, q.Name)
		}
	}
	if _, ok := p[givenCelsius]; ok && d.Temperature != nil {
		p[givenCelsius] = *d.Temperature
	}
	for _, n := range slices.Sorted(maps.Keys(m.Parameters)) {
		v, at := m.Parameters[n], key+".parameters."+n
		i := slices.IndexFunc(t.Params, func(q cuda.TreeParam) bool { return q.Name == n })
		switch {
		case n == givenCelsius && i >= 0:
			return nil, keyError(at, "the temperature is the cell's: neuron.temperature_c")
		case i < 0 || n == givenArea:
			return nil, keyError(at, "mechanism %s has no such parameter%s: it has %s", t.Name, suggest(n, names), strings.Join(names, ", "))
		case math.IsNaN(v) || math.IsInf(v, 0):
			return nil, keyError(at, "%v is not a number", v)
		case t.Params[i].Unit == "uS" && v < 0:
			return nil, keyError(at, "%v is below 0: a conductance cannot be", v)
		case positive(t.Params[i]) && v <= 0:
			return nil, keyError(at, "%v: want more than 0 %s", v, t.Params[i].Unit)
		}
		p[n] = v
	}
	return p, nil
}

// positive tells a parameter that must be above 0: a time, a length, a concentration.
func positive(q cuda.TreeParam) bool {
	return q.Unit == "um" || q.Unit == "mM" || q.Unit == "ms" && q.Name != "since" // how long ago: 0 is now
}

// row is the parameters of a mechanism on a segment, densities made absolute; nil where all densities are 0.
func row(key string, t *cuda.TreeMechanism, p values, c *morphology.Cable, i int, factor float64) ([]float64, error) {
	s := &c.Segments[i]
	if !(factor >= 0) || math.IsInf(factor, 0) {
		return nil, keyError(key+".distance", "the factor at %s, %.4g um from the soma, is %.4g: a conductance cannot be", c.Name(i), s.PathDistance, factor)
	}
	r, densities, open := make([]float64, len(t.Params)), 0, 0
	for j, q := range t.Params {
		r[j] = p[q.Name]
		switch {
		case q.Name == givenArea:
			r[j] = s.Area
		case q.Unit == "uS":
			r[j] *= factor * s.Area * uSPerDensity
			densities++
			if r[j] > 0 {
				open++
			}
			if math.IsInf(float64(float32(r[j])), 0) {
				return nil, keyError(key+".parameters."+q.Name, "%v S/cm2 on %s is beyond what float32 holds", p[q.Name], c.Name(i))
			}
		}
	}
	if densities > 0 && open == 0 {
		return nil, nil
	}
	return r, nil
}

// uSPerDensity turns S/cm2 times um2 into uS: 1 um2 is 1e-8 cm2, 1 S is 1e6 uS.
const uSPerDensity = 1e-2

// nFPerDensity turns uF/cm2 times um2 into nF.
const nFPerDensity = 1e-5
