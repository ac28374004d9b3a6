package surrogates

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"neq/internal/onnx"
	"neq/surrogates/ops"
)

// A lstm or gru is depth layers of width gated recurrent units (Hochreiter & Schmidhuber 1997; Cho et al. 2014), the first
// over a window of the input events, PyTorch's equations with one bias in place of two that are added.

func lstmStages(s Spec) ([]stage, error) { return recurrentStages(s, 4) }
func gruStages(s Spec) ([]stage, error)  { return recurrentStages(s, 3) }

func recurrentStages(s Spec, gates int) ([]stage, error) {
	depth, window := max(1, s.Depth), max(1, s.Window)
	for _, c := range []struct {
		key       string
		v, lo, hi int
	}{{"width", s.Width, 1, 1 << 14}, {"depth", depth, 1, 64}, {"depth", s.Depth, 0, 64}, {"window_ms", window, 1, 1 << 12}, {"window_ms", s.Window, 0, 1 << 12}} {
		if err := between(c.key, c.v, c.lo, c.hi); err != nil {
			return nil, err
		}
	}
	var list []stage
	for i := range depth {
		in := &layer{first: i == 0, taps: 1, dilation: 1, width: gates * s.Width}
		if i == 0 {
			in.taps = window
		}
		list = append(list, in, &recurrent{gates: gates, units: s.Width})
	}
	return s.withMixture(list, s.Width)
}

func recurrentTitle(s Spec) string {
	t := fmt.Sprintf("%s-%d", s.Family, s.Width)
	if s.Depth > 1 {
		t = fmt.Sprintf("%s-%dx%d", s.Family, s.Depth, s.Width)
	}
	if s.Window > 1 {
		t += fmt.Sprintf("-%dms", s.Window)
	}
	return t
}

// recurrent is the units: gates' input [batch][time][gates*units], biases in it, to their output [batch][time][units].
type recurrent struct {
	gates, units int // 4 is an LSTM, 3 a GRU

	w, b *Weight // [units][gates*units]; b [units] of a GRU's candidate
}

func (u *recurrent) plan(in int) (int, error) {
	if in != u.gates*u.units {
		return 0, fmt.Errorf("%d channels for the gates of %d units", in, u.units)
	}
	return u.units, nil
}

func (u *recurrent) declare(d *declaration) {
	u.w = d.add("recurrent.weight", u.units, u.gates*u.units)
	d.uniform(fanIn(u.units), u.w)
	if u.gates == 3 {
		u.b = d.add("recurrent.bias", u.units)
		d.uniform(fanIn(u.units), u.b)
	}
}

func (u *recurrent) parameters() (synaptic, core int) {
	core = u.units * u.gates * u.units
	if u.gates == 3 {
		core += u.units
	}
	return 0, core
}

func (u *recurrent) build(g *building, x *G.Node) (*G.Node, error) {
	if u.gates == 4 {
		return g.ops.LSTM(x, g.node(u.w))
	}
	return g.ops.GRU(x, g.node(u.w), g.node(u.b))
}

func (u *recurrent) reach() int { return 0 }

func (u *recurrent) cost(float64) (float64, int) {
	state := u.units
	if u.gates == 4 {
		state *= 2
	}
	return float64(u.units * u.gates * u.units), state
}

func (u *recurrent) stream(rows int, k ops.Single) stepper {
	s := &recurrentStream{u: u, h: make([]float32, rows*u.units)}
	if u.gates == 4 {
		s.c = make([]float32, rows*u.units)
		s.lstm = k.LSTM(u.units, data(u.w.Value))
	} else {
		s.gru = k.GRU(u.units, data(u.w.Value), data(u.b.Value))
	}
	return s
}

type recurrentStream struct {
	u    *recurrent
	lstm *ops.LSTMStep
	gru  *ops.GRUStep
	h, c []float32 // [rows][units]
}

func (s *recurrentStream) state() []State {
	all := []State{{Name: "h", Shape: []int{s.u.units}, Value: s.h}}
	if s.c != nil {
		all = append(all, State{Name: "c", Shape: []int{s.u.units}, Value: s.c})
	}
	return all
}

func (s *recurrentStream) step(x []float32, _ *Spikes, y []float32) {
	if s.lstm != nil {
		s.lstm.Step(x, s.h, s.c)
	} else {
		s.gru.Step(x, s.h)
	}
	copy(y, s.h)
}

func (u *recurrent) onnx(e *exporting, x onnx.Value) onnx.Value {
	n := int64(u.units)
	gate := func(v onnx.Value, i int64) onnx.Value { return e.Slice(v, 1, i*n, (i+1)*n, 1) }
	sigmoid := func(v onnx.Value) onnx.Value { return e.Op("Sigmoid", onnx.In(v)) }
	tanh := func(v onnx.Value) onnx.Value { return e.Op("Tanh", onnx.In(v)) }
	h := e.state("h", "output of the units", u.units)
	z := e.MatMul(h, e.weights(u.w))
	if u.gates == 4 {
		c := e.state("c", "cells of the units", u.units)
		z = e.Add(x, z)
		c = e.Add(e.Mul(sigmoid(gate(z, 1)), c), e.Mul(sigmoid(gate(z, 0)), tanh(gate(z, 2))))
		h = e.Mul(sigmoid(gate(z, 3)), tanh(c))
		e.next("h", h, u.units)
		e.next("c", c, u.units)
		return h
	}
	reset, update := sigmoid(e.Add(gate(x, 0), gate(z, 0))), sigmoid(e.Add(gate(x, 1), gate(z, 1)))
	candidate := tanh(e.Add(gate(x, 2), e.Mul(reset, e.Add(gate(z, 2), e.weights(u.b)))))
	h = e.Add(candidate, e.Mul(update, e.Sub(h, candidate)))
	e.next("h", h, u.units)
	return h
}
