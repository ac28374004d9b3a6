package ops

import "neq/cuda/kernels/nets"

// Branches are EventBranches of many neurons with the same weights, one ms at a time.
type Branches struct {
	runs     *runs
	kernels  nets.Kernels
	value    []float32
	branches int
	keep     float32
}

// Branches makes ready the weights w [slots] of a routing of so many synapses, which are checked before; keep is what a
// ms leaves of a trace.
func (s Single) Branches(r *Routing, inputs int, w []float32, keep float32) *Branches {
	b := &Branches{runs: r.runs(inputs), kernels: s.kernels, branches: r.Branches, keep: keep}
	b.value = make([]float32, nets.Run*len(b.runs.at))
	b.runs.fill(r, w, b.value)
	return b
}

// Step takes trace [rows][branches] through a ms whose events, checked before, are synapse[start[row]:start[row+1]].
func (b *Branches) Step(start []int, synapse []int32, trace []float32) {
	b.kernels.BranchStep(b.value, b.runs.first, b.runs.at, start, synapse, b.branches, b.keep, trace)
}

// Memory is ELM of many neurons with the same weights, one ms at a time: the bits that ELM gives.
type Memory struct {
	shape        nets.ELM
	kernels      nets.Kernels
	packed, room []float32
}

// Memory makes ready the weights of a neuron, as ELMWeights has them, with keep and gain [memory] of ELMOptions.Decay.
// in 0: its input is what the hidden units get.
func (s Single) Memory(in int, activation string, w1, b1, w2, b2, keep, gain []float32) *Memory {
	e := nets.ELM{In: in, Hidden: len(b1), Memory: len(b2), Activation: activationKinds[activation]}
	m, size := &Memory{shape: e, kernels: s.kernels}, s.kernels.ELMSizes(e)
	m.packed, m.room = make([]float32, size.Packed), make([]float32, size.Forward)
	s.kernels.ELMPack(e, w1, b1, w2, b2, append(append([]float32(nil), keep...), gain...), false, m.packed)
	return m
}

// Step takes memory [rows][memory] through a ms of x [rows][in], and copies it to y.
func (m *Memory) Step(x, memory, y []float32) {
	m.kernels.ELMStep(m.shape, m.packed, x, memory, y, m.room)
}
