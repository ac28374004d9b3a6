package surrogates

import (
	"math"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"neq/internal/philox"
)

// sharing makes synaptic weights a small function of what a synapse is and where it sits: tanh(features w1 + b1) w2 + b2,
// so that synapses in like places are like parameters, and more synapses are not more parameters.
type sharing struct {
	hidden, outputs int // outputs: weights of a synapse

	rows, known              int // known: features of a synapse, from what the inputs differ in
	features, w1, b1, w2, b2 *Weight
}

// sharedCode is how many fixed random numbers stand for a synapse's branch, by which branches can be told apart.
const sharedCode = 8

// describe says what sets synapses apart, [synapse][known]: the group, one number for each but the first; and on a cell
// the distance from the soma, the diameter, the region, one number for each but the first, and the branch's code.
// Lengths are such that most of a pyramidal cell's are within 1. What all synapses share is no feature.
func (in Inputs) describe() (features [][]float32, known int) {
	groups, regions, placed := 1, 1, false
	for _, s := range in {
		groups, regions, placed = max(groups, s.Group+1), max(regions, s.Region+1), placed || s.Segment >= 0
	}
	for _, s := range in {
		var f []float32
		for g := 1; g < groups; g++ {
			f = append(f, indicator(s.Group == g))
		}
		if placed {
			f = append(f, float32(s.Distance/500), float32(math.Log2(max(s.Diameter, 0.1))))
			for r := 1; r < regions; r++ {
				f = append(f, indicator(s.Region == r))
			}
			r := philox.New(uint64(s.Section), 0, initStream)
			for range sharedCode {
				f = append(f, float32(2*r.Float64()-1))
			}
		}
		features = append(features, f)
	}
	return differing(features)
}

// differing leaves out the columns in which all rows are the same; one of zeros where that is all of them.
func differing(rows [][]float32) (kept [][]float32, columns int) {
	kept = make([][]float32, len(rows))
	for j := range rows[0] {
		if slices.ContainsFunc(rows, func(f []float32) bool { return f[j] != rows[0][j] }) {
			for i, f := range rows {
				kept[i] = append(kept[i], f[j])
			}
		}
	}
	if len(kept[0]) == 0 {
		for i := range kept {
			kept[i] = []float32{0}
		}
	}
	return kept, len(kept[0])
}

func indicator(is bool) float32 {
	if is {
		return 1
	}
	return 0
}

// newSharing is nil where every synapse has weights of its own.
func (s Spec) newSharing(outputs int) (*sharing, error) {
	if s.SharedSynapses == 0 {
		return nil, nil
	}
	return &sharing{hidden: s.SharedSynapses, outputs: outputs, known: 1}, between("shared_synapses", s.SharedSynapses, 1, 1<<12)
}

// declare takes the synapse of each row of weights, -1 where there is none, and about where the weights begin: outputs
// within bound of start.
func (h *sharing) declare(d *declaration, synapse []int, start, bound float64) {
	features, known := d.inputs.describe()
	h.rows, h.known = len(synapse), known
	h.features = d.fixed("features", h.rows, known)
	h.w1, h.b1 = d.add("shared.0.weight", known, h.hidden), d.add("shared.0.bias", h.hidden)
	h.w2, h.b2 = d.add("shared.1.weight", h.hidden, h.outputs), d.add("shared.1.bias", h.outputs)
	d.uniform(fanIn(known), h.w1, h.b1)
	d.uniform(bound*math.Sqrt(3/float64(h.hidden)), h.w2)
	if start != 0 {
		fill(h.b2, float32(start))
	} else {
		d.uniform(bound, h.b2)
	}
	for i, y := range synapse {
		if y >= 0 {
			copy(data(h.features.Value)[i*known:(i+1)*known], features[y])
		}
	}
}

// parameters are counted with one feature before declare, which knows how many there are: at least as many.
func (h *sharing) parameters() int {
	return (h.known+1)*h.hidden + (h.hidden+1)*h.outputs
}

// node is the weights in a graph, in a shape of rows*outputs numbers.
func (h *sharing) node(g *building, shape ...int) (*G.Node, error) {
	return g.ops.SharedSynapses(g.constant(h.features), g.node(h.w1), g.node(h.b1), g.node(h.w2), g.node(h.b2), shape...)
}

// values are the weights as they are now, [rows][outputs].
func (h *sharing) values() []float32 {
	hidden, out := make([]float32, h.hidden), make([]float32, h.rows*h.outputs)
	for i := range h.rows {
		product(data(h.features.Value)[i*h.known:(i+1)*h.known], data(h.w1.Value), data(h.b1.Value), hidden)
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
