package surrogates

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestParameters(t *testing.T) {
	for _, c := range []struct {
		spec              Spec
		inputs, auxiliary int
		want, synaptic    int
		receptive         int
	}{
		{Spec{Family: "filter", Window: 80}, 100, 0, 100*80 + 1 + 2 + 2, 8000, 80}, // published: 8,005
		{Spec{Family: "fcn", Window: 43, Width: 128}, 1278, 0, 7_034_498, 1278 * 43 * 128, 43},
		{Spec{Family: "fcn", Window: 10, Width: 8, BatchNorm: true}, 5, 3, 5*10*8 + 8 + 16 + 5*9, 400, 10},
		{Spec{Family: "tcn", Depth: 7, Width: 128, Kernels: []int{54, 12, 12, 12, 12, 12, 12}, BatchNorm: true}, 1278, 0, 10_016_130, 1278 * 54 * 128, 54 + 6*11},
		{Spec{Family: "tcn", Depth: 2, Width: 4, Kernels: []int{3}, Dilations: []int{2, 5}}, 6, 0, 6*3*4 + 4 + 3*4*4 + 4 + 10, 72, 1 + 2*2 + 2*5},
	} {
		n, err := New(c.spec, PlainInputs(c.inputs), c.auxiliary, 1)
		if err != nil {
			t.Fatal(err)
		}
		sum, synaptic := 0, 0
		for _, w := range n.Weights() {
			size := w.Value.Shape().TotalSize()
			if w.Trainable {
				sum += size
			}
			if w.Synaptic {
				synaptic += size
			}
		}
		title := c.spec.Title()
		if n.Parameters() != c.want || sum != c.want {
			t.Errorf("%s: %d parameters, %d in its tensors, want %d", title, n.Parameters(), sum, c.want)
		}
		if n.SynapticParameters() != c.synaptic || synaptic != c.synaptic {
			t.Errorf("%s: %d synaptic parameters, %d in its tensors, want %d", title, n.SynapticParameters(), synaptic, c.synaptic)
		}
		if n.ReceptiveField() != c.receptive {
			t.Errorf("%s: receptive field %d ms, want %d", title, n.ReceptiveField(), c.receptive)
		}
	}
}

func TestCost(t *testing.T) {
	for _, c := range []struct {
		spec  Spec
		macs  float64
		state int
	}{
		{Spec{Family: "filter", Window: 80}, 2*80 + 2, 79},
		{Spec{Family: "fcn", Window: 43, Width: 128}, 2*43*128 + 2*128, 42 * 128},
		{Spec{Family: "tcn", Depth: 2, Width: 8, Kernels: []int{5, 3}, Dilations: []int{1, 4}}, 2*5*8 + 3*8*8 + 16, 4*8 + 2*4*8},
	} {
		n, err := New(c.spec, PlainInputs(10), 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		if macs, state := n.Cost(2); macs != c.macs || state != c.state {
			t.Errorf("%s: cost %v, %d, want %v, %d", c.spec.Title(), macs, state, c.macs, c.state)
		}
	}
}

func TestSpecs(t *testing.T) {
	for _, c := range []struct {
		spec  Spec
		title string
		err   string
	}{
		{Spec{Family: "filter", Window: 80}, "filter-80ms", ""},
		{Spec{Family: "filter", Window: 80, Name: "mine"}, "mine", ""},
		{Spec{Family: "fcn", Window: 43, Width: 128}, "fcn-43ms-128", ""},
		{Spec{Family: "fcn", Window: 43, Width: 128, Activation: "gelu", BatchNorm: true}, "fcn-43ms-128-gelu-bn", ""},
		{Spec{Family: "tcn", Depth: 7, Width: 128, Kernels: []int{35}}, "tcn-7x128-k35", ""},
		{Spec{Family: "tcn", Depth: 7, Width: 128, Kernels: []int{54, 12, 12, 12, 12, 12, 12}, Dilations: []int{2}}, "tcn-7x128-k54-12x6-d2", ""},
		{Spec{Family: "rnn"}, "rnn", `family "rnn": want one of `},
		{Spec{Family: "filter"}, "filter-0ms", "filter window_ms 0: want 1 to"},
		{Spec{Family: "filter", Window: 80, Width: 3}, "filter-80ms", "filter has no width: it takes window_ms"},
		{Spec{Family: "fcn", Window: 43}, "fcn-43ms-0", "width 0"},
		{Spec{Family: "fcn", Window: 43, Width: 4, Activation: "swish"}, "fcn-43ms-4-swish", `activation "swish": want relu`},
		{Spec{Family: "fcn", Window: -1, Width: 4}, "fcn--1ms-4", "window_ms -1"},
		{Spec{Family: "fcn", Window: 60000, Width: 60000}, "fcn-60000ms-60000", "make it narrower"},
		{Spec{Family: "tcn", Depth: 2, Width: 4}, "tcn-2x4", "kernels: want the taps"},
		{Spec{Family: "tcn", Depth: 3, Width: 4, Kernels: []int{1, 2}}, "tcn-3x4-k1-2", "kernels has 2 values: want one, or one for each of the 3 layers"},
		{Spec{Family: "tcn", Depth: 2, Width: 4, Kernels: []int{3}, Dilations: []int{1, 0}}, "tcn-2x4-k3-d1-0", "dilations 0: want 1"},
	} {
		if got := c.spec.Title(); got != c.title {
			t.Errorf("title %q, want %q", got, c.title)
		}
		err := c.spec.Validate(100)
		if (err == nil) != (c.err == "") || (err != nil && !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %v, want %q", c.title, err, c.err)
		}
	}
	if err := (Spec{Family: "filter", Window: 8}).Validate(0); err == nil {
		t.Error("a network over no inputs was accepted")
	}
}

func TestInitialWeights(t *testing.T) {
	spec := Spec{Family: "fcn", Window: 20, Width: 30}
	a, err := New(spec, PlainInputs(50), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := New(spec, PlainInputs(50), 0, 1)
	c, _ := New(spec, PlainInputs(50), 0, 2)
	for i, w := range a.Weights() {
		if !slices.Equal(data(w.Value), data(b.Weights()[i].Value)) {
			t.Errorf("%s differs between networks of one seed", w.Name)
		}
		if slices.Equal(data(w.Value), data(c.Weights()[i].Value)) {
			t.Errorf("%s does not depend on the seed", w.Name)
		}
	}
	// Uniform in +-1/sqrt(1000): standard deviation 1/sqrt(3000), here from 30,000 numbers, so within 2 %.
	sum, largest := 0.0, 0.0
	for _, v := range data(a.Weights()[0].Value) {
		sum += float64(v) * float64(v)
		largest = math.Max(largest, math.Abs(float64(v)))
	}
	if sd := math.Sqrt(sum / 30000); math.Abs(sd*math.Sqrt(3000)-1) > 0.02 || largest > 1/math.Sqrt(1000) {
		t.Errorf("first layer: standard deviation %v, largest %v", sd, largest)
	}
	f, _ := New(Spec{Family: "filter", Window: 8}, PlainInputs(5), 1, 1)
	for _, v := range data(f.headW.Value) {
		if v <= 0 || v != data(f.headW.Value)[0] {
			t.Errorf("the filter's heads start at %v: want equal and positive", data(f.headW.Value))
		}
	}
}

func TestGraphRefuses(t *testing.T) {
	n, err := New(Spec{Family: "filter", Window: 8}, PlainInputs(5), 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []GraphOptions{{}, {Batch: 1, Time: 10, BurnIn: 10}, {Batch: 1, Time: 10, Threads: -1}, {Batch: 1 << 20, Time: 1 << 12}} {
		if g, err := n.Graph(o); err == nil {
			g.Close()
			t.Errorf("%+v was accepted", o)
		}
	}
	g, err := n.Graph(GraphOptions{Batch: 1, Time: 10, Train: true})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if _, err := g.Run(nil, LossWeights{}); err == nil {
		t.Error("training without targets was accepted")
	}
	targets := drawTargets(10, 1, 1)
	if _, err := g.Run(targets, LossWeights{Spike: float32(math.NaN())}); err == nil {
		t.Error("a NaN loss weight was accepted")
	}
	targets.Voltage = targets.Voltage[1:]
	if _, err := g.Run(targets, LossWeights{}); err == nil || !strings.Contains(err.Error(), "head 1 has 9 values") {
		t.Errorf("short target: %v", err)
	}
	g.Events().Bin, g.Events().Synapse, g.Events().Start[1] = []int32{99}, []int32{0}, 1
	if _, err := g.Run(drawTargets(10, 1, 1), LossWeights{}); err == nil || !strings.Contains(err.Error(), "bin 99") {
		t.Errorf("event out of the window: %v", err)
	}
}
