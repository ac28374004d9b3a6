package surrogates

// Synapse is what a network may know about an input: families that route by place, or share weights by biology, use it.
type Synapse struct {
	Group      int     // of synapses of one kind on one part of the neuron, counted from 0
	Inhibitory bool    // its events count negative where a family has signs
	Segment    int     // of the cell it sits on, -1: unknown (a neuron without dendrites)
	Section    int     // unbranched cable of the segment, counted over the cell
	Region     int     // of the segment (soma, dend, apic, ..), counted from 0
	Distance   float64 // path from the soma, um
	Diameter   float64 // of the segment, um
}

// Inputs are a network's synapses, in the order of a data set's.
type Inputs []Synapse

// PlainInputs are n excitatory synapses of which no more is known.
func PlainInputs(n int) Inputs {
	in := make(Inputs, n)
	for i := range in {
		in[i].Segment = -1
	}
	return in
}
