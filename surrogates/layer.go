package surrogates

import (
	G "gorgonia.org/gorgonia"

	"neq/internal/onnx"
	"neq/surrogates/ops"
)

// layer is a causal convolution with bias over the events (first) or the channels before it, its activation and, where
// asked, batch normalisation in that order (Beniaguev, Segev & London 2021). Tap k sees the input k*dilation ms ago.
type layer struct {
	first                 bool
	taps, dilation, width int
	activation            string // "" is none
	norm                  bool
	zeroBias              bool     // initially
	shared                *sharing // of the first: where its weights come from, nil: each is free

	in                                int
	w, b, gamma, beta, mean, variance *Weight
}

func (l *layer) plan(in int) (int, error) {
	l.in = in
	return l.width, nil
}

func (l *layer) declare(d *declaration) {
	bound := fanIn(l.in * l.taps)
	switch {
	case l.shared != nil:
		all := make([]int, l.in)
		for i := range all {
			all[i] = i
		}
		l.shared.declare(d, all, 0, bound)
	case l.first:
		l.w = d.synaptic("weight", l.in, l.taps, l.width)
	default:
		l.w = d.add("weight", l.taps, l.in, l.width)
	}
	l.b = d.add("bias", l.width)
	if l.w != nil {
		d.uniform(bound, l.w)
	}
	if l.norm {
		l.gamma, l.beta = d.add("norm.gamma", l.width), d.add("norm.beta", l.width)
		l.mean, l.variance = d.fixed("norm.mean", l.width), d.fixed("norm.variance", l.width)
		fill(l.gamma, 1)
		fill(l.variance, 1)
	}
	if !l.zeroBias {
		d.uniform(bound, l.b)
	}
}

// weight is the weights as a tensor.
func (l *layer) weight() *Weight {
	if l.shared != nil {
		return l.shared.weight("weight", l.in, l.taps, l.width)
	}
	return l.w
}

func (l *layer) parameters() (synaptic, core int) {
	weights := l.in * l.taps * l.width
	if l.shared != nil {
		weights = 0
		core = l.shared.parameters()
	}
	core += l.width
	if l.norm {
		core += 2 * l.width
	}
	if l.first {
		return weights, core
	}
	return 0, core + weights
}

func (l *layer) events(b *ops.Builder, batch, time int) (*ops.Events, error) {
	return b.NewEvents(batch, time, l.in, l.taps, l.dilation, l.width)
}

func (l *layer) build(g *building, x *G.Node) (y *G.Node, err error) {
	if l.first {
		w := g.node(l.w)
		if l.shared != nil {
			if w, err = l.shared.node(g, l.in, l.taps, l.width); err != nil {
				return nil, err
			}
		}
		y, err = g.ops.EventConv(g.events, w, g.node(l.b))
	} else {
		y, err = g.ops.Conv(x, g.node(l.w), g.node(l.b), l.dilation)
	}
	if err == nil && l.activation != "" {
		y, err = g.ops.Activation(l.activation, y)
	}
	if err == nil && l.norm {
		y, err = g.ops.BatchNorm(y, g.node(l.gamma), g.node(l.beta), l.mean.Value, l.variance.Value, g.burnIn)
	}
	return y, err
}

func (l *layer) reach() int { return (l.taps-1)*l.dilation + 1 }

// cost: an event adds its synapse's taps to the outputs to come. Batch normalisation folds into the weights.
func (l *layer) cost(events float64) (float64, int) {
	if l.first {
		return events * float64(l.taps*l.width), (l.reach() - 1) * l.width
	}
	return float64(l.in * l.taps * l.width), (l.reach() - 1) * l.in
}

func (l *layer) stream(rows int, k ops.Single) stepper {
	s := &layerStream{l: l, k: k, rows: rows, w: data(l.weight().Value), b: data(l.b.Value), kept: l.in}
	if l.first {
		s.kept = l.width
	}
	s.past = make([]float32, rows*(l.reach()-1)*s.kept)
	if l.norm {
		s.stats = k.NormStats(data(l.mean.Value), data(l.variance.Value))
	}
	return s
}

// layerStream keeps, of the first layer, the sums of the outputs to come, the next ms first; of another its past inputs,
// the last ms first.
type layerStream struct {
	l     *layer
	k     ops.Single
	rows  int
	w, b  []float32
	stats []float32 // of the norm
	past  []float32 // [rows][reach-1][kept]
	kept  int
}

func (s *layerStream) state() []State {
	if s.l.reach() == 1 {
		return nil
	}
	name := "past"
	if s.l.first {
		name = "coming"
	}
	return []State{{Name: name, Shape: []int{s.l.reach() - 1, s.kept}, Value: s.past}}
}

func (s *layerStream) step(x []float32, in *Spikes, y []float32) {
	l, width := s.l, s.l.width
	for r := range s.rows {
		out := y[r*width : (r+1)*width]
		past := s.past[r*len(s.past)/s.rows : (r+1)*len(s.past)/s.rows]
		copy(out, s.b)
		if l.first {
			s.arrive(in.Synapse[in.Start[r]:in.Start[r+1]], past, out)
		} else {
			s.product(x[r*l.in:(r+1)*l.in], past, out)
		}
	}
	if l.activation != "" {
		s.k.Activate(l.activation, y)
	}
	if l.norm {
		s.k.Norm(y, s.stats, data(l.gamma.Value), data(l.beta.Value))
	}
}

// arrive adds what was to come in this ms, and the taps of the ms's spikes to this and the ms to come.
func (s *layerStream) arrive(spikes []int32, past, out []float32) {
	l, width := s.l, s.l.width
	if len(past) > 0 {
		axpy(1, past[:width], out)
		copy(past, past[width:])
		clear(past[len(past)-width:])
	}
	for _, y := range spikes {
		w := s.w[int(y)*l.taps*width:]
		axpy(1, w[:width], out)
		for k := 1; k < l.taps; k++ {
			axpy(1, w[k*width:(k+1)*width], past[(k*l.dilation-1)*width:])
		}
	}
}

// product is the convolution of the past inputs and this one.
func (s *layerStream) product(x, past, out []float32) {
	l, width := s.l, s.l.width
	for k := range l.taps {
		from := x
		if k > 0 {
			from = past[(k*l.dilation-1)*l.in:][:l.in]
		}
		for i, v := range from {
			if v != 0 {
				axpy(v, s.w[(k*l.in+i)*width:(k*l.in+i+1)*width], out)
			}
		}
	}
	if len(past) > 0 {
		copy(past[l.in:], past)
		copy(past, x)
	}
}

// onnx: the first layer keeps the sums of the outputs to come, another its past inputs, as a stream does.
func (l *layer) onnx(e *exporting, x onnx.Value) onnx.Value {
	y := e.Add(l.onnxSums(e, x), e.weights(l.b))
	if l.activation != "" {
		y = e.activate(l.activation, y)
	}
	if l.norm { // as one factor and one summand a channel
		stats := e.single.NormStats(data(l.mean.Value), data(l.variance.Value))
		scale, shift := make([]float32, l.width), make([]float32, l.width)
		for i := range scale {
			scale[i] = data(l.gamma.Value)[i] * stats[l.width+i]
			shift[i] = data(l.beta.Value)[i] - stats[i]*scale[i]
		}
		y = e.Add(e.Mul(y, e.Weights("norm.scale", scale, l.width)), e.Weights("norm.shift", shift, l.width))
	}
	return y
}

// onnxSums is the convolution at this ms, without its bias.
func (l *layer) onnxSums(e *exporting, x onnx.Value) onnx.Value {
	past, taps, width, in := l.reach()-1, int64(l.taps), int64(l.width), int64(l.in)
	if !l.first {
		rows := e.past(x, l.reach(), l.in)
		return e.MatMul(e.Reshape(e.Slice(rows, 1, 0, onnx.End, int64(l.dilation)), 0, taps*in), e.weights(l.weight(), l.taps*l.in, l.width))
	}
	sums := e.MatMul(x, e.weights(l.weight(), l.in, l.taps*l.width))
	if past == 0 {
		return sums
	}
	if d := int64(l.dilation); d > 1 { // zeros between the taps, and the rest after the last cut off
		sums = e.Reshape(e.pad(e.Reshape(sums, 0, taps, 1, width), 2, d-1, 4), 0, taps*d, width)
		sums = e.Slice(sums, 1, 0, int64(past)+1, 1)
	} else {
		sums = e.Reshape(sums, 0, taps, width)
	}
	coming := e.state("coming", "sums of the outputs to come, the next ms first", past, l.width)
	sums = e.Add(sums, e.pad(coming, 1, 1, 3))
	e.next("coming", e.Slice(sums, 1, 1, onnx.End, 1), past, l.width)
	return e.Reshape(e.Slice(sums, 1, 0, 1, 1), 0, width)
}
