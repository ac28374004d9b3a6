//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package gpu

import (
	"fmt"
	"math"
	"testing"

	"gorgonia.org/tensor"

	"neq/cuda/driver"
	"neq/internal/philox"
	"neq/surrogates"
	"neq/surrogates/ops"
)

// openOps is the first GPU for graphs; a test without one skips.
func openOps(t testing.TB, o ops.DeviceOptions) *ops.Device {
	t.Helper()
	c, err := driver.Open(t.Context(), 0)
	if err != nil {
		t.Skipf("needs a GPU: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	d, err := ops.OpenDevice(c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// training is a network with a batch of random events and targets, and its solver.
type training struct {
	network *surrogates.Network
	graph   *surrogates.Graph
	solver  *ops.Solver
	targets *surrogates.Targets
	params  []*tensor.Dense
}

// network is what is trained; the first three are those of bench/step_torch.py.
type network struct {
	name        string
	spec        surrogates.Spec
	inputs      int
	batch, time int
	density     float64 // events per input and ms
}

var networks = []network{
	{"fcn", surrogates.Spec{Family: "fcn", Window: 43, Width: 128}, 1278, 8, 400, 0.011},
	{"filter", surrogates.Spec{Family: "filter", Window: 80}, 100, 16, 400, 0.003},
	{"tcn", surrogates.Spec{Family: "tcn", Depth: 7, Width: 128, Kernels: []int{54, 12, 12, 12, 12, 12, 12}, BatchNorm: true}, 1278, 8, 400, 0.011},
}

var small = []network{
	{"fcn", surrogates.Spec{Family: "fcn", Window: 20, Width: 16}, 50, 3, 90, 0.02},
	{"filter", surrogates.Spec{Family: "filter", Window: 30}, 50, 3, 90, 0.02},
	{"tcn", surrogates.Spec{Family: "tcn", Depth: 3, Width: 16, Kernels: []int{10, 4, 4}, BatchNorm: true}, 50, 3, 90, 0.02},
	{"tcn dilated", surrogates.Spec{Family: "tcn", Depth: 3, Width: 17, Kernels: []int{3}, Dilations: []int{2, 1, 4}, Activation: "gelu"}, 50, 3, 90, 0.02},
	{"tcn of one channel", surrogates.Spec{Family: "tcn", Depth: 2, Width: 1, Kernels: []int{1, 20}, Activation: "tanh"}, 50, 3, 90, 0.02},
	{"fcn silu", surrogates.Spec{Family: "fcn", Window: 20, Width: 5, Activation: "silu"}, 50, 3, 90, 0.02},
}

// train builds it on a device, nil for the CPU. All that is random comes from its own seeds, the same on each.
func train(t testing.TB, n network, d *ops.Device, p ops.Precision) *training {
	t.Helper()
	x := &training{}
	var err error
	if x.network, err = surrogates.New(n.spec, surrogates.PlainInputs(n.inputs), 0, 1); err != nil {
		t.Fatal(err)
	}
	if x.graph, err = x.network.Graph(surrogates.GraphOptions{Batch: n.batch, Time: n.time, Train: true, Device: d, Precision: p}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.graph.Close() })
	if x.solver, err = ops.NewSolver("adam", ops.SolverOptions{Device: d}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.solver.Close() })
	e, r := x.graph.Events(), philox.New(1, 0, 1)
	e.Bin, e.Synapse = e.Bin[:0], e.Synapse[:0]
	for b := range n.batch {
		for s := range n.inputs {
			for k := range n.time {
				if r.Float64() < n.density {
					e.Bin, e.Synapse = append(e.Bin, int32(k)), append(e.Synapse, int32(s))
				}
			}
		}
		e.Start[b+1] = len(e.Bin)
	}
	x.targets = &surrogates.Targets{Spike: make([]float32, n.batch*n.time), Voltage: make([]float32, n.batch*n.time)}
	for i := range x.targets.Spike {
		if r.Float64() < 0.01 {
			x.targets.Spike[i] = 1
		}
		x.targets.Voltage[i] = float32(r.Normal())
	}
	for _, w := range x.network.Weights() {
		if w.Trainable {
			x.params = append(x.params, w.Value)
		}
	}
	return x
}

// step queues one training step.
func (x *training) step(t testing.TB) {
	t.Helper()
	if err := x.graph.Queue(x.targets, surrogates.LossWeights{Spike: 1, Voltage: 0.02}); err != nil {
		t.Fatal(err)
	}
	if err := x.solver.Step(x.params, x.graph.Gradients(), 1e-4); err != nil {
		t.Fatal(err)
	}
}

// loss waits for the last step.
func (x *training) loss(t testing.TB) float64 {
	t.Helper()
	l, err := x.graph.Result()
	if err != nil {
		t.Fatal(err)
	}
	return float64(l.Total)
}

// TestGPUGradientsAreTheCPUs: within 1e-4 of the gradient's own norm, tensor by tensor, in float32.
func TestGPUGradientsAreTheCPUs(t *testing.T) {
	for _, blas := range []bool{true, false} {
		for _, n := range small {
			t.Run(fmt.Sprintf("%s/blas=%v", n.name, blas), func(t *testing.T) {
				d := openOps(t, ops.DeviceOptions{NoBLAS: !blas})
				t.Log(d.Name())
				got, want := train(t, n, d, ops.Float32), train(t, n, nil, ops.Float32)
				for _, x := range []*training{got, want} {
					if err := x.graph.Queue(x.targets, surrogates.LossWeights{Spike: 1, Voltage: 0.02}); err != nil {
						t.Fatal(err)
					}
				}
				a, b := got.loss(t), want.loss(t)
				if !(math.Abs(a-b) <= 1e-5*math.Abs(b)) {
					t.Errorf("loss %g on the GPU, %g on the CPU", a, b)
				}
				for i, w := range want.graph.Gradients() {
					g, err := d.Read(got.graph.Gradients()[i])
					if err != nil {
						t.Fatal(err)
					}
					norm, off := 0.0, 0.0
					for j, v := range w.Data().([]float32) {
						norm += float64(v) * float64(v)
						off += (float64(g[j]) - float64(v)) * (float64(g[j]) - float64(v))
					}
					// Where batch norm follows, a bias has no gradient but rounding.
					if !(math.Sqrt(off) <= 1e-4*math.Sqrt(norm)+1e-7) {
						t.Errorf("gradient %d: %g away, its norm is %g", i, math.Sqrt(off), math.Sqrt(norm))
					}
				}
			})
		}
	}
}

// TestGPUTrainsAsTheCPU: 40 steps of Adam lead to the same loss to 1 %, and to a lower one.
func TestGPUTrainsAsTheCPU(t *testing.T) {
	steps := 40
	if testing.Short() {
		steps = 8
	}
	for _, o := range []struct {
		p  ops.Precision
		by ops.DeviceOptions
	}{{ops.Float32, ops.DeviceOptions{}}, {ops.Float32, ops.DeviceOptions{NoGraphs: true}}, {ops.TF32, ops.DeviceOptions{}},
		{ops.TF32, ops.DeviceOptions{NoBLAS: true}}, {ops.BF16, ops.DeviceOptions{}}, {ops.BF16, ops.DeviceOptions{NoBLAS: true}}} {
		for _, n := range small {
			if o.p != ops.Float32 && n.spec.Family != "tcn" { // no dense layer, nothing rounded
				continue
			}
			t.Run(fmt.Sprintf("%s/%v/blas=%v/graphs=%v", n.name, o.p, !o.by.NoBLAS, !o.by.NoGraphs), func(t *testing.T) {
				got, want := train(t, n, openOps(t, o.by), o.p), train(t, n, nil, ops.Float32)
				var first, last [2]float64
				for i := range steps {
					for k, x := range []*training{got, want} {
						x.step(t)
						last[k] = x.loss(t)
						if i == 0 {
							first[k] = last[k]
						}
					}
				}
				t.Logf("loss %g to %g on the GPU, %g to %g on the CPU", first[0], last[0], first[1], last[1])
				if !(math.Abs(last[0]-last[1]) <= 0.01*last[1]) || last[0] >= first[0] {
					t.Error("they did not train alike")
				}
			})
		}
	}
}

// BenchmarkGPUStep is one training step, forward, backward and Adam; step_torch_cuda.py is PyTorch's, whose inputs lie on
// the GPU too. Steps are queued as in training, with a wait for the loss every 50: on windows gathered from episodes on
// the GPU, and on a batch that the host sorts and sends every time.
func BenchmarkGPUStep(b *testing.B) {
	list := networks
	if testing.Short() {
		list = small
	}
	for _, n := range list {
		for i, precision := range []string{"fp32", "tf32", "bf16"} {
			for _, how := range []string{"gathered", "sent"} {
				b.Run(n.name+"/"+precision+"/"+how, func(b *testing.B) {
					x := train(b, n, openOps(b, ops.DeviceOptions{}), ops.Precision(i))
					step := func() { x.step(b) }
					if how == "gathered" {
						step = x.gathered(b, n)
					}
					for range 5 {
						step()
					}
					x.loss(b)
					i := 0
					for b.Loop() {
						step()
						if i++; i%50 == 0 {
							x.loss(b)
						}
					}
					x.loss(b)
					b.ReportMetric(float64(n.batch*n.time)/1000*float64(b.N)/b.Elapsed().Seconds(), "bio-s/s")
				})
			}
		}
	}
}

// gathered puts episodes on the GPU, and is a step on windows of them.
func (x *training) gathered(t testing.TB, n network) func() {
	t.Helper()
	const episodes = 16
	data := drawEpisodes(n, episodes, 3*n.time)
	if err := data.reside(x.graph); err != nil {
		t.Fatal(err)
	}
	r, list := philox.New(10, 0, 1), make([]ops.Window, n.batch)
	return func() {
		data.draw(r, list, n.time)
		if err := x.graph.QueueWindows(list, surrogates.LossWeights{Spike: 1, Voltage: 0.02}); err != nil {
			t.Fatal(err)
		}
		if err := x.solver.Step(x.params, x.graph.Gradients(), 1e-4); err != nil {
			t.Fatal(err)
		}
	}
}
