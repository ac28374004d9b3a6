package equivalence

import "math"

// Figures of brains. They are counts of cells and connections, and say nothing about how alike the cells are.
const (
	// HumanNeurons is the number of neurons in an adult human brain: 86.1 +- 8.1 billion (Azevedo et al. 2009,
	// J Comp Neurol 513:532).
	HumanNeurons = 86e9
	// MouseNeurons is the number of neurons in a mouse brain, 71 million (Herculano-Houzel, Mota & Lent 2006,
	// PNAS 103:12138).
	MouseNeurons = 71e6
	// HumanSynapses is the round upper figure for the human brain; the neocortex alone has 1.5e14 (Pakkenberg et
	// al. 2003, Exp Gerontol 38:95).
	HumanSynapses = 1e15
	// GPT3 is the parameters of GPT-3 (Brown et al. 2020, arXiv:2005.14165).
	GPT3 = 175e9
)

// Brain is what an answer makes of a human brain if every one of its neurons were this one.
type Brain struct {
	Neurons       float64  `json:"neurons"`
	Parameters    float64  `json:"parameters"` // neurons times parameters per neuron-equivalent
	Low           *float64 `json:"low,omitempty"`
	High          *float64 `json:"high,omitempty"`
	MACsPerSecond float64  `json:"macs_per_second"`
	Synapses      float64  `json:"synapses"`      // with one parameter each: the count usually quoted
	OverSynapses  float64  `json:"over_synapses"` // Parameters over Synapses
	BySynapse     float64  `json:"by_synapse"`    // synapses times synaptic parameters per synapse, plus neurons times core
	Mouse         float64  `json:"mouse_parameters"`
}

// Brain scales an answer that was reached; the zero Brain otherwise.
func (s *Study) Brain(a Answer) Brain {
	if !a.Reached {
		return Brain{}
	}
	b := Brain{Neurons: HumanNeurons, Parameters: HumanNeurons * float64(a.Parameters), Synapses: HumanSynapses,
		MACsPerSecond: HumanNeurons * a.Smallest.MACs * 1000, Mouse: MouseNeurons * float64(a.Parameters)}
	if math.IsInf(b.MACsPerSecond, 0) {
		b.MACsPerSecond = 0
	}
	b.OverSynapses = b.Parameters / b.Synapses
	if n := s.synapses(); n > 0 {
		b.BySynapse = HumanSynapses*float64(a.Smallest.Synaptic)/float64(n) + HumanNeurons*float64(a.Smallest.Core)
	}
	scale := func(n *int) *float64 {
		if n == nil {
			return nil
		}
		x := HumanNeurons * float64(*n)
		return &x
	}
	b.Low, b.High = scale(a.Low), scale(a.High)
	return b
}
