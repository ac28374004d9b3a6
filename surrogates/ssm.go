package surrogates

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"neq/cuda/kernels/nets"
	"neq/internal/onnx"
	"neq/surrogates/ops"
)

// An ssm is a stack of diagonal state spaces (S4D: Gu et al. 2022, arXiv 2206.11893): the embedding of each ms' events,
// then depth times states of each channel over time, an activation and a dense mixing layer (or a mixture of experts),
// on the normalised channels and added to them.

func ssmStages(s Spec) ([]stage, error) {
	states := s.States
	if states == 0 {
		states = 16
	}
	depth := max(1, s.Depth)
	for _, c := range []struct {
		key       string
		v, lo, hi int
	}{{"width", s.Width, 1, 1 << 13}, {"depth", s.Depth, 0, 64}, {"states", states, 1, 1 << 10}, {"window_ms", s.Window, 0, 1 << 12}} {
		if err := between(c.key, c.v, c.lo, c.hi); err != nil {
			return nil, err
		}
	}
	list := []stage{&layer{first: true, taps: max(1, s.Window), dilation: 1, width: s.Width}}
	for range depth {
		m, err := s.newMixture(s.Width)
		if err != nil {
			return nil, err
		}
		block := []stage{&layerNorm{}, &stateSpace{states: states, activation: s.activation()}}
		if m != nil {
			block = append(block, m)
		} else {
			block = append(block, &layer{taps: 1, dilation: 1, width: s.Width})
		}
		list = append(list, &residual{inner: block})
	}
	return append(list, &layerNorm{}), nil
}

func ssmTitle(s Spec) string {
	t := fmt.Sprintf("ssm-%dx%d", max(1, s.Depth), s.Width)
	if s.States > 0 {
		t += fmt.Sprintf("-n%d", s.States)
	}
	if s.Window > 1 {
		t += fmt.Sprintf("-%dms", s.Window)
	}
	return t
}

// stateSpace is the states of every channel over time, then the activation.
type stateSpace struct {
	states     int
	activation string

	in                              int
	logDt, logA, imagA, cRe, cIm, d *Weight
}

func (s *stateSpace) plan(in int) (int, error) {
	s.in = in
	return in, nil
}

// declare starts as S4D-Lin, with steps from 0.001 to 0.1: states that forget within 20 to 2000 ms.
func (s *stateSpace) declare(d *declaration) {
	s.logDt, s.logA, s.imagA = d.add("log_dt", s.in), d.add("log_a", s.in, s.states), d.add("imag_a", s.in, s.states)
	s.cRe, s.cIm, s.d = d.add("c.re", s.in, s.states), d.add("c.im", s.in, s.states), d.add("d", s.in)
	s.logA.Kept, s.imagA.Kept, s.cRe.OutputFirst, s.cIm.OutputFirst = true, true, true, true
	p := ops.S4DLin(d.random(s.logDt), s.in, s.states, 0.001, 0.1)
	for i, v := range [][]float32{p.LogDt, p.LogA, p.ImagA, p.Re, p.Im, p.D} {
		copy(data(s.weights()[i].Value), v)
	}
}

func (s *stateSpace) weights() []*Weight {
	return []*Weight{s.logDt, s.logA, s.imagA, s.cRe, s.cIm, s.d}
}

func (s *stateSpace) parameters() (synaptic, core int) { return 0, s.in * (4*s.states + 2) }

func (s *stateSpace) build(g *building, x *G.Node) (*G.Node, error) {
	y, err := g.ops.SSM(x, g.node(s.logDt), g.node(s.logA), g.node(s.imagA), g.node(s.cRe), g.node(s.cIm), g.node(s.d))
	if err != nil {
		return nil, err
	}
	return g.ops.Activation(s.activation, y)
}

func (s *stateSpace) reach() int { return 0 }

// cost: a complex multiplication, an addition and half a complex product a state.
func (s *stateSpace) cost(float64) (float64, int) {
	return float64(s.in * (6*s.states + 1)), 2 * s.in * s.states
}

func (s *stateSpace) stream(rows int, k ops.Single) stepper {
	v := func(w *Weight) []float32 { return data(w.Value) }
	return &stateSpaceStream{s: s, k: k, h: make([]float32, rows*s.states*2*s.in),
		one: k.SSM(nets.SSM{Channels: s.in, States: s.states, LogDt: v(s.logDt), LogA: v(s.logA), ImagA: v(s.imagA), Re: v(s.cRe), Im: v(s.cIm), D: v(s.d)})}
}

type stateSpaceStream struct {
	s   *stateSpace
	k   ops.Single
	one *ops.SSMStep
	h   []float32 // [rows][states][2][in]
}

func (s *stateSpaceStream) state() []State {
	return []State{{Name: "h", Shape: []int{s.s.states, 2, s.s.in}, Value: s.h}}
}

func (s *stateSpaceStream) step(x []float32, _ *Spikes, y []float32) {
	s.one.Step(x, s.h, y)
	s.k.Activate(s.s.activation, y)
}

func (s *stateSpace) onnx(e *exporting, x onnx.Value) onnx.Value {
	v := func(w *Weight) []float32 { return data(w.Value) }
	coef := e.single.SSM(nets.SSM{Channels: s.in, States: s.states, LogDt: v(s.logDt), LogA: v(s.logA), ImagA: v(s.imagA), Re: v(s.cRe), Im: v(s.cIm), D: v(s.d)}).Coefficients()
	constant := func(name string, i int) onnx.Value { // [states][in] of the coefficients' [states][4][in]
		var k []float32
		for n := range s.states {
			k = append(k, coef[(4*n+i)*s.in:][:s.in]...)
		}
		return e.Weights(name, k, s.states, s.in)
	}
	states, in := int64(s.states), int64(s.in)
	h := e.state("h", "states of every channel, real and imaginary parts", s.states, 2, s.in)
	re, im := e.Reshape(e.Slice(h, 2, 0, 1, 1), 0, states, in), e.Reshape(e.Slice(h, 2, 1, 2, 1), 0, states, in)
	ar, ai := constant("a.re", 0), constant("a.im", 1)
	re, im = e.Add(e.Sub(e.Mul(ar, re), e.Mul(ai, im)), e.Reshape(x, 0, 1, in)), e.Add(e.Mul(ar, im), e.Mul(ai, re))
	e.next("h", e.Concat(2, e.Reshape(re, 0, states, 1, in), e.Reshape(im, 0, states, 1, in)), s.states, 2, s.in)
	y := e.sum(e.Sub(e.Mul(constant("w.re", 2), re), e.Mul(constant("w.im", 3), im)), 1)
	return e.activate(s.activation, e.Add(y, e.Mul(x, e.weights(s.d))))
}
