// Package surrogates holds the networks that predict a neuron's spikes and voltage from its input spikes,
// as gorgonia graphs of fused ops: one file a family.
package surrogates

// Spec is the architecture of a surrogate, as in a configuration.
type Spec struct {
	Name       string `yaml:"name,omitempty" json:"name,omitempty"`             // default: made from the rest
	Family     string `yaml:"family" json:"family"`                             // "filter", "fcn", "tcn"
	Window     int    `yaml:"window_ms,omitempty" json:"window_ms,omitempty"`   // filter, fcn: taps of the first layer
	Width      int    `yaml:"width,omitempty" json:"width,omitempty"`           // fcn, tcn: channels
	Depth      int    `yaml:"depth,omitempty" json:"depth,omitempty"`           // tcn: layers
	Kernels    []int  `yaml:"kernels,omitempty" json:"kernels,omitempty"`       // tcn: taps per layer (one value: the same for all)
	Dilations  []int  `yaml:"dilations,omitempty" json:"dilations,omitempty"`   // tcn: per layer, default 1
	Activation string `yaml:"activation,omitempty" json:"activation,omitempty"` // relu (default), gelu, silu, tanh
	BatchNorm  bool   `yaml:"batch_norm,omitempty" json:"batch_norm,omitempty"`
}
