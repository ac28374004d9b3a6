package surrogates

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"neq/cuda/kernels/nets"
	"neq/internal/philox"
	"neq/surrogates/ops"
)

// small networks that reach every op, every activation, dilation, odd widths, windows longer than the episode.
var small = []struct {
	name   string
	spec   Spec
	inputs int
}{
	{"filter", Spec{Family: "filter", Window: 9}, 5},
	{"filter longer than the window", Spec{Family: "filter", Window: 40}, 3},
	{"fcn", Spec{Family: "fcn", Window: 6, Width: 19}, 7},
	{"fcn wide", Spec{Family: "fcn", Window: 4, Width: 150, Activation: "silu"}, 6},
	{"fcn in slices", Spec{Family: "fcn", Window: 3, Width: 48, Activation: "gelu"}, 5},
	{"fcn norm", Spec{Family: "fcn", Window: 5, Width: 8, Activation: "tanh", BatchNorm: true}, 7},
	{"tcn", Spec{Family: "tcn", Depth: 3, Width: 17, Kernels: []int{5, 3, 2}, Activation: "gelu"}, 6},
	{"tcn dilated", Spec{Family: "tcn", Depth: 3, Width: 16, Kernels: []int{3}, Dilations: []int{2, 1, 4}, Activation: "silu"}, 6},
	{"tcn narrow, dilated", Spec{Family: "tcn", Depth: 2, Width: 2, Kernels: []int{4}, Dilations: []int{3, 2}, Activation: "tanh"}, 6},
	{"tcn of one channel", Spec{Family: "tcn", Depth: 3, Width: 1, Kernels: []int{1, 9, 3}, Dilations: []int{1, 1, 2}, Activation: "tanh"}, 6},
	{"tcn norm", Spec{Family: "tcn", Depth: 2, Width: 18, Kernels: []int{4, 3}, Activation: "gelu", BatchNorm: true}, 6},
}

// jitter moves all weights off their special initial values (zero biases, unit norms).
func jitter(n *Network) {
	r := philox.New(7, 0, 9)
	for _, w := range n.weights {
		for i := range data(w.Value) {
			if w.Trainable {
				data(w.Value)[i] += float32(0.3 * r.Normal())
			} else {
				data(w.Value)[i] += float32(0.3 * r.Float64())
			}
		}
	}
}

func open(t *testing.T, spec Spec, inputs, auxiliary int, o GraphOptions) (*Network, *Graph) {
	t.Helper()
	n, err := New(spec, PlainInputs(inputs), auxiliary, 3)
	if err != nil {
		t.Fatal(err)
	}
	jitter(n)
	g, err := n.Graph(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	drawEvents(g.Events(), 0.2, 5)
	return n, g
}

// near allows float32 rounding: eps 6e-8 times the few hundred additions behind a number, on the scale of the largest
// in the tensor.
func near(t *testing.T, what string, got []float32, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	scale := 1e-3
	for _, w := range want {
		scale = math.Max(scale, math.Abs(w))
	}
	for i := range got {
		if !(math.Abs(float64(got[i])-want[i]) <= tolerance*scale) {
			t.Fatalf("%s[%d] = %v, want %v (largest %v)", what, i, got[i], want[i], scale)
		}
	}
}

// where is what a graph runs on: the CPU with an instruction set, or a device.
type where struct {
	name, isa string
	device    *ops.Device
}

// cpus are the instruction sets this machine has.
func cpus(t *testing.T) (all []where) {
	for _, isa := range []string{"avx512", "avx2", "portable"} {
		if _, err := nets.New(isa); err == nil {
			all = append(all, where{name: isa, isa: isa})
		} else {
			t.Logf("not tested: %v", err)
		}
	}
	return all
}

// gradients are the last run's, on the host.
func (w where) gradients(t *testing.T, g *Graph) (all [][]float32) {
	t.Helper()
	for _, d := range g.Gradients() {
		if w.device == nil {
			all = append(all, data(d))
			continue
		}
		v, err := w.device.Read(d)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

func TestDense(t *testing.T) { testDense(t, cpus(t)) }

func testDense(t *testing.T, on []where) {
	for _, w := range on {
		for _, c := range small {
			for _, train := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%s/train=%v", w.name, c.name, train), func(t *testing.T) {
					o := GraphOptions{Batch: 3, Time: 23, BurnIn: 4, Train: train, Threads: 2, isa: w.isa, Device: w.device}
					n, g := open(t, c.spec, c.inputs, 2, o)
					r := newReference(n, o, g)
					r.targets = drawTargets(o.Batch*o.Time, 2, 1)
					r.lossWeight = LossWeights{Spike: 1, Voltage: 0.3, Auxiliary: []float32{0.2, 0.1}}
					want := r.loss()
					got, err := g.Run(r.targets, r.lossWeight)
					if err != nil {
						t.Fatal(err)
					}
					near(t, "loss", []float32{got.Total}, []float64{want}, 1e-5)
					var logit, voltage []float64
					for b := range r.y {
						for _, y := range r.y[b] {
							logit, voltage = append(logit, y[0]), append(voltage, y[1])
						}
					}
					near(t, "logit", g.Logit(), logit, 1e-5)
					near(t, "voltage", g.Voltage(), voltage, 1e-5)
					if err := n.ReadBack(w.device); err != nil {
						t.Fatal(err)
					}
					for w, v := range r.stored {
						near(t, w.Name, data(w.Value), v, 1e-5)
					}
				})
			}
		}
	}
}

// TestGradients compares every gradient with central differences of the float64 dense loss, so that rounding is the
// graph's alone. The step 1e-4 leaves a truncation error near 1e-8; ReLU is left out where a step may cross its corner.
func TestGradients(t *testing.T) { testGradients(t, cpus(t)) }

func testGradients(t *testing.T, on []where) {
	for _, on := range on {
		for _, c := range small {
			t.Run(on.name+"/"+c.name, func(t *testing.T) {
				o := GraphOptions{Batch: 2, Time: 17, BurnIn: 3, Train: true, Threads: 2, isa: on.isa, Device: on.device}
				n, g := open(t, c.spec, c.inputs, 1, o)
				r := newReference(n, o, g)
				r.targets = drawTargets(o.Batch*o.Time, 1, 1)
				r.lossWeight = LossWeights{Spike: 1, Voltage: 0.3, Auxiliary: []float32{0.2}}
				if _, err := g.Run(r.targets, r.lossWeight); err != nil {
					t.Fatal(err)
				}
				grads, at := on.gradients(t, g), 0
				for _, w := range n.weights {
					if !w.Trainable {
						continue
					}
					grad := grads[at]
					at++
					v := r.w[w]
					stride := max(1, len(v)/60) | 1
					var got []float32
					var want []float64
					for i := 0; i < len(v); i += stride {
						const h = 1e-4
						keep := v[i]
						v[i] = keep + h
						up := r.loss()
						v[i] = keep - h
						down := r.loss()
						v[i] = keep
						got, want = append(got, grad[i]), append(want, (up-down)/(2*h))
					}
					near(t, w.Name, got, want, 3e-5)
				}
			})
		}
	}
}

func TestThreadsGiveTheSameBits(t *testing.T) {
	for _, c := range small {
		t.Run(c.name, func(t *testing.T) {
			var want [][]float32
			for _, threads := range []int{1, 2, 3, 8} {
				_, g := open(t, c.spec, c.inputs, 0, GraphOptions{Batch: 3, Time: 700, BurnIn: 20, Train: true, Threads: threads})
				targets := drawTargets(3*700, 0, 1)
				var loss Loss
				var err error
				for range 3 {
					if loss, err = g.Run(targets, LossWeights{Spike: 1, Voltage: 0.5}); err != nil {
						t.Fatal(err)
					}
				}
				got := [][]float32{{loss.Total, loss.Spike, loss.Voltage}, g.Logit(), g.Voltage()}
				for _, d := range g.Gradients() {
					got = append(got, data(d))
				}
				if want == nil {
					want = got
				}
				for i := range got {
					if !slices.Equal(got[i], want[i]) {
						t.Fatalf("%d threads: result %d differs from that of 1 thread", threads, i)
					}
				}
			}
		})
	}
}

// An output depends on its past alone, and with a window's first ReceptiveField()-1 bins cut off, not on where the
// window began.
func TestCausality(t *testing.T) {
	for _, c := range small {
		t.Run(c.name, func(t *testing.T) {
			const T, cut = 90, 31
			n, g := open(t, c.spec, c.inputs, 0, GraphOptions{Batch: 1, Time: T})
			run := func(g *Graph) []float32 {
				if _, err := g.Run(nil, LossWeights{}); err != nil {
					t.Fatal(err)
				}
				return append(slices.Clone(g.Logit()), g.Voltage()...)
			}
			e := g.Events()
			whole := run(g)
			bins, synapses := slices.Clone(e.Bin), slices.Clone(e.Synapse)
			keep := func(dst *Graph, from int32, to int32) {
				d := dst.Events()
				d.Bin, d.Synapse = nil, nil
				for i, b := range bins {
					if b >= from && b < to {
						d.Bin, d.Synapse = append(d.Bin, b-from), append(d.Synapse, synapses[i])
					}
				}
				d.Start[1] = len(d.Bin)
			}
			keep(g, 0, cut)
			past := run(g)
			if !slices.Equal(past[:cut], whole[:cut]) || !slices.Equal(past[T:T+cut], whole[T:T+cut]) {
				t.Error("an output depends on later events")
			}
			if slices.Equal(past[cut:T], whole[cut:T]) {
				t.Error("no output depends on the events")
			}
			late, err := n.Graph(GraphOptions{Batch: 1, Time: T - cut})
			if err != nil {
				t.Fatal(err)
			}
			defer late.Close()
			keep(late, cut, T)
			part, first := run(late), n.ReceptiveField()-1
			if first >= T-cut {
				t.Fatalf("receptive field %d leaves nothing to compare", first+1)
			}
			var want []float64
			for _, v := range whole[cut+first : T] {
				want = append(want, float64(v))
			}
			// The order of a sum depends on the window's start in a dilated layer: rounding, no more.
			near(t, "logit", part[first:T-cut], want, 1e-6)
		})
	}
}

// A batch without events is a network's answer to silence: finite, the same in every bin once the window is past, and
// without a gradient for any synapse.
func TestSilence(t *testing.T) {
	for _, c := range small {
		t.Run(c.name, func(t *testing.T) {
			n, g := open(t, c.spec, c.inputs, 0, GraphOptions{Batch: 2, Time: 60, Train: true})
			e := g.Events()
			e.Bin, e.Synapse = nil, nil
			clear(e.Start)
			l, err := g.Run(drawTargets(120, 0, 1), LossWeights{Spike: 1, Voltage: 1})
			if err != nil {
				t.Fatal(err)
			}
			if math.IsNaN(float64(l.Total)) || math.IsInf(float64(l.Total), 0) {
				t.Errorf("loss %v", l.Total)
			}
			for i, w := range n.Weights() {
				if !w.Synaptic {
					continue
				}
				for _, d := range data(g.Gradients()[i]) {
					if d != 0 {
						t.Fatalf("gradient %v of a synapse without events", d)
					}
				}
			}
			if v := g.Logit(); v[59] != v[119] || v[59] != v[58] {
				t.Errorf("logits %v %v %v in silence", v[58], v[59], v[119])
			}
		})
	}
}
