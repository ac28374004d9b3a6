package surrogates

import (
	"math"

	G "gorgonia.org/gorgonia"

	"neq/internal/onnx"
	"neq/surrogates/ops"
)

// layerNorm normalises the channels of every ms, with scale and shift (Ba, Kiros & Hinton 2016).
type layerNorm struct {
	in          int
	gamma, beta *Weight
}

func (l *layerNorm) plan(in int) (int, error) {
	l.in = in
	return in, nil
}

func (l *layerNorm) declare(d *declaration) {
	l.gamma, l.beta = d.add("gamma", l.in), d.add("beta", l.in)
	fill(l.gamma, 1)
}

func (l *layerNorm) parameters() (synaptic, core int) { return 0, 2 * l.in }

func (l *layerNorm) build(g *building, x *G.Node) (*G.Node, error) {
	return g.ops.LayerNorm(x, g.node(l.gamma), g.node(l.beta))
}

func (l *layerNorm) reach() int { return 1 }

func (l *layerNorm) cost(float64) (float64, int) { return float64(2 * l.in), 0 }

func (l *layerNorm) stream(int, ops.Single) stepper { return l }

func (l *layerNorm) state() []State { return nil }

func (l *layerNorm) step(x []float32, _ *Spikes, y []float32) {
	gamma, beta := data(l.gamma.Value), data(l.beta.Value)
	for at := 0; at < len(x); at += l.in {
		row, out := x[at:at+l.in], y[at:at+l.in]
		var mean, square float64
		for _, v := range row {
			mean += float64(v) / float64(l.in)
		}
		for _, v := range row {
			square += (float64(v) - mean) * (float64(v) - mean) / float64(l.in)
		}
		inv := 1 / math.Sqrt(square+1e-5)
		for i, v := range row {
			out[i] = float32((float64(v)-mean)*inv)*gamma[i] + beta[i]
		}
	}
}

func (l *layerNorm) onnx(e *exporting, x onnx.Value) onnx.Value {
	return e.Op("LayerNormalization", onnx.In(x, e.weights(l.gamma), e.weights(l.beta)), onnx.Attribute{Name: "epsilon", Value: float32(1e-5)})
}
