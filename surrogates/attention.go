package surrogates

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"neq/internal/onnx"
	"neq/surrogates/ops"
)

// attention is causal local attention: queries, keys and values of every ms, a softmax over the span of ms up to it with
// a learned bias per head and lag, and a dense layer of what was attended to (Vaswani et al. 2017; relative positions as
// Raffel et al. 2020). Channels in are channels out.
type attention struct {
	heads, span int

	in                  int
	w, b, bias, out, ob *Weight
}

func (a *attention) plan(in int) (int, error) {
	a.in = in
	if in%a.heads != 0 {
		return 0, fmt.Errorf("attention_heads %d: want a divisor of the width %d", a.heads, in)
	}
	return in, nil
}

func (a *attention) declare(d *declaration) {
	a.w, a.b = d.add("qkv.weight", 1, a.in, 3*a.in), d.add("qkv.bias", 3*a.in)
	a.bias = d.add("lag", a.heads, a.span)
	a.out, a.ob = d.add("out.weight", 1, a.in, a.in), d.add("out.bias", a.in)
	a.bias.Kept = true
	d.uniform(fanIn(a.in), a.w, a.b, a.out, a.ob)
}

func (a *attention) parameters() (synaptic, core int) {
	return 0, 3*a.in*(a.in+1) + a.heads*a.span + a.in*(a.in+1)
}

func (a *attention) build(g *building, x *G.Node) (*G.Node, error) {
	qkv, err := g.ops.Conv(x, g.node(a.w), g.node(a.b), 1)
	if err != nil {
		return nil, err
	}
	y, err := g.ops.Attention(qkv, g.node(a.bias), a.heads, a.span)
	if err != nil {
		return nil, err
	}
	return g.ops.Conv(y, g.node(a.out), g.node(a.ob), 1)
}

func (a *attention) reach() int { return a.span }

func (a *attention) cost(float64) (float64, int) {
	return float64(4*a.in*a.in + 2*a.span*a.in), (a.span-1)*2*a.in + 1
}

func (a *attention) stream(rows int, _ ops.Single) stepper {
	return &attentionStream{a: a, rows: rows, past: make([]float32, rows*(a.span-1)*2*a.in), seen: make([]float32, rows),
		qkv: make([]float32, 3*a.in), score: make([]float64, a.span), sum: make([]float32, a.in)}
}

// attentionStream keeps the keys and values of the ms before, the last first, and how many there have been.
type attentionStream struct {
	a        *attention
	rows     int
	past     []float32 // [rows][span-1][key and value][in]
	seen     []float32 // [rows]
	qkv, sum []float32
	score    []float64
}

func (s *attentionStream) state() []State {
	if s.a.span == 1 {
		return nil
	}
	return []State{{Name: "past", Shape: []int{s.a.span - 1, 2 * s.a.in}, Value: s.past}, {Name: "seen", Shape: []int{1}, Value: s.seen}}
}

func (s *attentionStream) step(x []float32, _ *Spikes, y []float32) {
	a, c := s.a, s.a.in
	for r := range s.rows {
		past := s.past[r*len(s.past)/s.rows : (r+1)*len(s.past)/s.rows]
		product(x[r*c:(r+1)*c], data(a.w.Value), data(a.b.Value), s.qkv)
		s.attend(past, 1+int(min(s.seen[r], float32(a.span-1))))
		if len(past) > 0 {
			copy(past[2*c:], past)
			copy(past, s.qkv[c:])
			s.seen[r] = min(s.seen[r]+1, float32(a.span))
		}
		product(s.sum, data(a.out.Value), data(a.ob.Value), y[r*c:(r+1)*c])
	}
}

// attend sums the values of so many ms, this one first, into sum.
func (s *attentionStream) attend(past []float32, lags int) {
	a, c := s.a, s.a.in
	n := c / a.heads
	clear(s.sum)
	for h := range a.heads {
		kv := func(lag, part int) []float32 { // 0 the key, 1 the value
			if lag == 0 {
				return s.qkv[(1+part)*c+h*n:][:n]
			}
			return past[((lag-1)*2+part)*c+h*n:][:n]
		}
		largest, total := math.Inf(-1), 0.0
		for lag := range lags {
			s.score[lag] = float64(dot(s.qkv[h*n:(h+1)*n], kv(lag, 0)))/math.Sqrt(float64(n)) + float64(data(a.bias.Value)[h*a.span+lag])
			largest = max(largest, s.score[lag])
		}
		for lag := range lags {
			s.score[lag] = math.Exp(s.score[lag] - largest)
			total += s.score[lag]
		}
		for lag := range lags {
			axpy(float32(s.score[lag]/total), kv(lag, 1), s.sum[h*n:(h+1)*n])
		}
	}
}

// product is y = x w + b, w [len(x)][len(y)].
func product(x, w, b, y []float32) {
	copy(y, b)
	for i, v := range x {
		axpy(v, w[i*len(y):(i+1)*len(y)], y)
	}
}

// onnx: a lag beyond the ms seen so far gets no weight.
func (a *attention) onnx(e *exporting, x onnx.Value) onnx.Value {
	c, heads, span := int64(a.in), int64(a.heads), int64(a.span)
	qkv := e.Add(e.MatMul(x, e.weights(a.w, a.in, 3*a.in)), e.weights(a.b))
	part := func(v onnx.Value, axis, i int64) onnx.Value { return e.Slice(v, axis, i*c, (i+1)*c, 1) }
	split := func(v onnx.Value, order ...int64) onnx.Value { // [batch][span][in] by heads
		return e.Op("Transpose", onnx.In(e.Reshape(v, 0, span, heads, c/heads)), onnx.Attribute{Name: "perm", Value: order})
	}
	rows := e.past(e.Slice(qkv, 1, c, onnx.End, 1), a.span, 2*a.in)
	scores := e.MatMul(e.Reshape(part(qkv, 1, 0), 0, heads, 1, c/heads), split(part(rows, 2, 0), 0, 2, 3, 1)) // [batch][heads][1][span]
	scores = e.Add(e.Mul(scores, e.Constant(float32(1/math.Sqrt(float64(a.in/a.heads))))), e.weights(a.bias, a.heads, 1, a.span))
	if a.span > 1 {
		lags := make([]float32, a.span)
		for i := range lags {
			lags[i] = float32(i)
		}
		seen := e.state("seen", "ms so far, at most the span", 1)
		late := e.Op("Greater", onnx.In(e.Weights("lags", lags, 1, 1, 1, a.span), e.Reshape(seen, 0, 1, 1, 1)))
		scores = e.Op("Where", onnx.In(late, e.Constant(-1e30), scores))
		e.next("seen", e.Op("Min", onnx.In(e.Add(seen, e.Constant(1)), e.Constant(float32(a.span)))), 1)
	}
	y := e.MatMul(e.Op("Softmax", onnx.In(scores)), split(part(rows, 2, 1), 0, 2, 1, 3)) // [batch][heads][1][in/heads]
	return e.Add(e.MatMul(e.Reshape(y, 0, c), e.weights(a.out, a.in, a.in)), e.weights(a.ob))
}
