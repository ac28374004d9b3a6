package surrogates

import (
	"fmt"

	G "gorgonia.org/gorgonia"

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
	return list, nil
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
	s := &recurrentStream{u: u, k: k, rows: rows, h: make([]float32, rows*u.units), z: make([]float32, u.gates*u.units)}
	if u.gates == 4 {
		s.c = make([]float32, rows*u.units)
	}
	return s
}

type recurrentStream struct {
	u    *recurrent
	k    ops.Single
	rows int
	h, c []float32 // [rows][units]
	z    []float32
}

func (s *recurrentStream) state() []State {
	all := []State{{Name: "h", Shape: []int{s.u.units}, Value: s.h}}
	if s.c != nil {
		all = append(all, State{Name: "c", Shape: []int{s.u.units}, Value: s.c})
	}
	return all
}

func (s *recurrentStream) step(x []float32, _ *Spikes, y []float32) {
	n := s.u.units
	for r := range s.rows {
		h, in := s.h[r*n:(r+1)*n], x[r*len(s.z):(r+1)*len(s.z)]
		clear(s.z)
		for i, v := range h {
			axpy(v, data(s.u.w.Value)[i*len(s.z):(i+1)*len(s.z)], s.z)
		}
		if s.u.gates == 4 {
			s.lstm(in, h, s.c[r*n:(r+1)*n])
		} else {
			s.gru(in, h)
		}
	}
	copy(y, s.h)
}

// lstm: gates in the order input, forget, candidate, output.
func (s *recurrentStream) lstm(x, h, c []float32) {
	n := len(h)
	axpy(1, x, s.z)
	s.sigmoid(s.z[:2*n])
	s.k.Activate("tanh", s.z[2*n:3*n])
	s.sigmoid(s.z[3*n:])
	for i := range c {
		c[i] = s.z[n+i]*c[i] + s.z[i]*s.z[2*n+i]
	}
	copy(h, c)
	s.k.Activate("tanh", h)
	for i := range h {
		h[i] *= s.z[3*n+i]
	}
}

// gru: gates in the order reset, update, candidate.
func (s *recurrentStream) gru(x, h []float32) {
	n := len(h)
	axpy(1, x[:2*n], s.z)
	s.sigmoid(s.z[:2*n])
	b, candidate := data(s.u.b.Value), s.z[2*n:]
	for i := range candidate {
		candidate[i] = x[2*n+i] + s.z[i]*(candidate[i]+b[i])
	}
	s.k.Activate("tanh", candidate)
	for i := range h {
		h[i] = candidate[i] + s.z[n+i]*(h[i]-candidate[i])
	}
}

// sigmoid(x) is (1 + tanh(x/2)) / 2.
func (s *recurrentStream) sigmoid(x []float32) {
	for i := range x {
		x[i] *= 0.5
	}
	s.k.Activate("tanh", x)
	for i := range x {
		x[i] = 0.5 + 0.5*x[i]
	}
}
