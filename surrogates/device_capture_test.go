//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package surrogates

import (
	"slices"
	"testing"

	"neq/cuda/driver/fake"
	"neq/surrogates/ops"
)

// counted makes steps whose calls to the driver it counts, after enough others that every batch was captured.
func counted(t *testing.T, steps int, step func(i int)) fake.Counts {
	t.Helper()
	const warm = 6
	for i := range warm {
		step(i)
	}
	before, err := fake.Count()
	if err != nil {
		t.Fatal(err)
	}
	for i := range steps {
		step(warm + i)
	}
	after, err := fake.Count()
	if err != nil {
		t.Fatal(err)
	}
	c := after.Since(before)
	for _, n := range []*int64{&c.Calls, &c.Launches, &c.Graphs, &c.Waits, &c.Copies, &c.Allocations} {
		*n = (*n + int64(steps)/2) / int64(steps)
	}
	return c
}

// weights are a network's, read back.
func weights(t *testing.T, n *Network, d *ops.Device) (all [][]float32) {
	t.Helper()
	if err := n.ReadBack(d); err != nil {
		t.Fatal(err)
	}
	for _, w := range n.weights {
		all = append(all, slices.Clone(data(w.Value)))
	}
	return all
}

func testCaptured(t *testing.T, most int64) {
	for _, c := range []struct {
		spec Spec
		own  int64 // launches a step, one by one, with our own products
	}{
		{Spec{Family: "filter", Window: 9}, 13},
		{Spec{Family: "fcn", Window: 6, Width: 19}, 13},
		{Spec{Family: "tcn", Depth: 3, Width: 8, Kernels: []int{3}, Dilations: []int{2, 1, 4}, BatchNorm: true}, 40},
	} {
		var kept [2][][]float32
		for i, o := range []ops.DeviceOptions{{NoGraphs: true}, {}} {
			on := gpu(t, o)
			n, g := open(t, c.spec, 7, 1, GraphOptions{Batch: 2, Time: 23, BurnIn: 6, Train: true, Device: on.device})
			s := solver(t, n, ops.SolverOptions{ClipNorm: 0.5, Device: on.device})
			train(t, n, g, s, 1, 9) // batches grow and shrink: captured steps are made anew
			kept[i] = weights(t, n, on.device)
			targets, loss := drawTargets(2*23, 1, 1), LossWeights{Spike: 1, Voltage: 1}
			drawEvents(g.Events(), 0.1, 1)
			k := counted(t, 4, func(int) {
				if err := g.Queue(targets, loss); err != nil {
					t.Fatal(err)
				}
				if err := s.Step(trainable(n), g.Gradients(), 0.001); err != nil {
					t.Fatal(err)
				}
			})
			t.Logf("%s on %s, graphs %v: a step makes %d calls to the driver: %d launches, %d graphs, %d copies, %d waits", c.spec.Title(), on.device.Name(), i == 1,
				k.Calls, k.Launches, k.Graphs, k.Copies, k.Waits)
			switch { // a wait is for the copy two steps ago, that pinned memory may be filled again
			case i == 0 && (k.Launches > c.own+most || k.Graphs != 0):
				t.Errorf("%s: %d launches a step, want at most %d", c.spec.Title(), k.Launches, c.own+most)
			case i == 1 && (k.Launches != 2 || k.Graphs != 1 || k.Copies != 1 || k.Allocations != 0 || k.Waits > 1 || k.Calls > 11):
				t.Errorf("%s: a captured step makes %+v, want one graph and the solver's two launches", c.spec.Title(), k)
			}
		}
		for i := range kept[0] {
			if !slices.Equal(kept[0][i], kept[1][i]) {
				t.Errorf("%s: weights %d differ between captured steps and single launches", c.spec.Title(), i)
			}
		}
	}
}

// A captured step gives the bits of its launches, and is one call.
func TestCapturedStepsOnGPU(t *testing.T) {
	if lab.Within(t, "", false) {
		testCaptured(t, 0)
	}
}

func TestCapturedStepsOnGPUWithBLAS(t *testing.T) {
	if lab.Within(t, "", true) {
		testCaptured(t, 2*4) // of two dense layers: unfold twice, fill and fold
	}
}

// A driver that captures nothing costs launches, not the training.
func TestNoCaptureOnGPU(t *testing.T) {
	if !lab.Within(t, "capture=900", false) {
		return
	}
	on := gpu(t, ops.DeviceOptions{})
	n, g := open(t, small[2].spec, small[2].inputs, 0, GraphOptions{Batch: 2, Time: 30, Train: true, Device: on.device})
	if l := train(t, n, g, solver(t, n, ops.SolverOptions{Device: on.device}), 0, 6); !(l.Total > 0) {
		t.Errorf("loss %v", l.Total)
	}
	before := on.device.Launches()
	train(t, n, g, solver(t, n, ops.SolverOptions{Device: on.device}), 0, 1)
	if made := on.device.Launches() - before; made < 10 {
		t.Errorf("%d launches: captured after all", made)
	}
}

// A graph made later may need more scratch, which moves: steps captured before are captured again.
func TestCaptureAfterScratchMoved(t *testing.T) {
	if !lab.Within(t, "", true) {
		return
	}
	var kept [2][][]float32
	for i, later := range []bool{false, true} {
		on := gpu(t, ops.DeviceOptions{})
		c := small[6]
		n, g := open(t, c.spec, c.inputs, 0, GraphOptions{Batch: 2, Time: 30, Train: true, Device: on.device})
		s := solver(t, n, ops.SolverOptions{Device: on.device})
		train(t, n, g, s, 0, 6)
		if later {
			p, err := n.Graph(GraphOptions{Batch: 5, Time: 90, Device: on.device})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
		}
		train(t, n, g, s, 0, 6)
		kept[i] = weights(t, n, on.device)
	}
	for i := range kept[0] {
		if !slices.Equal(kept[0][i], kept[1][i]) {
			t.Errorf("weights %d changed with another graph's size", i)
		}
	}
}
