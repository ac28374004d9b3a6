package surrogates

import (
	"math"

	G "gorgonia.org/gorgonia"

	"neq/internal/onnx"
	"neq/surrogates/ops"
)

// mixture is a dense block in which every ms goes to the top of its experts alone (Shazeer et al. 2017): how much of a
// network a neuron needs at a time is part of what its parameters are worth. Channels in are channels out.
type mixture struct {
	experts, hidden, top int
	activation           string

	in                     int
	router, w1, b1, w2, b2 *Weight
}

// balance is the coefficient of the load-balancing loss (Fedus, Zoph & Shazeer 2021).
const balance = 0.01

// newMixture is the mixture that a spec asks for in place of a dense layer of so many channels, nil where it asks for none.
func (s Spec) newMixture(width int) (*mixture, error) {
	if s.Experts == 0 {
		if s.Top != 0 {
			return nil, between("experts", s.Experts, 2, 1024)
		}
		return nil, nil
	}
	m := &mixture{experts: s.Experts, hidden: s.Hidden, top: max(1, s.Top), activation: s.activation()}
	if m.hidden == 0 {
		m.hidden = width
	}
	if err := between("experts", m.experts, 2, 1024); err != nil {
		return nil, err
	}
	if err := between("hidden", m.hidden, 1, 1<<14); err != nil {
		return nil, err
	}
	return m, between("top", m.top, 1, m.experts)
}

// withMixture adds the mixture a spec asks for, on a residual, after the stages of a family that has no dense layer of as
// many channels out as in.
func (s Spec) withMixture(list []stage, width int) ([]stage, error) {
	m, err := s.newMixture(width)
	if err != nil || m == nil {
		return list, err
	}
	return append(list, &residual{inner: []stage{m}}), nil
}

func (m *mixture) plan(in int) (int, error) {
	m.in = in
	return in, nil
}

func (m *mixture) declare(d *declaration) {
	m.router = d.add("router", m.in, m.experts)
	m.w1, m.b1 = d.add("up.weight", m.experts, m.in, m.hidden), d.add("up.bias", m.experts, m.hidden)
	m.w2, m.b2 = d.add("down.weight", m.experts, m.hidden, m.in), d.add("down.bias", m.experts, m.in)
	m.b1.Kept, m.b2.Kept = true, true
	d.uniform(fanIn(m.in), m.router, m.w1, m.b1)
	d.uniform(fanIn(m.hidden), m.w2, m.b2)
}

func (m *mixture) parameters() (synaptic, core int) {
	return 0, m.experts * (m.in + 2*m.in*m.hidden + m.hidden + m.in)
}

func (m *mixture) build(g *building, x *G.Node) (*G.Node, error) {
	return g.ops.MoE(x, g.node(m.router), g.node(m.w1), g.node(m.b1), g.node(m.w2), g.node(m.b2),
		ops.Experts{Top: m.top, Activation: m.activation, Balance: balance})
}

func (m *mixture) reach() int { return 1 }

func (m *mixture) cost(float64) (float64, int) {
	return float64(m.experts*m.in + 2*m.top*m.in*m.hidden), 0
}

func (m *mixture) stream(_ int, k ops.Single) stepper {
	return &mixtureStream{m: m, k: k, logit: make([]float32, m.experts), hidden: make([]float32, m.hidden), chosen: make([]int, 0, m.top)}
}

type mixtureStream struct {
	m             *mixture
	k             ops.Single
	logit, hidden []float32
	chosen        []int
}

func (s *mixtureStream) state() []State { return nil }

func (s *mixtureStream) step(x []float32, _ *Spikes, y []float32) {
	m, c, h := s.m, s.m.in, s.m.hidden
	router, w1, b1, w2, b2 := data(m.router.Value), data(m.w1.Value), data(m.b1.Value), data(m.w2.Value), data(m.b2.Value)
	for at := 0; at < len(x); at += c {
		row, out := x[at:at+c], y[at:at+c]
		clear(s.logit)
		for i, v := range row {
			axpy(v, router[i*m.experts:(i+1)*m.experts], s.logit)
		}
		s.choose()
		clear(out)
		sum := 0.0
		for _, e := range s.chosen {
			sum += math.Exp(float64(s.logit[e] - s.logit[s.chosen[0]]))
		}
		for _, e := range s.chosen {
			gate := float32(math.Exp(float64(s.logit[e]-s.logit[s.chosen[0]])) / sum)
			copy(s.hidden, b1[e*h:])
			for i, v := range row {
				axpy(v, w1[(e*c+i)*h:(e*c+i+1)*h], s.hidden)
			}
			s.k.Activate(m.activation, s.hidden)
			axpy(gate, b2[e*c:(e+1)*c], out)
			for i, v := range s.hidden {
				axpy(gate*v, w2[(e*h+i)*c:(e*h+i+1)*c], out)
			}
		}
	}
}

// choose takes the experts with the largest logits, the first of equals.
func (s *mixtureStream) choose() {
	s.chosen = s.chosen[:0]
	for range s.m.top {
		best := -1
		for e, v := range s.logit {
			taken := false
			for _, c := range s.chosen {
				taken = taken || c == e
			}
			if !taken && (best < 0 || v > s.logit[best]) {
				best = e
			}
		}
		s.chosen = append(s.chosen, best)
	}
}

// onnx takes the weights of the experts chosen alone: an export pays for no others either.
func (m *mixture) onnx(e *exporting, x onnx.Value) onnx.Value {
	top, in, hidden := int64(m.top), int64(m.in), int64(m.hidden)
	chosen := e.Ops("TopK", 2, onnx.In(e.MatMul(x, e.weights(m.router)), e.Ints(top))) // logits and experts [batch][top]
	gate := e.Reshape(e.Op("Softmax", onnx.In(chosen[0])), 0, top, 1)
	of := func(w *Weight, rows, columns int64) onnx.Value {
		return e.Reshape(e.Op("Gather", onnx.In(e.weights(w), chosen[1])), 0, top, rows, columns)
	}
	h := e.Add(e.MatMul(e.Reshape(x, 0, 1, 1, in), of(m.w1, in, hidden)), of(m.b1, 1, hidden)) // [batch][top][1][hidden]
	y := e.Add(e.MatMul(e.activate(m.activation, h), of(m.w2, hidden, in)), of(m.b2, 1, in))
	return e.sum(e.Mul(e.Reshape(y, 0, top, in), gate), 1)
}
