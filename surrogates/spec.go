package surrogates

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// family is a kind of surrogate: what a Spec of it may say and the stages it means.
type family struct {
	fields []string // configuration keys it uses, besides name and family
	stages func(Spec) ([]stage, error)
	title  func(Spec) string
}

var families = map[string]family{
	"filter":      {[]string{"window_ms", "shared_synapses"}, filterStages, filterTitle},
	"fcn":         {[]string{"window_ms", "width", "activation", "batch_norm", "experts", "top", "hidden", "shared_synapses"}, fcnStages, fcnTitle},
	"tcn":         {[]string{"width", "depth", "kernels", "dilations", "activation", "batch_norm", "residual", "separable", "experts", "top", "hidden", "shared_synapses"}, tcnStages, tcnTitle},
	"elm":         {[]string{"memory", "hidden", "branches", "branch_size", "routing", "synapse_tau_ms", "memory_tau_ms", "learn_tau", "version", "activation", "experts", "top", "shared_synapses"}, elmStages, elmTitle},
	"lstm":        {[]string{"width", "depth", "window_ms", "activation", "experts", "top", "hidden", "shared_synapses"}, lstmStages, recurrentTitle},
	"gru":         {[]string{"width", "depth", "window_ms", "activation", "experts", "top", "hidden", "shared_synapses"}, gruStages, recurrentTitle},
	"ssm":         {[]string{"width", "depth", "states", "window_ms", "activation", "experts", "top", "hidden", "shared_synapses"}, ssmStages, ssmTitle},
	"transformer": {[]string{"width", "depth", "attention_heads", "span_ms", "window_ms", "hidden", "activation", "experts", "top", "shared_synapses"}, transformerStages, transformerTitle},
}

// Families are the names of the kinds of surrogates.
func Families() []string { return slices.Sorted(maps.Keys(families)) }

var activations = []string{"relu", "gelu", "silu", "tanh"}

// Bounds of a network's size, so that a slip of the keyboard is an error and not a dead machine.
const (
	maxWeights = 1 << 31
	maxInputs  = 1 << 20
)

// Validate says whether the spec is a network over the given number of inputs, naming the key that is wrong.
func (s Spec) Validate(inputs int) error {
	_, _, err := s.stages(inputs)
	return err
}

// stages are the spec's, with the channels each gives, before anything is allocated.
func (s Spec) stages(inputs int) (list []stage, width []int, err error) {
	f, ok := families[s.Family]
	if !ok {
		return nil, nil, fmt.Errorf("surrogates: family %q: want one of %s", s.Family, strings.Join(Families(), ", "))
	}
	if inputs < 1 || inputs > maxInputs {
		return nil, nil, fmt.Errorf("surrogates: %s over %d inputs: want 1 to %d", s.Family, inputs, maxInputs)
	}
	for _, key := range s.given() {
		if !slices.Contains(f.fields, key) {
			return nil, nil, fmt.Errorf("surrogates: %s has no %s: it takes %s", s.Family, key, strings.Join(f.fields, ", "))
		}
	}
	if s.Activation != "" && !slices.Contains(activations, s.Activation) {
		return nil, nil, fmt.Errorf("surrogates: %s activation %q: want %s", s.Family, s.Activation, strings.Join(activations, ", "))
	}
	if list, err = f.stages(s); err != nil {
		return nil, nil, fmt.Errorf("surrogates: %s %w", s.Family, err)
	}
	if l, ok := list[0].(*layer); ok {
		if l.shared, err = s.newSharing(l.taps * l.width); err != nil {
			return nil, nil, fmt.Errorf("surrogates: %s %w", s.Family, err)
		}
	}
	in, total := inputs, 0
	for _, st := range list {
		if in, err = st.plan(in); err != nil {
			return nil, nil, fmt.Errorf("surrogates: %s over %d inputs: %w", s.Family, inputs, err)
		}
		synaptic, core := st.parameters()
		if total += synaptic + core; synaptic < 0 || core < 0 || total > maxWeights {
			return nil, nil, fmt.Errorf("surrogates: %s would have more than %d weights over %d inputs: make it narrower or shorter", s.Family, maxWeights, inputs)
		}
		width = append(width, in)
	}
	return list, width, nil
}

// given are the configuration keys the spec sets.
func (s Spec) given() []string {
	var keys []string
	for _, k := range []struct {
		name string
		set  bool
	}{
		{"window_ms", s.Window != 0}, {"width", s.Width != 0}, {"depth", s.Depth != 0}, {"kernels", len(s.Kernels) > 0},
		{"dilations", len(s.Dilations) > 0}, {"activation", s.Activation != ""}, {"batch_norm", s.BatchNorm},
		{"residual", s.Residual}, {"separable", s.Separable},
		{"memory", s.Memory != 0}, {"hidden", s.Hidden != 0}, {"branches", s.Branches != 0}, {"branch_size", s.BranchSize != 0},
		{"routing", s.Routing != ""}, {"synapse_tau_ms", s.SynapseTau != 0}, {"memory_tau_ms", len(s.MemoryTau) > 0},
		{"learn_tau", s.LearnTau}, {"version", s.Version != 0}, {"states", s.States != 0}, {"attention_heads", s.AttentionHeads != 0},
		{"span_ms", s.Span != 0}, {"experts", s.Experts != 0}, {"top", s.Top != 0}, {"shared_synapses", s.SharedSynapses != 0},
	} {
		if k.set {
			keys = append(keys, k.name)
		}
	}
	return keys
}

// Title is the spec's name, or one made from its architecture: "filter-80ms", "fcn-43ms-128", "tcn-7x128-k54-12x6".
func (s Spec) Title() string {
	if s.Name != "" {
		return s.Name
	}
	f, ok := families[s.Family]
	if !ok {
		return s.Family
	}
	t := f.title(s)
	if s.Activation != "" && s.Activation != "relu" {
		t += "-" + s.Activation
	}
	if s.BatchNorm {
		t += "-bn"
	}
	if s.SharedSynapses > 0 {
		t += fmt.Sprintf("-shared%d", s.SharedSynapses)
	}
	if s.Experts > 0 {
		t += fmt.Sprintf("-moe%dof%d", max(1, s.Top), s.Experts)
	}
	return t
}

func between(key string, v, low, high int) error {
	if v < low || v > high {
		return fmt.Errorf("%s %d: want %d to %d", key, v, low, high)
	}
	return nil
}

func (s Spec) activation() string {
	if s.Activation == "" {
		return "relu"
	}
	return s.Activation
}
