package surrogates

import (
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"neq/internal/philox"
)

// sharing makes synaptic weights a small function of what a synapse is and where it sits: tanh(features w1 + b1) w2 + b2,
// so that synapses in like places are like parameters, and more synapses are not more parameters.
type sharing struct {
	hidden, outputs int // outputs: weights of a synapse

	rows                     int
	features, w1, b1, w2, b2 *Weight
}

// The features of a synapse: inhibitory, distance from the soma, diameter, one of so many regions, one of so many groups,
// and a code for its branch, fixed random numbers by which branches can be told apart.
const (
	sharedRegions, sharedGroups, sharedCode = 4, 4, 8
	sharedFeatures                          = 3 + sharedRegions + sharedGroups + sharedCode
)

// newSharing is nil where every synapse has weights of its own.
func (s Spec) newSharing(outputs int) (*sharing, error) {
	if s.SharedSynapses == 0 {
		return nil, nil
	}
	return &sharing{hidden: s.SharedSynapses, outputs: outputs}, between("shared_synapses", s.SharedSynapses, 1, 1<<12)
}

// declare takes the synapse of each row of weights, -1 where there is none, and about where the weights begin: outputs
// within bound of start.
func (h *sharing) declare(d *declaration, synapse []int, start, bound float64) {
	h.rows = len(synapse)
	h.features = d.fixed("features", h.rows, sharedFeatures)
	h.w1, h.b1 = d.add("shared.0.weight", sharedFeatures, h.hidden), d.add("shared.0.bias", h.hidden)
	h.w2, h.b2 = d.add("shared.1.weight", h.hidden, h.outputs), d.add("shared.1.bias", h.outputs)
	d.uniform(fanIn(sharedFeatures), h.w1, h.b1)
	d.uniform(bound*math.Sqrt(3/float64(h.hidden)), h.w2)
	if start != 0 {
		fill(h.b2, float32(start))
	} else {
		d.uniform(bound, h.b2)
	}
	v := data(h.features.Value)
	for i, y := range synapse {
		if y >= 0 {
			d.inputs[y].features(v[i*sharedFeatures : (i+1)*sharedFeatures])
		}
	}
}

// features writes a synapse's. Lengths are such that most of a pyramidal cell's are within 1.
func (s Synapse) features(to []float32) {
	if s.Inhibitory {
		to[0] = 1
	}
	to[3+sharedRegions+s.Group%sharedGroups] = 1
	if s.Segment < 0 {
		return
	}
	to[1] = float32(s.Distance / 500)
	to[2] = float32(math.Log2(max(s.Diameter, 0.1)))
	to[3+s.Region%sharedRegions] = 1
	r := philox.New(uint64(s.Section), 0, initStream)
	for i := range sharedCode {
		to[3+sharedRegions+sharedGroups+i] = float32(2*r.Float64() - 1)
	}
}

func (h *sharing) parameters() int {
	return (sharedFeatures+1)*h.hidden + (h.hidden+1)*h.outputs
}

// node is the weights in a graph, in a shape of rows*outputs numbers.
func (h *sharing) node(g *building, shape ...int) (*G.Node, error) {
	return g.ops.SharedSynapses(g.constant(h.features), g.node(h.w1), g.node(h.b1), g.node(h.w2), g.node(h.b2), shape...)
}

// values are the weights as they are now, [rows][outputs].
func (h *sharing) values() []float32 {
	hidden, out := make([]float32, h.hidden), make([]float32, h.rows*h.outputs)
	for i := range h.rows {
		product(data(h.features.Value)[i*sharedFeatures:(i+1)*sharedFeatures], data(h.w1.Value), data(h.b1.Value), hidden)
		for j, v := range hidden {
			hidden[j] = float32(math.Tanh(float64(v)))
		}
		product(hidden, data(h.w2.Value), data(h.b2.Value), out[i*h.outputs:(i+1)*h.outputs])
	}
	return out
}

// weight is the weights as a tensor of the network, for those that write it down.
func (h *sharing) weight(name string, shape ...int) *Weight {
	return &Weight{Name: name, Value: tensor.New(tensor.WithShape(shape...), tensor.WithBacking(h.values()))}
}
