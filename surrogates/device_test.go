//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package surrogates

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"neq/cuda/driver"
	"neq/cuda/driver/fake"
	"neq/surrogates/ops"
)

var lab fake.Lab

func TestMain(m *testing.M) {
	os.Exit(lab.Main(m, fake.Source{Name: "nets", File: "../cuda/kernels/nets/nets.cu", Before: "#pragma GCC optimize(\"O2\")\n#define NETS_TWIN\n"}))
}

// gpu opens the fake GPU.
func gpu(t *testing.T, o ops.DeviceOptions) where {
	t.Helper()
	c, err := driver.Open(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	d, err := ops.OpenDevice(c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if bytes, n := c.Held(); n > 0 && c.Lost() == nil {
			t.Errorf("%d buffers of %d bytes are left on the device", n, bytes)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return where{name: "gpu", device: d}
}

// Every case of the CPU's bodies runs on the GPU's.
func TestDenseOnGPU(t *testing.T) {
	if lab.Within(t, "", false) {
		testDense(t, []where{gpu(t, ops.DeviceOptions{})})
	}
}

func TestDenseOnGPUWithBLAS(t *testing.T) {
	if lab.Within(t, "", true) {
		testDense(t, []where{gpu(t, ops.DeviceOptions{})})
	}
}

func TestGradientsOnGPU(t *testing.T) {
	if lab.Within(t, "", false) {
		testGradients(t, []where{gpu(t, ops.DeviceOptions{})})
	}
}

func TestGradientsOnGPUWithBLAS(t *testing.T) {
	if lab.Within(t, "", true) {
		testGradients(t, []where{gpu(t, ops.DeviceOptions{})})
	}
}

func TestTrajectoryOnGPU(t *testing.T) {
	if lab.Within(t, "", false) {
		testTrajectory(t, gpu(t, ops.DeviceOptions{}))
	}
}

// train makes steps on new events each, without waiting between them, and returns the last loss.
func train(t *testing.T, n *Network, g *Graph, s *ops.Solver, auxiliary, steps int) Loss {
	t.Helper()
	e := g.Events()
	for i := range steps {
		drawEvents(e, 0.02*float64(1+i%7), uint64(i)) // few events and many: buffers grow and shrink
		weights := LossWeights{Spike: 1, Voltage: 0.3 / float32(1+i), Auxiliary: make([]float32, auxiliary)}
		for j := range weights.Auxiliary {
			weights.Auxiliary[j] = 0.1
		}
		if err := g.Queue(drawTargets(e.Batch*e.Time, auxiliary, uint64(i)), weights); err != nil {
			t.Fatal(err)
		}
		if err := s.Step(trainable(n), g.Gradients(), 0.003); err != nil {
			t.Fatal(err)
		}
	}
	l, err := g.Result()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func solver(t *testing.T, n *Network, o ops.SolverOptions) *ops.Solver {
	t.Helper()
	for _, w := range n.weights {
		if w.Trainable {
			o.Names = append(o.Names, w.Name)
		}
	}
	s, err := ops.NewSolver("nadam", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Twenty steps that nothing waits for give the CPU's loss and weights, and the same bits in any order of the blocks and
// threads. The bound: Adam divides by the root of the squared gradient, so a gradient near zero that rounds otherwise
// may take another step; 20 steps of 0.003 are a path of 0.06, of which 2 % is left.
func TestTrainingOnGPU(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	for _, c := range small {
		if !slices.Contains([]string{"filter", "fcn in slices", "fcn norm", "tcn dilated", "tcn norm"}, c.name) { // for time
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			o := GraphOptions{Batch: 3, Time: 41, BurnIn: 6, Train: true, Threads: 2}
			run := func(on where, steps int) (Loss, LossSum, [][]float32) {
				o.Device = on.device
				n, g := open(t, c.spec, c.inputs, 1, o)
				s := solver(t, n, ops.SolverOptions{ClipNorm: 0.5, Device: on.device})
				l := train(t, n, g, s, 1, steps)
				sum, err := g.Losses()
				if err != nil {
					t.Fatal(err)
				}
				norms, err := s.GradientNorms()
				if err != nil {
					t.Fatal(err)
				}
				sum.Auxiliary = append(slices.Clone(sum.Auxiliary), norms) // compared with the rest
				if again, err := g.Losses(); err != nil || again.Steps != 0 || again.Total != 0 {
					t.Errorf("losses told twice: %v, %v", again, err)
				}
				if again, err := s.GradientNorms(); err != nil || again != 0 {
					t.Errorf("norms told twice: %v, %v", again, err)
				}
				if err := n.ReadBack(on.device); err != nil {
					t.Fatal(err)
				}
				var ws [][]float32
				for _, w := range n.weights {
					ws = append(ws, slices.Clone(data(w.Value)))
				}
				l.Auxiliary = slices.Clone(l.Auxiliary)
				return l, sum, ws
			}
			want, sum, weights := run(where{}, 20)
			on := gpu(t, ops.DeviceOptions{})
			got, sumGPU, onGPU := run(on, 20)
			near(t, "loss", []float32{got.Total, got.Spike, got.Voltage, got.Auxiliary[0]},
				[]float64{float64(want.Total), float64(want.Spike), float64(want.Voltage), float64(want.Auxiliary[0])}, 1e-4)
			near(t, "sums", []float32{float32(sumGPU.Total), float32(sumGPU.Spike), float32(sumGPU.Voltage), float32(sumGPU.Auxiliary[0]), float32(sumGPU.Auxiliary[1])},
				[]float64{sum.Total, sum.Spike, sum.Voltage, sum.Auxiliary[0], sum.Auxiliary[1]}, 1e-4)
			if sum.Steps != 20 || sumGPU.Steps != 20 {
				t.Errorf("sums of %d and %d steps, want 20", sum.Steps, sumGPU.Steps)
			}
			worst := 0.0
			for i, w := range weights {
				for j, x := range w {
					worst = max(worst, math.Abs(float64(onGPU[i][j]-x)))
				}
			}
			if worst > 1.2e-3 {
				t.Errorf("a weight is %g from the CPU's", worst)
			}
			t.Logf("weights within %.2g of the CPU's", worst)
			_, _, short := run(on, 3)
			t.Setenv("NETS_TWIN_ORDER", "reverse")
			_, _, again := run(on, 3)
			for i := range again {
				if !slices.Equal(again[i], short[i]) {
					t.Fatalf("weights %d depend on the order of blocks and threads: a barrier is missing", i)
				}
			}
		})
	}
}

// A training and an inference graph of one network share its weights on the device.
func TestGraphsShareWeightsOnGPU(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	on := gpu(t, ops.DeviceOptions{})
	c := small[6]
	n, g := open(t, c.spec, c.inputs, 0, GraphOptions{Batch: 2, Time: 30, Train: true, Device: on.device})
	p, err := n.Graph(GraphOptions{Batch: 2, Time: 30, Device: on.device})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	drawEvents(p.Events(), 0.1, 3)
	outputs := func(p *Graph) []float32 {
		if _, err := p.Run(nil, LossWeights{}); err != nil {
			t.Fatal(err)
		}
		return slices.Clone(p.Logit())
	}
	before, host := outputs(p), slices.Clone(data(n.headW.Value))
	train(t, n, g, solver(t, n, ops.SolverOptions{Device: on.device}), 0, 3)
	after := outputs(p)
	if slices.Equal(before, after) {
		t.Error("training did not move the other graph's outputs")
	}
	if !slices.Equal(host, data(n.headW.Value)) {
		t.Error("the host's weights moved without a ReadBack")
	}
	if err := n.ReadBack(on.device); err != nil {
		t.Fatal(err)
	}
	cpu, err := n.Graph(GraphOptions{Batch: 2, Time: 30})
	if err != nil {
		t.Fatal(err)
	}
	defer cpu.Close()
	drawEvents(cpu.Events(), 0.1, 3)
	var want []float64
	for _, v := range outputs(cpu) {
		want = append(want, float64(v))
	}
	near(t, "logit", after, want, 1e-5)
	copy(data(n.headW.Value), make([]float32, len(host)))
	if err := n.Upload(on.device); err != nil {
		t.Fatal(err)
	}
	for _, v := range outputs(p) {
		if v != data(n.headB.Value)[0] {
			t.Fatalf("logit %v with head weights of zero, want the bias %v", v, data(n.headB.Value)[0])
		}
	}
}

func TestOutOfMemoryOnGPU(t *testing.T) {
	for _, memory := range []int{20_000, 200_000, 1_000_000, 4_000_000} { // the weights, the scratch, the outputs
		t.Run(fmt.Sprint(memory), func(t *testing.T) {
			if !lab.Within(t, fmt.Sprintf("memory=%d", memory), false) {
				return
			}
			on := gpu(t, ops.DeviceOptions{})
			n, err := New(Spec{Family: "tcn", Depth: 3, Width: 16, Kernels: []int{5}, BatchNorm: true}, PlainInputs(50), 0, 1)
			if err != nil {
				t.Fatal(err)
			}
			g, err := n.Graph(GraphOptions{Batch: 8, Time: 2000, Train: true, Device: on.device})
			if err == nil { // what is left is the batch itself
				defer g.Close()
				drawEvents(g.Events(), 0.1, 1)
				err = g.Queue(drawTargets(16000, 0, 1), LossWeights{Spike: 1})
			}
			if !errors.Is(err, driver.OutOfMemory) || !strings.Contains(err.Error(), "use a smaller batch") || strings.Contains(err.Error(), "\n") {
				t.Fatalf("a graph that does not fit: %v", err)
			}
			if memory < 1_000_000 {
				return
			}
			small, err := n.Graph(GraphOptions{Batch: 2, Time: 100, Train: true, Device: on.device}) // all was given back
			if err != nil {
				t.Fatal(err)
			}
			defer small.Close()
			if l := train(t, n, small, solver(t, n, ops.SolverOptions{Device: on.device}), 0, 2); !(l.Total > 0) {
				t.Errorf("loss %v", l.Total)
			}
		})
	}
}

// A step is few launches: a layer of events 3, a dense one 4, an activation 2, a norm 5, heads 4, the loss 2, the solver 2.
func TestLaunchesOnGPU(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	for _, c := range []struct {
		spec Spec
		most int
	}{
		{Spec{Family: "fcn", Window: 6, Width: 19}, 13},
		{Spec{Family: "tcn", Depth: 7, Width: 8, Kernels: []int{3}}, 13 + 6*6},
		{Spec{Family: "tcn", Depth: 7, Width: 8, Kernels: []int{3}, BatchNorm: true}, 13 + 6*6 + 7*5},
	} {
		on := gpu(t, ops.DeviceOptions{})
		n, g := open(t, c.spec, 5, 0, GraphOptions{Batch: 2, Time: 30, Train: true, Device: on.device})
		s := solver(t, n, ops.SolverOptions{ClipNorm: 1, Device: on.device})
		train(t, n, g, s, 0, 1)
		before := on.device.Launches()
		train(t, n, g, s, 0, 1)
		if made := on.device.Launches() - before; made > c.most {
			t.Errorf("%s: %d launches a step, want at most %d", c.spec.Title(), made, c.most)
		}
	}
}

// A GPU that is lost in the middle says so in one sentence wherever it shows; weights and solver state stay those of
// the last ReadBack, and training goes on from them elsewhere.
func TestLostGPU(t *testing.T) {
	for _, at := range []int{700, 1100, 1500} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			if !lab.Within(t, fmt.Sprintf("lost=%d", at), false) {
				return
			}
			on := gpu(t, ops.DeviceOptions{})
			n, g := open(t, small[6].spec, small[6].inputs, 0, GraphOptions{Batch: 2, Time: 30, Train: true, Device: on.device})
			s := solver(t, n, ops.SolverOptions{Device: on.device, ClipNorm: 1})
			var saved, state [][]float32
			keep := func() error {
				if err := n.ReadBack(on.device); err != nil {
					return err
				}
				saved = nil
				for _, w := range n.weights {
					saved = append(saved, slices.Clone(data(w.Value)))
				}
				if err := s.ReadBack(); err != nil {
					return err
				}
				state = nil
				for _, x := range s.State() {
					state = append(state, slices.Clone(data(x.Value)))
				}
				return nil
			}
			var err error
			targets := drawTargets(60, 0, 1)
			for i := 0; err == nil && i < 1000; i++ {
				if _, err = g.Run(targets, LossWeights{Spike: 1, Voltage: 1}); err == nil {
					err = s.Step(trainable(n), g.Gradients(), 0.01)
				}
				if err == nil && i%3 == 0 {
					err = keep()
				}
			}
			if !errors.Is(err, driver.DeviceLost) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "--resume") {
				t.Fatalf("the loss of the GPU: %v", err)
			}
			t.Log(err)
			if err := n.ReadBack(on.device); !errors.Is(err, driver.DeviceLost) {
				t.Errorf("reading back from a lost GPU: %v", err)
			}
			if len(state) == 0 {
				t.Fatal("lost before anything was read back: the test wants it later")
			}
			for i, w := range n.weights {
				if !slices.Equal(data(w.Value), saved[i]) {
					t.Errorf("%s is not what was read back", w.Name)
				}
			}
			for i, x := range s.State() {
				if !slices.Equal(data(x.Value), state[i]) {
					t.Errorf("%s is not what was read back", x.Name)
				}
			}
			cpu, err := n.Graph(GraphOptions{Batch: 2, Time: 30, Train: true})
			if err != nil {
				t.Fatal(err)
			}
			defer cpu.Close()
			c := solver(t, n, ops.SolverOptions{ClipNorm: 1})
			if err := c.Restore(s.State()); err != nil {
				t.Fatal(err)
			}
			train(t, n, cpu, c, 0, 2)
		})
	}
}

// At the published sizes (Beniaguev, Segev & London 2021) gradients agree to 1e-4 of the largest of their tensor.
func TestPublishedSizesOnGPU(t *testing.T) {
	if !lab.Within(t, "memory=1000000000", false) {
		return
	}
	on := gpu(t, ops.DeviceOptions{})
	for _, c := range []struct {
		spec  Spec
		batch int
	}{
		{Spec{Family: "fcn", Window: 43, Width: 128}, 2},
		{Spec{Family: "tcn", Depth: 2, Width: 128, Kernels: []int{54, 12}, BatchNorm: true}, 1},
	} {
		n, err := New(c.spec, PlainInputs(1278), 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		var loss [2]Loss
		var grads [2][][]float32
		for i, w := range []where{{}, on} {
			g, err := n.Graph(GraphOptions{Batch: c.batch, Time: 400, BurnIn: 50, Train: true, Device: w.device})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			drawEvents(g.Events(), 0.011, 1)
			if loss[i], err = g.Run(drawTargets(c.batch*400, 0, 1), LossWeights{Spike: 1, Voltage: 0.02}); err != nil {
				t.Fatal(err)
			}
			grads[i] = w.gradients(t, g)
		}
		near(t, "loss", []float32{loss[1].Total}, []float64{float64(loss[0].Total)}, 1e-5)
		for i, want := range grads[0] {
			var w []float64
			for _, v := range want {
				w = append(w, float64(v))
			}
			near(t, fmt.Sprintf("%s: gradient %d", c.spec.Title(), i), grads[1][i], w, 1e-4)
		}
	}
}

// More heads than a block sums at a time, one of which counts nothing.
func TestManyHeadsOnGPU(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	const auxiliary, B, T = 70, 3, 90
	var loss [2]Loss
	var sums [2]LossSum
	var grads [2][][]float32
	for i, on := range []where{{}, gpu(t, ops.DeviceOptions{})} {
		_, g := open(t, small[2].spec, small[2].inputs, auxiliary, GraphOptions{Batch: B, Time: T, BurnIn: 7, Train: true, Device: on.device})
		targets, weights := drawTargets(B*T, auxiliary, 1), LossWeights{Spike: 1, Voltage: 0.3, Auxiliary: make([]float32, auxiliary)}
		for j := range weights.Auxiliary {
			weights.Auxiliary[j] = 0.01 * float32(j)
		}
		var err error
		if loss[i], err = g.Run(targets, weights); err != nil {
			t.Fatal(err)
		}
		if sums[i], err = g.Losses(); err != nil {
			t.Fatal(err)
		}
		grads[i] = on.gradients(t, g)
	}
	same := func(what string, got, want []float32) {
		t.Helper()
		var w []float64
		for _, v := range want {
			w = append(w, float64(v))
		}
		near(t, what, got, w, 1e-5)
	}
	same("loss", []float32{loss[1].Total, float32(sums[1].Total)}, []float32{loss[0].Total, float32(sums[0].Total)})
	same("terms", loss[1].Auxiliary, loss[0].Auxiliary)
	for i := range grads[0] {
		same(fmt.Sprintf("gradient %d", i), grads[1][i], grads[0][i])
	}
}
