package probe

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// input is a set of synapses that a probe drives together.
type input struct {
	Name     string
	Synapses []int
}

// two chooses the inputs A and B: those named, else the first two groups of excitatory synapses, else the two regions
// that the first group lies in, else that group in two halves, the nearer and the farther one.
func two(a About, o Options) (A, B input, err error) {
	if (o.A == "") != (o.B == "") {
		return A, B, fmt.Errorf("one input is named, %q: name both", o.A+o.B)
	}
	if o.A != "" {
		if A, err = a.named(o.A); err != nil {
			return A, B, err
		}
		B, err = a.named(o.B)
		return A, B, err
	}
	var exc []int
	for g := range a.Groups {
		if a.Groups[g].Excitatory && a.Groups[g].Count > 0 {
			exc = append(exc, g)
		}
	}
	if len(exc) == 0 {
		return A, B, fmt.Errorf("%s has no excitatory synapses to drive", a.Name)
	}
	if len(exc) > 1 {
		return a.group(exc[0]), a.group(exc[1]), nil
	}
	all := a.group(exc[0])
	if len(all.Synapses) < 2 {
		return A, B, fmt.Errorf("group %q has one synapse: two inputs need two", all.Name)
	}
	regions := map[string][]int{}
	var order []string
	for _, i := range all.Synapses {
		r := a.Synapses[i].Region
		if regions[r] == nil {
			order = append(order, r)
		}
		regions[r] = append(regions[r], i)
	}
	if len(order) > 1 {
		return input{order[0], regions[order[0]]}, input{order[1], regions[order[1]]}, nil
	}
	slices.SortStableFunc(all.Synapses, func(i, j int) int {
		switch d := a.Synapses[i].Distance - a.Synapses[j].Distance; {
		case d < 0:
			return -1
		case d > 0:
			return 1
		}
		return 0
	})
	// equal halves of an odd number leave the middle one out
	n := len(all.Synapses) / 2
	near, far := all.Synapses[:n], all.Synapses[len(all.Synapses)-n:]
	if a.Synapses[near[0]].Distance == a.Synapses[far[n-1]].Distance {
		return input{"first half of " + all.Name, near}, input{"second half of " + all.Name, far}, nil
	}
	return input{"nearer half of " + all.Name, near}, input{"farther half of " + all.Name, far}, nil
}

// group is the input of all synapses of a group.
func (a *About) group(g int) input {
	in := input{Name: a.Groups[g].Name}
	for i := range a.Groups[g].Count {
		in.Synapses = append(in.Synapses, a.Groups[g].First+i)
	}
	return in
}

// excitatory is the input of all excitatory synapses.
func (a *About) excitatory() input {
	var in input
	var names []string
	for g := range a.Groups {
		if a.Groups[g].Excitatory {
			in.Synapses = append(in.Synapses, a.group(g).Synapses...)
			names = append(names, a.Groups[g].Name)
		}
	}
	in.Name = strings.Join(names, ", ")
	return in
}

// named is the input of a group's synapses, or of the excitatory ones of a region or a section.
func (a *About) named(name string) (input, error) {
	in := input{Name: name}
	known := map[string]bool{}
	for i, s := range a.Synapses {
		g := a.Groups[s.Group]
		known[g.Name] = true
		if g.Excitatory && s.Region != "" {
			known[s.Region] = true
		}
		if name == g.Name || g.Excitatory && name != "" && (name == s.Region || name == s.Section || name == s.Site) {
			in.Synapses = append(in.Synapses, i)
		}
	}
	if len(in.Synapses) == 0 {
		var names []string
		for n := range known {
			names = append(names, n)
		}
		slices.Sort(names)
		return in, fmt.Errorf("no synapses are called %q or lie there: there are %s, and sections such as apic[50]", name, strings.Join(names, ", "))
	}
	return in, nil
}

// chain is a sequence of at most so many synapses along one unbranched path, from the soma outwards, one at a site: of
// the excitatory group that has most of them within reach (um) of its farthest tip. Where no path has four, the reach is
// doubled, to 1200 um; on a point neuron or in one segment it is that many of the first group's synapses.
func chain(a About, most int, reach float64) (input, error) {
	var best, any input
	for ; len(best.Synapses) < 4 && reach < 1500; reach *= 2 {
		for g := range a.Groups {
			if !a.Groups[g].Excitatory || a.Groups[g].Count < 2 {
				continue
			}
			if all := a.group(g); any.Synapses == nil {
				any = input{all.Name, all.Synapses[:min(most, len(all.Synapses))]}
			}
			if in := a.path(g, reach); len(in.Synapses) > len(best.Synapses) {
				best = in
			}
		}
	}
	switch {
	case any.Synapses == nil:
		return any, fmt.Errorf("%s has no group of excitatory synapses to choose a sequence from", a.Name)
	case len(best.Synapses) < 2:
		return any, nil
	}
	return best.thin(most), nil
}

// path is the synapses of a group, one at a site, within reach of the farthest one on the way to the soma.
func (a *About) path(g int, reach float64) input {
	far := a.Groups[g].First
	for i := far; i < a.Groups[g].First+a.Groups[g].Count; i++ {
		if a.Synapses[i].Distance > a.Synapses[far].Distance {
			far = i
		}
	}
	in := input{Name: "the path to " + a.Synapses[far].Site}
	for i, tip := far, a.Synapses[far].Distance; i >= 0 && tip-a.Synapses[i].Distance <= reach; i = a.Synapses[i].Parent {
		in.Synapses = append(in.Synapses, i)
	}
	slices.Reverse(in.Synapses)
	return in
}

// thin keeps at most n synapses, evenly chosen.
func (in input) thin(n int) input {
	if len(in.Synapses) <= n {
		return in
	}
	var kept []int
	for k := range n {
		kept = append(kept, in.Synapses[int(math.Round(float64(k)*float64(len(in.Synapses)-1)/float64(max(1, n-1))))])
	}
	in.Synapses = kept
	return in
}
