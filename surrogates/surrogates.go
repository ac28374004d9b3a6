// Package surrogates holds the networks that predict a neuron's spikes and voltage from its input spikes,
// as gorgonia graphs of fused ops: one file a family.
package surrogates

// Spec is the architecture of a surrogate, as in a configuration. Each family takes some of the keys (families).
type Spec struct {
	Name       string `yaml:"name,omitempty" json:"name,omitempty"`             // default: made from the rest
	Family     string `yaml:"family" json:"family"`                             // filter, fcn, tcn, elm, lstm, gru, ssm, transformer
	Window     int    `yaml:"window_ms,omitempty" json:"window_ms,omitempty"`   // taps of the first layer; default 1 but for filter and fcn
	Width      int    `yaml:"width,omitempty" json:"width,omitempty"`           // channels
	Depth      int    `yaml:"depth,omitempty" json:"depth,omitempty"`           // layers
	Kernels    []int  `yaml:"kernels,omitempty" json:"kernels,omitempty"`       // tcn: taps per layer (one value: the same for all)
	Dilations  []int  `yaml:"dilations,omitempty" json:"dilations,omitempty"`   // tcn: per layer, default 1
	Activation string `yaml:"activation,omitempty" json:"activation,omitempty"` // relu (default), gelu, silu, tanh
	BatchNorm  bool   `yaml:"batch_norm,omitempty" json:"batch_norm,omitempty"`
	Residual   bool   `yaml:"residual,omitempty" json:"residual,omitempty"`   // tcn: a layer adds to its input, from the second on
	Separable  bool   `yaml:"separable,omitempty" json:"separable,omitempty"` // tcn: a layer is depthwise, then pointwise, from the second on

	Memory     int       `yaml:"memory,omitempty" json:"memory,omitempty"`                 // elm: memory units
	Hidden     int       `yaml:"hidden,omitempty" json:"hidden,omitempty"`                 // units of the inner layer: elm (default 2 memory), transformer (4 width), of an expert (width)
	Branches   int       `yaml:"branches,omitempty" json:"branches,omitempty"`             // elm: 0 is the vanilla neuron, a trace per synapse
	BranchSize int       `yaml:"branch_size,omitempty" json:"branch_size,omitempty"`       // elm: synapses of a branch
	Routing    string    `yaml:"routing,omitempty" json:"routing,omitempty"`               // elm: neighbours (default), random
	SynapseTau float64   `yaml:"synapse_tau_ms,omitempty" json:"synapse_tau_ms,omitempty"` // elm: of the traces, default 5
	MemoryTau  []float64 `yaml:"memory_tau_ms,omitempty" json:"memory_tau_ms,omitempty"`   // elm: shortest and longest, default [1, 150]
	LearnTau   bool      `yaml:"learn_tau,omitempty" json:"learn_tau,omitempty"`           // elm: the memory's time constants are trained
	Version    int       `yaml:"version,omitempty" json:"version,omitempty"`               // elm: what a ms adds to memory: 5 (1 - keep) (1, default: the published networks), 1 - keep^5 (2)

	States         int `yaml:"states,omitempty" json:"states,omitempty"`                   // ssm: of a channel
	AttentionHeads int `yaml:"attention_heads,omitempty" json:"attention_heads,omitempty"` // transformer
	Span           int `yaml:"span_ms,omitempty" json:"span_ms,omitempty"`                 // transformer: how far back a layer attends

	Experts int `yaml:"experts,omitempty" json:"experts,omitempty"` // dense layers become mixtures of so many experts
	Top     int `yaml:"top,omitempty" json:"top,omitempty"`         // experts a ms is sent to, default 1

	SharedSynapses int `yaml:"shared_synapses,omitempty" json:"shared_synapses,omitempty"` // synaptic weights are a function, with so many hidden units, of a synapse's kind and place; 0: each is free
}
