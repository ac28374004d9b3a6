package neuron

import (
	"fmt"
	"math"
	"strings"

	"neq/cuda"
)

// Kind is a kind of synapse with its default kinetics.
type Kind struct {
	Name        string      `json:"name"`
	Description string      `json:"description"`
	Parameters  []Parameter `json:"parameters"`

	receptor cuda.ReceptorKind
}

// Kinds returns the kinds of synapse.
func Kinds() []Kind {
	kinetics := func(rise, decay, reversal float64, source string) []Parameter {
		return []Parameter{
			{"rise_ms", "ms", rise, 0, 1e3, "rise time constant, 0 for a single exponential", source},
			{"decay_ms", "ms", decay, 1e-3, 1e4, "decay time constant", source},
			{"reversal_mv", "mV", reversal, -200, 200, "reversal potential", source},
		}
	}
	const (
		hay  = "Hay & Segev 2015 (Cereb Cortex 25:3561), as used by Beniaguev, Segev & London 2021 (Neuron 109:2727)"
		jahr = "Jahr & Stevens 1990 (J Neurosci 10:3178)"
	)
	nmda := append(kinetics(2, 70, 0, hay),
		Parameter{"magnesium_mm", "mM", 1, 0, 100, "extracellular magnesium", jahr},
		Parameter{"slope_per_mv", "1/mV", 0.062, 0, 1, "voltage dependence of the block", jahr})
	return []Kind{
		{"delta", "adds its weight (mV) to the voltage at once", nil, cuda.Delta},
		{"ampa", "fast excitation", kinetics(0.3, 3, 0, hay), cuda.Conductance},
		{"nmda", "slow excitation under the magnesium block", nmda, cuda.Blocked},
		{"gaba_a", "fast inhibition", kinetics(0.2, 8, -80, hay), cuda.Conductance},
		{"gaba_b", "slow inhibition", kinetics(3.5, 260.9, -97, hay), cuda.Conductance},
	}
}

// synapses checks the groups and makes the receptors and the synapses of a cell.
func synapses(m *Model, groups []SynapseGroup, scale float64, seed uint64) ([]cuda.Receptor, []string, []Synapse, error) {
	var receptors []cuda.Receptor
	var names []string
	var all []Synapse
	seen := map[string]int{}
	for g, group := range groups {
		key := fmt.Sprintf("neuron.synapses[%d]", g)
		kind, r, err := group.receptor(key)
		if err != nil {
			return nil, nil, nil, err
		}
		if first, ok := seen[group.Name]; ok && group.Name != "" {
			return nil, nil, nil, keyError(key+".name", "%q is also the name of neuron.synapses[%d]", group.Name, first)
		}
		seen[group.Name] = g
		if group.On != nil {
			return nil, nil, nil, keyError(key+".on", "%s is a point neuron: its synapses have no place", m.Name)
		}
		release := 1.0
		if group.Release != nil {
			release = *group.Release
		}
		delta := kind.receptor == cuda.Delta
		switch {
		case group.Count < 1:
			return nil, nil, nil, keyError(key+".count", "%d: want 1 or more", group.Count)
		case !(release >= 0 && release <= 1):
			return nil, nil, nil, keyError(key+".release_probability", "%v is outside 0..1", release)
		}
		if err := group.Weight.check(key+".weight", delta); err != nil {
			return nil, nil, nil, err
		}
		at := -1
		for i, q := range receptors {
			if q == r {
				at = i
			}
		}
		if at < 0 {
			if at = len(receptors); at == cuda.MaxReceptors {
				return nil, nil, nil, keyError(key, "one receptor too many: at most %d different kinetics on a cell", cuda.MaxReceptors)
			}
			receptors = append(receptors, r)
			names = append(names, receptorName(kind.Name, names))
		}
		for i := range group.Count {
			w := group.Weight.draw(seed, g, i, delta)
			device := w
			if !delta {
				device = w * scale
			}
			if f := float32(device); math.IsInf(float64(f), 0) {
				return nil, nil, nil, keyError(key+".weight", "%v %s is beyond what float32 holds", w, m.ConductanceUnit)
			}
			all = append(all, Synapse{Group: g, Receptor: uint16(at), Weight: w, Device: float32(device), Release: release, Share: 1})
		}
	}
	return receptors, names, all, nil
}

// receptorName is the name of a receptor's conductance: g_ampa, g_ampa_2, ...
func receptorName(kind string, taken []string) string {
	name := "g_" + kind
	for i := 2; ; i++ {
		free := true
		for _, t := range taken {
			free = free && t != name
		}
		if free {
			return name
		}
		name = fmt.Sprintf("g_%s_%d", kind, i)
	}
}

// receptor returns the kind of a group and the receptor its parameters ask for.
func (g SynapseGroup) receptor(key string) (Kind, cuda.Receptor, error) {
	var names []string
	for _, k := range Kinds() {
		names = append(names, k.Name)
		if k.Name != g.Kind {
			continue
		}
		p := values{}
		for _, q := range k.Parameters {
			p[q.Name] = q.Default
		}
		if err := override(p, g.Parameters, k.Parameters, key+".parameters", "kind "+k.Name); err != nil {
			return Kind{}, cuda.Receptor{}, err
		}
		r := cuda.Receptor{Kind: k.receptor, Rise: p["rise_ms"], Decay: p["decay_ms"], Reversal: p["reversal_mv"],
			Magnesium: p["magnesium_mm"], Slope: p["slope_per_mv"]}
		if r.Kind != cuda.Delta && r.Rise >= r.Decay {
			return Kind{}, cuda.Receptor{}, keyError(key+".parameters.rise_ms", "%v is not below decay_ms, %v", r.Rise, r.Decay)
		}
		return k, r, nil
	}
	if g.Kind == "" {
		return Kind{}, cuda.Receptor{}, keyError(key+".kind", "missing: choose one of %s", strings.Join(names, ", "))
	}
	return Kind{}, cuda.Receptor{}, keyError(key+".kind", "no kind %q%s: there are %s", g.Kind, suggest(g.Kind, names), strings.Join(names, ", "))
}
