package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// SharedSynapses are weights that synapses share: a perceptron of one hidden layer gives a synapse's weights from what is
// known of it, its kind, path distance, branch, diameter. features [inputs][F], which is constant, w1 [F][M], b1 [M],
// w2 [M][K], b2 [K] to tanh(features w1 + b1) w2 + b2, of the shape that is asked for, inputs times K numbers:
// [inputs][taps][channels] is EventConv's weight, [inputs] one weight for each synapse. (A hypernetwork: Ha, Dai & Le
// 2017.) Always in float32. Bound by memory: a weight is M multiply-adds and written once, where M is small; its gradient
// is read twice.
func (b *Builder) SharedSynapses(features, w1, b1, w2, b2 *G.Node, shape ...int) (*G.Node, error) {
	fs, hs, ks := features.Shape(), w1.Shape(), w2.Shape()
	if len(fs) != 2 || len(hs) != 2 || hs[0] != fs[1] || !b1.Shape().Eq(tensor.Shape{hs[1]}) ||
		len(ks) != 2 || ks[0] != hs[1] || !b2.Shape().Eq(tensor.Shape{ks[1]}) {
		return nil, fmt.Errorf("ops: shared synapses of features %v with weights %v and %v, biases %v and %v", fs, hs, ks, b1.Shape(), b2.Shape())
	}
	if n := fs[0] * ks[1]; len(shape) == 0 || tensor.Shape(shape).TotalSize() != n {
		return nil, fmt.Errorf("ops: shared synapses of shape %v: %d inputs of %d weights are %d numbers", shape, fs[0], ks[1], n)
	}
	hidden := conv{b: b, batch: 1, time: fs[0], cin: fs[1], cout: hs[1], taps: 1, dilation: 1}
	h, err := hidden.apply("shared synapses' layer", tensor.Shape{fs[0], hs[1]}, false, features, w1, b1)
	if err == nil {
		h, err = b.Activation("tanh", h)
	}
	if err != nil {
		return nil, err
	}
	out := conv{b: b, batch: 1, time: fs[0], cin: ks[0], cout: ks[1], taps: 1, dilation: 1}
	return out.apply("shared synapses", tensor.Shape(shape).Clone(), true, h, w2, b2)
}
