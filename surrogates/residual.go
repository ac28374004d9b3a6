package surrogates

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"neq/internal/onnx"
	"neq/surrogates/ops"
)

// residual adds what its stages make of its input to the input (He et al. 2016).
type residual struct {
	inner []stage
	width []int
	in    int
}

func (r *residual) plan(in int) (int, error) {
	r.in = in
	out := in
	for _, s := range r.inner {
		var err error
		if out, err = s.plan(out); err != nil {
			return 0, err
		}
		r.width = append(r.width, out)
	}
	if out != in {
		return 0, fmt.Errorf("a residual of %d channels on %d", out, in)
	}
	return out, nil
}

func (r *residual) declare(d *declaration) {
	prefix := d.prefix
	for i, s := range r.inner {
		d.prefix = fmt.Sprintf("%s%d.", prefix, i)
		s.declare(d)
	}
	d.prefix = prefix
}

func (r *residual) parameters() (synaptic, core int) {
	for _, s := range r.inner {
		a, b := s.parameters()
		synaptic, core = synaptic+a, core+b
	}
	return synaptic, core
}

func (r *residual) build(g *building, x *G.Node) (*G.Node, error) {
	y := x
	for _, s := range r.inner {
		var err error
		if y, err = s.build(g, y); err != nil {
			return nil, err
		}
	}
	return g.ops.Add(x, y)
}

func (r *residual) reach() int { return reach(r.inner) }

func (r *residual) cost(events float64) (macs float64, state int) { return cost(r.inner, events) }

func (r *residual) stream(rows int, k ops.Single) stepper {
	s := &residualStream{}
	for i, st := range r.inner {
		s.steps = append(s.steps, st.stream(rows, k))
		s.y = append(s.y, make([]float32, rows*r.width[i]))
	}
	return s
}

type residualStream struct {
	steps []stepper
	y     [][]float32
}

func (s *residualStream) state() []State {
	var all []State
	for i, st := range s.steps {
		for _, x := range st.state() {
			x.Name = fmt.Sprintf("%d.%s", i, x.Name)
			all = append(all, x)
		}
	}
	return all
}

func (s *residualStream) step(x []float32, in *Spikes, y []float32) {
	from := x
	for i, st := range s.steps {
		st.step(from, in, s.y[i])
		from = s.y[i]
	}
	for i, v := range from {
		y[i] = x[i] + v
	}
}

func (r *residual) onnx(e *exporting, x onnx.Value) onnx.Value {
	prefix := e.prefix
	y := x
	for i, s := range r.inner {
		y = e.stage(fmt.Sprintf("%s%d.", prefix, i), s, y)
	}
	return e.Add(x, y)
}
