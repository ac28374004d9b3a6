package neuron

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"neq/cuda"
	"neq/data/neuron/morphology"
	"neq/internal/philox"
)

// maxReceptors is how many receptors a tree can have: an event names one in 16 bits.
const maxReceptors = 1 << 16

// shareOffset is added to a segment's length (um) for its synapses' share of their group's events, as in Beniaguev,
// Segev & London 2021.
const shareOffset = 10

// treeKinetics are the conductances that an event of a kind opens: one, or several joined by + as in ampa+nmda.
type treeKinetics struct {
	kind   string
	nmda   bool
	params [6]float64 // rise, decay (ms), e (mV), magnesium (mM), slope (1/mV), scale (mM)
	ratio  float64    // of the group's weight
}

// jahrScale is the magnesium concentration (mM) of the block's half at 0 mV (Jahr & Stevens 1990).
const jahrScale = 3.57

// kinetics takes a group's kind apart.
func (g SynapseGroup) kinetics(key string) ([]treeKinetics, error) {
	parts := strings.Split(g.Kind, "+")
	known := Kinds()
	var names []string
	for _, k := range known {
		if k.receptor != cuda.Delta {
			names = append(names, k.Name)
		}
	}
	if g.Kind == "" {
		return nil, keyError(key+".kind", "missing: choose one of %s, or several joined by +, as in ampa+nmda", strings.Join(names, ", "))
	}
	var params []Parameter // of the whole kind
	p := values{}
	var kinds []Kind
	prefix := func(part string) string {
		if len(parts) == 1 {
			return ""
		}
		return part + "_"
	}
	for i, part := range parts {
		if part == "delta" {
			return nil, keyError(key+".kind", "delta jumps the voltage of a point neuron; on a cell with dendrites a synapse is a conductance: %s", strings.Join(names, ", "))
		}
		if slices.Contains(parts[:i], part) {
			return nil, keyError(key+".kind", "%s twice in %q", part, g.Kind)
		}
		k := slices.IndexFunc(known, func(k Kind) bool { return k.Name == part })
		if k < 0 {
			return nil, keyError(key+".kind", "no kind %q%s: there are %s", part, suggest(part, names), strings.Join(names, ", "))
		}
		kinds = append(kinds, known[k])
		for _, q := range known[k].Parameters {
			q.Name = prefix(part) + q.Name
			params = append(params, q)
			p[q.Name] = q.Default
		}
		if len(parts) > 1 {
			q := Parameter{prefix(part) + "ratio", "", 1, 0, 1e3, "peak conductance as a multiple of the weight", ""}
			params = append(params, q)
			p[q.Name] = q.Default
		}
	}
	if err := override(p, g.Parameters, params, key+".parameters", "kind "+g.Kind); err != nil {
		return nil, err
	}
	var all []treeKinetics
	for _, k := range kinds {
		n := prefix(k.Name)
		t := treeKinetics{kind: k.Name, nmda: k.receptor == cuda.Blocked, ratio: 1,
			params: [6]float64{p[n+"rise_ms"], p[n+"decay_ms"], p[n+"reversal_mv"]}}
		if t.nmda {
			t.params[3], t.params[4], t.params[5] = p[n+"magnesium_mm"], p[n+"slope_per_mv"], jahrScale
		}
		if n != "" {
			t.ratio = p[n+"ratio"]
		}
		if t.params[0] >= t.params[1] {
			return nil, keyError(key+".parameters."+n+"rise_ms", "%v is not below decay_ms, %v", t.params[0], t.params[1])
		}
		all = append(all, t)
	}
	return all, nil
}

// mechanism is the synapse's on a device.
func (t *treeKinetics) mechanism() (string, []float64) {
	if t.nmda {
		return "nmda", slices.Clone(t.params[:])
	}
	return "exp2", slices.Clone(t.params[:3])
}

// onSegments lists the segment of each of a group's synapses.
func (g *SynapseGroup) onSegments(c *morphology.Cable, key string, seed uint64, index int) ([]int, error) {
	on := g.On
	if on == nil {
		return nil, keyError(key+".on", "missing: on a cell with dendrites a group says where it is, such as on: {regions: [apic], per_segment: 1}")
	}
	rules := 0
	for _, given := range []bool{on.PerSegment != 0, on.PerUm != 0, on.Segments != nil} {
		if given {
			rules++
		}
	}
	switch {
	case rules > 1:
		return nil, keyError(key+".on", "want one of per_segment, per_um and segments, not %d of them", rules)
	case on.PerSegment < 0 || on.PerSegment > 1<<16:
		return nil, keyError(key+".on.per_segment", "%d: want 1 or more", on.PerSegment)
	case !(on.PerUm >= 0 && on.PerUm <= 1e6):
		return nil, keyError(key+".on.per_um", "%v: want more than 0 per um", on.PerUm)
	case g.Count < 0 || g.Count > maxReceptors:
		return nil, keyError(key+".count", "%d: want 1 to %d", g.Count, maxReceptors)
	case rules == 0 && g.Count == 0:
		return nil, keyError(key+".count", "missing: how many synapses, or on: {per_segment: 1}, {per_um: 0.1} or {segments: [...]}")
	}
	if on.Segments != nil {
		if on.Regions != nil || on.From != nil || on.To != nil {
			return nil, keyError(key+".on.segments", "segments by name take neither regions nor distances")
		}
		var all []int
		for j, name := range on.Segments {
			list, err := segments(c, name)
			if err != nil {
				return nil, keyError(fmt.Sprintf("%s.on.segments[%d]", key, j), "%v", err)
			}
			all = append(all, list...)
		}
		return all, nil
	}
	if len(on.Regions) == 0 {
		return nil, keyError(key+".on.regions", "missing: choose among %s", strings.Join(regionsOf(c.Morphology), ", "))
	}
	where, err := chosen(c, key+".on", on.Regions, nil)
	if err != nil {
		return nil, err
	}
	where = slices.DeleteFunc(where, func(i int) bool {
		d := c.Segments[i].PathDistance
		return on.From != nil && !(d >= *on.From) || on.To != nil && !(d <= *on.To)
	})
	if len(where) == 0 {
		return nil, keyError(key+".on", "no segment of %s lies between those distances", strings.Join(on.Regions, ", "))
	}
	if on.PerSegment > 0 {
		var all []int
		for _, i := range where {
			for range on.PerSegment {
				all = append(all, i)
			}
		}
		return all, nil
	}
	ends := make([]float64, len(where)) // of the segments, laid end to end
	length := 0.0
	for j, i := range where {
		length += c.Segments[i].Length
		ends[j] = length
	}
	n := g.Count
	if on.PerUm > 0 {
		if n = int(math.Round(min(on.PerUm*length, 1e9))); n < 1 {
			return nil, keyError(key+".on.per_um", "%v on %.4g um is no synapse", on.PerUm, length)
		}
	}
	if n > maxReceptors {
		return nil, keyError(key+".on.per_um", "%d synapses: at most %d", n, maxReceptors)
	}
	all := make([]int, n)
	for k := range all {
		at := (float64(k) + 0.5) * length / float64(n)
		if on.PerUm == 0 {
			at = philox.New(seed, uint64(k), placeStream+uint32(index)).Float64() * length
		}
		all[k] = where[min(sort.SearchFloat64s(ends, at), len(where)-1)]
	}
	slices.Sort(all)
	return all, nil
}

// placeStream is the philox stream of synapses' places: the group's index is added to it, the sample is the synapse
// within its group.
const placeStream = 0x50000000

// connection is what the groups of synapses make of a cell.
type connection struct {
	groups    []SynapseGroup // with their counts
	synapses  []Synapse
	instances []synapseInstance
	receptors []receptor
	kinds     []string // names of the distinct kinetics, g_ampa, g_ampa_2
}

// synapseInstance is the state that all synapses of one kind on a segment share.
type synapseInstance struct {
	segment int
	kind    int // index into connection.kinds
	form    treeKinetics
}

// receptor is a set of instances that an event opens, by index into connection.instances.
type receptor []cuda.Drive

// connect makes the synapses of a cell.
func connect(groups []SynapseGroup, c *morphology.Cable, seed uint64) (*connection, error) {
	n := &connection{groups: slices.Clone(groups)}
	type spot struct{ segment, kind int }
	instance := map[spot]int{}
	forms := map[treeKinetics]int{}
	known := map[string]int{} // receptors, by what they open
	named := map[string]int{}
	for g := range n.groups {
		group := &n.groups[g]
		key := fmt.Sprintf("neuron.synapses[%d]", g)
		if first, ok := named[group.Name]; ok && group.Name != "" {
			return nil, keyError(key+".name", "%q is also the name of neuron.synapses[%d]", group.Name, first)
		}
		named[group.Name] = g
		kinetics, err := group.kinetics(key)
		if err != nil {
			return nil, err
		}
		release := 1.0
		if group.Release != nil {
			release = *group.Release
		}
		if !(release >= 0 && release <= 1) {
			return nil, keyError(key+".release_probability", "%v is outside 0..1", release)
		}
		if err := group.Weight.check(key+".weight", false); err != nil {
			return nil, err
		}
		where, err := group.onSegments(c, key, seed, g)
		if err != nil {
			return nil, err
		}
		if group.Count != 0 && group.Count != len(where) {
			return nil, keyError(key+".count", "%d, but the rule gives %d synapses: leave one of the two out", group.Count, len(where))
		}
		if group.Count = len(where); len(n.synapses)+len(where) > maxReceptors {
			return nil, keyError(key, "%d synapses with those before: at most %d", len(n.synapses)+len(where), maxReceptors)
		}
		for i, segment := range where {
			var drives receptor
			for _, f := range kinetics {
				ratio := f.ratio
				f.ratio = 1
				kind, ok := forms[f]
				if !ok {
					kind = len(n.kinds)
					forms[f] = kind
					n.kinds = append(n.kinds, receptorName(f.kind, n.kinds))
				}
				at, ok := instance[spot{segment, kind}]
				if !ok {
					at = len(n.instances)
					instance[spot{segment, kind}] = at
					n.instances = append(n.instances, synapseInstance{segment, kind, f})
				}
				drives = append(drives, cuda.Drive{Instance: int32(at), Scale: ratio})
			}
			opens := fmt.Sprint(drives)
			r, ok := known[opens]
			if !ok {
				r = len(n.receptors)
				known[opens] = r
				n.receptors = append(n.receptors, drives)
			}
			w := group.Weight.draw(seed, g, i, false)
			device := float32(w * uSPerNS)
			if math.IsInf(float64(device), 0) {
				return nil, keyError(key+".weight", "%v nS is beyond what float32 holds", w)
			}
			n.synapses = append(n.synapses, Synapse{Group: g, Receptor: uint16(r), Weight: w, Device: device, Release: release,
				Segment: segment, Share: c.Segments[segment].Length + shareOffset})
		}
	}
	return n, nil
}

// uSPerNS turns the user's weights into the device's.
const uSPerNS = 1e-3
