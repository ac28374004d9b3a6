package surrogates

import (
	"fmt"
	"slices"
	"strings"
)

// layer is one stage of a network: convolution with bias, activation, batch normalisation.
type layer struct {
	taps, dilation, width int
	activation            string
	norm                  bool
}

func (l layer) reach() int { return (l.taps-1)*l.dilation + 1 }

// family is a kind of surrogate: what a Spec of it may say and the layers it means.
type family struct {
	fields []string // configuration keys it uses, besides name and family
	layers func(Spec) ([]layer, error)
	title  func(Spec) string
}

var families = map[string]family{
	"filter": {[]string{"window_ms"}, filterLayers, filterTitle},
	"fcn":    {[]string{"window_ms", "width", "activation", "batch_norm"}, fcnLayers, fcnTitle},
	"tcn":    {[]string{"width", "depth", "kernels", "dilations", "activation", "batch_norm"}, tcnLayers, tcnTitle},
}

var activations = []string{"relu", "gelu", "silu", "tanh"}

// maxWeights bounds a network's size, so that a slip of the keyboard is an error and not a dead machine.
const maxWeights = 1 << 31

// Validate says whether the spec is a network over the given number of inputs, naming the key that is wrong.
func (s Spec) Validate(inputs int) error {
	_, err := s.layers(inputs)
	return err
}

func (s Spec) layers(inputs int) ([]layer, error) {
	f, ok := families[s.Family]
	if !ok {
		return nil, fmt.Errorf("surrogates: family %q: want filter, fcn or tcn", s.Family)
	}
	if inputs < 1 {
		return nil, fmt.Errorf("surrogates: %s over %d inputs: want at least one", s.Family, inputs)
	}
	for _, key := range s.given() {
		if !slices.Contains(f.fields, key) {
			return nil, fmt.Errorf("surrogates: %s has no %s: it takes %s", s.Family, key, strings.Join(f.fields, ", "))
		}
	}
	if s.Activation != "" && !slices.Contains(activations, s.Activation) {
		return nil, fmt.Errorf("surrogates: %s activation %q: want %s", s.Family, s.Activation, strings.Join(activations, ", "))
	}
	ls, err := f.layers(s)
	if err != nil {
		return nil, fmt.Errorf("surrogates: %s %w", s.Family, err)
	}
	total, in := 0.0, inputs
	for _, l := range ls {
		total += float64(in) * float64(l.taps) * float64(l.width)
		in = l.width
	}
	if total > maxWeights {
		return nil, fmt.Errorf("surrogates: %s would have %.3g weights over %d inputs, more than %d: make it narrower or shorter", s.Family, total, inputs, maxWeights)
	}
	return ls, nil
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
