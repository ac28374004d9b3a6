package surrogates

import (
	G "gorgonia.org/gorgonia"

	"neq/internal/onnx"
	"neq/surrogates/ops"
)

// traces are the vanilla ELM's: s[t] = keep s[t-1] + x[t] for every synapse, of which the hidden units get the sum
// weighted by w [synapse][1][hidden]. Both are linear, so that the weighted sums decay in the traces' place: hidden
// numbers in place of one a synapse. The published code has a factor relu(w_s) for every synapse too, which w absorbs.
type traces struct {
	keep   float32
	hidden int

	inputs int
	w      *Weight
}

func (s *traces) plan(in int) (int, error) {
	s.inputs = in
	return s.hidden, nil
}

func (s *traces) declare(d *declaration) {
	s.w = d.synaptic("weight", s.inputs, 1, s.hidden)
	d.uniform(fanIn(s.inputs), s.w)
}

func (s *traces) parameters() (synaptic, core int) { return s.inputs * s.hidden, 0 }

func (s *traces) events(b *ops.Builder, batch, time int) (*ops.Events, error) {
	return b.NewEvents(batch, time, s.inputs, 1, 1, s.hidden)
}

func (s *traces) build(g *building, _ *G.Node) (*G.Node, error) {
	x, err := g.ops.EventConv(g.events, g.node(s.w), nil)
	if err != nil {
		return nil, err
	}
	return g.ops.Leak(x, s.keep)
}

func (s *traces) reach() int { return 0 }

func (s *traces) cost(events float64) (float64, int) {
	return (events + 1) * float64(s.hidden), s.hidden
}

func (s *traces) stream(rows int, _ ops.Single) stepper {
	return &tracesStream{s, make([]float32, rows*s.hidden)}
}

type tracesStream struct {
	s     *traces
	trace []float32 // [rows][hidden]
}

func (t *tracesStream) state() []State {
	return []State{{Name: "trace", Shape: []int{t.s.hidden}, Value: t.trace}}
}

func (t *tracesStream) step(_ []float32, in *Spikes, y []float32) {
	n, w := t.s.hidden, data(t.s.w.Value)
	for i := range t.trace {
		t.trace[i] *= t.s.keep
	}
	for r := range len(in.Start) - 1 {
		for _, k := range in.Synapse[in.Start[r]:in.Start[r+1]] {
			axpy(1, w[int(k)*n:(int(k)+1)*n], t.trace[r*n:(r+1)*n])
		}
	}
	copy(y, t.trace)
}

func (s *traces) onnx(e *exporting, x onnx.Value) onnx.Value {
	return e.trace(s.keep, s.hidden, e.MatMul(x, e.weights(s.w, s.inputs, s.hidden)))
}
