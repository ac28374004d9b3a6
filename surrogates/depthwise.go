package surrogates

import (
	G "gorgonia.org/gorgonia"

	"neq/internal/onnx"
	"neq/surrogates/ops"
)

// depthwise is a causal convolution of each channel by itself, with bias (Chollet 2017).
type depthwise struct {
	taps, dilation int

	in   int
	w, b *Weight // [taps][in], [in]
}

func (l *depthwise) plan(in int) (int, error) {
	l.in = in
	return in, nil
}

func (l *depthwise) declare(d *declaration) {
	l.w, l.b = d.add("weight", l.taps, l.in), d.add("bias", l.in)
	d.uniform(fanIn(l.taps), l.w, l.b)
}

func (l *depthwise) parameters() (synaptic, core int) { return 0, (l.taps + 1) * l.in }

func (l *depthwise) build(g *building, x *G.Node) (*G.Node, error) {
	return g.ops.DepthwiseConv(x, g.node(l.w), g.node(l.b), l.dilation)
}

func (l *depthwise) reach() int { return (l.taps-1)*l.dilation + 1 }

func (l *depthwise) cost(float64) (float64, int) {
	return float64(l.taps * l.in), (l.reach() - 1) * l.in
}

func (l *depthwise) stream(rows int, _ ops.Single) stepper {
	return &depthwiseStream{l: l, rows: rows, past: make([]float32, rows*(l.reach()-1)*l.in)}
}

type depthwiseStream struct {
	l    *depthwise
	rows int
	past []float32 // [rows][reach-1][in], the last ms first
}

func (s *depthwiseStream) state() []State {
	if s.l.reach() == 1 {
		return nil
	}
	return []State{{Name: "past", Shape: []int{s.l.reach() - 1, s.l.in}, Value: s.past}}
}

func (s *depthwiseStream) step(x []float32, _ *Spikes, y []float32) {
	l, w := s.l, data(s.l.w.Value)
	for r := range s.rows {
		row, out := x[r*l.in:(r+1)*l.in], y[r*l.in:(r+1)*l.in]
		past := s.past[r*len(s.past)/s.rows : (r+1)*len(s.past)/s.rows]
		copy(out, data(l.b.Value))
		for k := range l.taps {
			from := row
			if k > 0 {
				from = past[(k*l.dilation-1)*l.in:][:l.in]
			}
			for i, v := range from {
				out[i] += v * w[k*l.in+i]
			}
		}
		if len(past) > 0 {
			copy(past[l.in:], past)
			copy(past, row)
		}
	}
}

func (l *depthwise) onnx(e *exporting, x onnx.Value) onnx.Value {
	rows := e.Slice(e.past(x, l.reach(), l.in), 1, 0, onnx.End, int64(l.dilation))
	return e.Add(e.sum(e.Mul(rows, e.weights(l.w)), 1), e.weights(l.b))
}
