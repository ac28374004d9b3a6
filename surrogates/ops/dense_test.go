package ops

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// normals are inputs drawn from the normal distribution.
func normals(shapes ...[]int) (in []operandCase) {
	for i, s := range shapes {
		in = append(in, operandCase{fmt.Sprint("in", i), s, 0, 1})
	}
	return in
}

func addCase() opCase {
	return opCase{name: "add, one of them twice", inputs: normals([]int{2, 9, 5}, []int{2, 9, 5}), build: func(b *Builder, in []*G.Node) (*G.Node, error) {
		x, err := b.Activation("silu", in[0])
		if err != nil {
			return nil, err
		}
		y, err := b.Activation("tanh", in[1])
		if err == nil {
			y, err = b.Add(x, y)
		}
		if err != nil {
			return nil, err
		}
		return b.Add(y, x)
	}, value: func(in [][]float64) []float64 {
		y := make([]float64, len(in[0]))
		for i, x := range in[0] {
			y[i] = 2*x*sigmoid(x) + math.Tanh(in[1][i])
		}
		return y
	}}
}

func depthwiseCase(batch, time, channels, taps, dilation int) opCase {
	return opCase{fmt.Sprintf("depthwise %dx%dx%d, %d taps, dilation %d", batch, time, channels, taps, dilation),
		normals([]int{batch, time, channels}, []int{taps, channels}, []int{channels}), func(b *Builder, in []*G.Node) (*G.Node, error) {
			return b.DepthwiseConv(in[0], in[1], in[2], dilation)
		}, func(in [][]float64) []float64 {
			y := make([]float64, len(in[0]))
			for row := range batch * time {
				for c := range channels {
					y[row*channels+c] = in[2][c]
					for k := 0; k < taps && k*dilation <= row%time; k++ {
						y[row*channels+c] += in[1][k*channels+c] * in[0][(row-k*dilation)*channels+c]
					}
				}
			}
			return y
		}, nil}
}

func layerNormCase(batch, time, channels int) opCase {
	return opCase{fmt.Sprintf("layer norm %dx%dx%d", batch, time, channels),
		normals([]int{batch, time, channels}, []int{channels}, []int{channels}), func(b *Builder, in []*G.Node) (*G.Node, error) {
			return b.LayerNorm(in[0], in[1], in[2])
		}, func(in [][]float64) []float64 {
			y := make([]float64, len(in[0]))
			for at := 0; at < len(y); at += channels {
				x, mean, variance := in[0][at:at+channels], 0.0, 0.0
				for _, v := range x {
					mean += v / float64(channels)
				}
				for _, v := range x {
					variance += (v - mean) * (v - mean) / float64(channels)
				}
				for c, v := range x {
					y[at+c] = (v-mean)/math.Sqrt(variance+1e-5)*in[1][c] + in[2][c]
				}
			}
			return y
		}, nil}
}

// softmax is that of x, in place.
func softmax(x []float64) {
	most, sum := math.Inf(-1), 0.0
	for _, v := range x {
		most = max(most, v)
	}
	for i := range x {
		x[i] = math.Exp(x[i] - most)
		sum += x[i]
	}
	for i := range x {
		x[i] /= sum
	}
}

func attentionCase(batch, time, heads, width, span int, bias bool) opCase {
	shapes := [][]int{{batch, time, 3 * heads * width}}
	if bias {
		shapes = append(shapes, []int{heads, span})
	}
	return opCase{fmt.Sprintf("attention %dx%d, %d heads of %d, span %d, bias %v", batch, time, heads, width, span, bias), normals(shapes...),
		func(b *Builder, in []*G.Node) (*G.Node, error) {
			return b.Attention(in[0], append(in, nil)[1], heads, span)
		}, func(in [][]float64) []float64 {
			c := heads * width
			y := make([]float64, batch*time*c)
			for row := range batch * time {
				for h := range heads {
					at := func(row, part int) []float64 { return in[0][(row*3+part)*c+h*width:][:width] }
					p := make([]float64, min(span, row%time+1))
					for l := range p {
						for d, q := range at(row, 0) {
							p[l] += q * at(row-l, 1)[d] / math.Sqrt(float64(width))
						}
						if bias {
							p[l] += in[1][h*span+l]
						}
					}
					softmax(p)
					for l, weight := range p {
						for d, v := range at(row-l, 2) {
							y[row*c+h*width+d] += weight * v
						}
					}
				}
			}
			return y
		}, nil}
}

// topOf are the top experts of logits, the lower index where they tie.
func topOf(logits []float64, top int) (chosen []int) {
	for range top {
		best := -1
		for e := range logits {
			taken := false
			for _, c := range chosen {
				taken = taken || c == e
			}
			if !taken && (best < 0 || logits[e] > logits[best]) {
				best = e
			}
		}
		chosen = append(chosen, best)
	}
	return chosen
}

func moeCase(batch, time, channels, hidden, experts, top int, act string, balance float64) opCase {
	rows := batch * time
	logits := func(in [][]float64, row int) []float64 {
		l := make([]float64, experts)
		for e := range l {
			for c := range channels {
				l[e] += in[0][row*channels+c] * in[1][c*experts+e]
			}
		}
		return l
	}
	f := map[string]func(float64) float64{"relu": func(x float64) float64 { return max(x, 0) }, "tanh": math.Tanh,
		"silu": func(x float64) float64 { return x * sigmoid(x) }}[act]
	return opCase{fmt.Sprintf("%d of %d experts of %d, %dx%dx%d, balance %v", top, experts, hidden, batch, time, channels, balance),
		normals([]int{batch, time, channels}, []int{channels, experts}, []int{experts, channels, hidden}, []int{experts, hidden}, []int{experts, hidden, channels}, []int{experts, channels}),
		func(b *Builder, in []*G.Node) (*G.Node, error) {
			return b.MoE(in[0], in[1], in[2], in[3], in[4], in[5], Experts{Top: top, Activation: act, Balance: balance})
		}, func(in [][]float64) []float64 {
			y := make([]float64, rows*channels)
			for row := range rows {
				l := logits(in, row)
				chosen := topOf(l, top)
				gates := make([]float64, top)
				for s, e := range chosen {
					gates[s] = l[e]
				}
				softmax(gates)
				for s, e := range chosen {
					for o := range channels {
						y[row*channels+o] += gates[s] * in[5][e*channels+o]
					}
					for h := range hidden {
						z := in[3][e*hidden+h]
						for c := range channels {
							z += in[0][row*channels+c] * in[2][(e*channels+c)*hidden+h]
						}
						for o := range channels {
							y[row*channels+o] += gates[s] * f(z) * in[4][(e*hidden+h)*channels+o]
						}
					}
				}
			}
			return y
		}, func(in [][]float64) float64 { // Fedus et al. 2021, equations 4 to 6
			share, mean := make([]float64, experts), make([]float64, experts)
			for row := range rows {
				l := logits(in, row)
				for _, e := range topOf(l, top) {
					share[e] += 1 / float64(rows*top)
				}
				softmax(l)
				for e, p := range l {
					mean[e] += p / float64(rows)
				}
			}
			sum := 0.0
			for e := range share {
				sum += share[e] * mean[e]
			}
			return balance * float64(experts) * sum
		}}
}

// synapsesCase is the weights of synapses by their features, which have no gradient: a first input holds them.
func synapsesCase(inputs, features, hidden int, shape ...int) opCase {
	k := tensor.Shape(shape).TotalSize() / inputs
	known := make([]float32, inputs*features)
	for i := range known {
		known[i] = float32(math.Sin(float64(i)))
	}
	return opCase{name: fmt.Sprintf("shared synapses %v by %d features", shape, features),
		inputs: normals([]int{features, hidden}, []int{hidden}, []int{hidden, k}, []int{k}), build: func(b *Builder, in []*G.Node) (*G.Node, error) {
			t := tensor.New(tensor.WithShape(inputs, features), tensor.WithBacking(slices.Clone(known)))
			if b.device != nil {
				r, err := b.device.tensor(t.Shape())
				if err != nil {
					return nil, err
				}
				b.held = append(b.held, r)
				if err := r.buf.Write(b.device.queue, known); err != nil {
					return nil, err
				}
				t = r.value
			}
			f := G.NewTensor(in[0].Graph(), tensor.Float32, 2, G.WithShape(inputs, features), G.WithName("features"), G.WithValue(t))
			return b.SharedSynapses(f, in[0], in[1], in[2], in[3], shape...)
		}, value: func(in [][]float64) []float64 {
			y := make([]float64, inputs*k)
			for i := range inputs {
				for m := range hidden {
					z := in[1][m]
					for f := range features {
						z += float64(known[i*features+f]) * in[0][f*hidden+m]
					}
					for j := range k {
						y[i*k+j] += math.Tanh(z) * in[2][m*k+j]
					}
				}
				for j := range k {
					y[i*k+j] += in[3][j]
				}
			}
			return y
		}}
}

func denseCases() []opCase {
	return []opCase{
		addCase(),
		depthwiseCase(2, 23, 17, 5, 1), depthwiseCase(1, 9, 3, 12, 2), depthwiseCase(2, 300, 32, 11, 3), depthwiseCase(1, 270, 1, 2, 200),
		layerNormCase(2, 7, 37), layerNormCase(1, 300, 16), layerNormCase(1, 5, 3),
		attentionCase(2, 37, 2, 8, 5, true), attentionCase(1, 50, 3, 5, 13, true), attentionCase(2, 12, 1, 16, 40, true),
		attentionCase(1, 20, 2, 3, 8, false), attentionCase(1, 1, 1, 1, 1, true), attentionCase(1, 33, 4, 11, 33, false), attentionCase(1, 70, 1, 33, 66, true),
		moeCase(2, 9, 6, 11, 4, 2, "silu", 0), moeCase(1, 40, 5, 16, 7, 1, "tanh", 0.5), moeCase(1, 12, 3, 4, 3, 3, "silu", 0.2),
		moeCase(1, 270, 4, 3, 2, 1, "tanh", 3), moeCase(1, 3, 1, 1, 5, 2, "tanh", 0.1), moeCase(1, 4, 3, 2, 1, 1, "silu", 1), moeCase(1, 40, 3, 2, 70, 2, "silu", 0.3),
		synapsesCase(21, 5, 7, 21, 3, 4), synapsesCase(600, 3, 16, 600), synapsesCase(1, 1, 1, 1, 1, 1),
	}
}

func TestDenseOps(t *testing.T) {
	var on []opRun
	for _, r := range cpus(t, 0) {
		if r.threads == 2 {
			on = append(on, r)
		}
	}
	for _, c := range denseCases() {
		c.test(t, on)
	}
}

func TestDenseOpsOnAnyThreads(t *testing.T) {
	for _, c := range denseCases() {
		in := c.draw()
		dy := make([]float32, len(c.value(wide(in))))
		for i := range dy {
			dy[i] = float32(i%7) - 3
		}
		y, grads := opRun{threads: 1}.run(t, c, in, dy)
		for _, threads := range []int{2, 5} {
			y2, grads2 := opRun{threads: threads}.run(t, c, in, dy)
			if !slices.Equal(y, y2) {
				t.Errorf("%s: %d threads give other outputs", c.name, threads)
			}
			for i := range grads {
				if !slices.Equal(grads[i], grads2[i]) {
					t.Errorf("%s: %d threads give another gradient of %s", c.name, threads, c.inputs[i].name)
				}
			}
		}
	}
}

// Rows whose experts tie go to the lower ones, in order.
func TestExpertsTie(t *testing.T) {
	c := moeCase(1, 6, 3, 4, 5, 2, "silu", 0)
	in := c.draw()
	clear(in[1])
	want := c.value(wide(in))
	y, grads := opRun{threads: 1}.run(t, c, in, in[0])
	alike(t, "output", y, want, 2e-6)
	for i, d := range grads[2] { // of the first layers' weights
		if e := i / 12; e >= 2 && d != 0 {
			t.Fatalf("expert %d was chosen before one of the same logit and lower index", e)
		}
	}
}

func TestDenseOpsRefused(t *testing.T) {
	b := builder(t)
	g := G.NewGraph()
	n := func(s ...int) *G.Node {
		return G.NewTensor(g, tensor.Float32, len(s), G.WithShape(s...), G.WithName(fmt.Sprint(s)))
	}
	x := n(2, 5, 6)
	experts := func(o Experts, router ...int) error {
		_, err := b.MoE(x, n(router...), n(4, 6, 3), n(4, 3), n(4, 3, 6), n(4, 6), o)
		return err
	}
	err := func(_ *G.Node, err error) error { return err }
	for what, c := range map[string]struct {
		err  error
		want string
	}{
		"sum of unlike shapes":      {err(b.Add(x, n(2, 5, 7))), "one shape"},
		"depthwise taps":            {err(b.DepthwiseConv(x, n(3, 5), n(6), 1)), "depthwise convolution"},
		"depthwise dilation":        {err(b.DepthwiseConv(x, n(3, 6), n(6), 0)), "dilation 0"},
		"scale of a layer norm":     {err(b.LayerNorm(x, n(5), n(6))), "layer norm"},
		"heads that do not fit":     {err(b.Attention(x, nil, 4, 3)), "a multiple of the heads"},
		"no heads":                  {err(b.Attention(x, nil, 0, 3)), "by 0 heads"},
		"bias of another span":      {err(b.Attention(x, n(2, 4), 2, 3)), "bias (2, 4)"},
		"too many chosen":           {experts(Experts{Top: 5, Activation: "relu"}, 6, 4), "want 1 to all"},
		"router of other inputs":    {experts(Experts{Top: 1, Activation: "relu"}, 5, 4), "router (5, 4)"},
		"no activation":             {experts(Experts{Top: 1}, 6, 4), "want relu, gelu, silu or tanh"},
		"features of another width": {err(b.SharedSynapses(n(9, 4), n(3, 5), n(5), n(5, 2), n(2), 9, 2, 1)), "features (9, 4)"},
		"too many shared weights":   {err(b.SharedSynapses(n(9, 4), n(4, 5), n(5), n(5, 2), n(2), 9, 3)), "9 inputs of 2 weights are 18 numbers"},
		"balance NaN":               {experts(Experts{Top: 1, Activation: "relu", Balance: math.NaN()}, 6, 4), "balance NaN"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", what, c.err, c.want)
		}
	}
}
