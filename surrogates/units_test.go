package surrogates

import (
	"math"
	"slices"
	"strings"
	"testing"

	"neq/internal/philox"
)

// spikesOf draws the events of so many ms for one neuron, none of them of the synapses left out.
func spikesOf(inputs, time int, out map[int]bool) []*Spikes {
	rnd := philox.New(3, 1, 0)
	var list []*Spikes
	for range time {
		s := &Spikes{Start: []int{0, 0}}
		for y := range inputs {
			if rnd.Float64() < 0.15 && !out[y] {
				s.Synapse = append(s.Synapse, int32(y))
			}
		}
		s.Start[1] = len(s.Synapse)
		list = append(list, s)
	}
	return list
}

// streamed are a network's heads ms by ms.
func streamed(t *testing.T, n *Network, list []*Spikes) []float32 {
	t.Helper()
	s, err := n.Stream(1)
	if err != nil {
		t.Fatal(err)
	}
	var all []float32
	for _, in := range list {
		y, err := s.Step(in)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, y...)
	}
	return all
}

// differ is the largest distance of two runs, of their largest value.
func differ(a, b []float32) float64 {
	far, size := 0.0, 0.0
	for i := range a {
		far, size = max(far, math.Abs(float64(a[i]-b[i]))), max(size, math.Abs(float64(a[i])))
	}
	return far / size
}

// fall clears the units of the groups of a name that are not 0, 3, 4 mod 5, and gives what falls along every axis.
func fall(n *Network, name string) map[*Weight][]map[int]bool {
	fallen := map[*Weight][]map[int]bool{}
	for _, u := range n.Units() {
		if !strings.HasSuffix(u.Name, name) {
			continue
		}
		for _, c := range u.Cuts {
			if fallen[c.Weight] == nil {
				for range c.Weight.Value.Shape() {
					fallen[c.Weight] = append(fallen[c.Weight], map[int]bool{})
				}
			}
			for i, k := range c.Unit {
				if k >= 0 && (k%5 == 1 || k%5 == 2) {
					fallen[c.Weight][c.Axis][i] = true
				}
			}
		}
	}
	for w, axes := range fallen {
		if !w.Trainable {
			continue
		}
		for j := range data(w.Value) {
			if gone(w, axes, j) {
				data(w.Value)[j] = 0
			}
		}
	}
	return fallen
}

func gone(w *Weight, axes []map[int]bool, j int) bool {
	shape := w.Value.Shape()
	for a := len(shape) - 1; a >= 0; a-- {
		if axes != nil && axes[a][j%shape[a]] {
			return true
		}
		j /= shape[a]
	}
	return false
}

// TestUnits: a network whose units are cleared is the smaller network of the spec that a user would write, with the
// weights that are left. Both sum the same numbers, in other blocks: 1e-5 of the largest output.
func TestUnits(t *testing.T) {
	for _, c := range []struct {
		spec, small Spec
		units       string
	}{
		{Spec{Family: "fcn", Window: 7, Width: 9, Activation: "gelu", BatchNorm: true}, Spec{Family: "fcn", Window: 7, Width: 5, Activation: "gelu", BatchNorm: true}, "channels"},
		{Spec{Family: "tcn", Depth: 3, Width: 10, Kernels: []int{5, 3, 1}, Activation: "silu", BatchNorm: true},
			Spec{Family: "tcn", Depth: 3, Width: 6, Kernels: []int{5, 3, 1}, Activation: "silu", BatchNorm: true}, "channels"},
		{Spec{Family: "tcn", Depth: 3, Width: 10, Kernels: []int{4, 3, 2}, Separable: true, Residual: true, BatchNorm: true},
			Spec{Family: "tcn", Depth: 3, Width: 6, Kernels: []int{4, 3, 2}, Separable: true, Residual: true, BatchNorm: true}, "channels"},
		{Spec{Family: "tcn", Depth: 3, Width: 10, Kernels: []int{4, 3, 2}, Separable: true, Experts: 4, Top: 2, Hidden: 7},
			Spec{Family: "tcn", Depth: 3, Width: 10, Kernels: []int{4, 3, 2}, Separable: true, Experts: 4, Top: 2, Hidden: 4}, "hidden"},
		{Spec{Family: "fcn", Window: 7, Width: 9, Activation: "silu", Experts: 3, Hidden: 4}, Spec{Family: "fcn", Window: 7, Width: 5, Activation: "silu", Experts: 3, Hidden: 4}, "channels"},
		{Spec{Family: "fcn", Window: 3, Width: 9, SharedSynapses: 5}, Spec{Family: "fcn", Window: 3, Width: 5, SharedSynapses: 5}, "channels"},
		{Spec{Family: "fcn", Window: 3, Width: 9, SharedSynapses: 5}, Spec{Family: "fcn", Window: 3, Width: 9, SharedSynapses: 3}, "shared"},
		{Spec{Family: "elm", Memory: 7, Hidden: 9, Branches: 5, BranchSize: 9, SharedSynapses: 5}, Spec{Family: "elm", Memory: 7, Hidden: 9, Branches: 5, BranchSize: 9, SharedSynapses: 3}, "shared"},
		{Spec{Family: "lstm", Width: 11, SharedSynapses: 4, Window: 2}, Spec{Family: "lstm", Width: 7, SharedSynapses: 4, Window: 2}, "channels"},
		{Spec{Family: "lstm", Width: 11, Window: 2}, Spec{Family: "lstm", Width: 7, Window: 2}, "channels"},
		{Spec{Family: "gru", Width: 11, Depth: 2}, Spec{Family: "gru", Width: 7, Depth: 2}, "channels"},
		{Spec{Family: "elm", Memory: 7, Hidden: 9, Branches: 5, BranchSize: 9, LearnTau: true}, Spec{Family: "elm", Memory: 7, Hidden: 5, Branches: 5, BranchSize: 9, LearnTau: true}, "hidden"},
		{Spec{Family: "elm", Memory: 7, Hidden: 9, Branches: 5, BranchSize: 9}, Spec{Family: "elm", Memory: 7, Hidden: 9, Branches: 3, BranchSize: 9}, "layer0.channels"},
		{Spec{Family: "elm", Memory: 7, Hidden: 9, Branches: 5, BranchSize: 9, LearnTau: true, Version: 2}, Spec{Family: "elm", Memory: 4, Hidden: 9, Branches: 5, BranchSize: 9, LearnTau: true, Version: 2}, "layer1.channels"},
		{Spec{Family: "elm", Memory: 6, Hidden: 9}, Spec{Family: "elm", Memory: 6, Hidden: 5}, "layer0.channels"},
		{Spec{Family: "transformer", Width: 12, Depth: 2, AttentionHeads: 3, Span: 9, Hidden: 8}, Spec{Family: "transformer", Width: 12, Depth: 2, AttentionHeads: 3, Span: 9, Hidden: 4}, "channels"},
		{Spec{Family: "ssm", Width: 9, States: 4, Experts: 3, Hidden: 7}, Spec{Family: "ssm", Width: 9, States: 4, Experts: 3, Hidden: 4}, "hidden"},
	} {
		t.Run(c.spec.Title()+" "+c.units, func(t *testing.T) {
			big, err := New(c.spec, testInputs(23), 1, 5)
			if err != nil {
				t.Fatal(err)
			}
			small, err := New(c.small, testInputs(23), 1, 6)
			if err != nil {
				t.Fatal(err)
			}
			perturb(big)
			list := spikesOf(23, 60, nil)
			before := streamed(t, big, list)
			fallen := fall(big, c.units)
			for i, w := range big.Weights() {
				var left []float32
				for j, v := range data(w.Value) {
					if !gone(w, fallen[w], j) {
						left = append(left, v)
					}
				}
				s := small.Weights()[i]
				if s.Name != w.Name || len(left) != len(data(s.Value)) {
					t.Fatalf("%s: %d of %d values are left, %s of %s has %d", w.Name, len(left), len(data(w.Value)), s.Name, c.small.Title(), len(data(s.Value)))
				}
				copy(data(s.Value), left)
			}
			y := streamed(t, big, list)
			if e := differ(y, streamed(t, small, list)); !(e < 1e-5) {
				t.Errorf("the smaller network differs by %v", e)
			}
			if e := differ(before, y); !(e > 1e-3) {
				t.Errorf("without units it says the same: %v", e)
			}
		})
	}
}

// TestSynapseUnits: a synapse that is cleared is not heard.
func TestSynapseUnits(t *testing.T) {
	for _, spec := range every {
		n, err := New(spec, testInputs(23), 0, 5)
		if err != nil {
			t.Fatal(err)
		}
		perturb(n)
		if spec.SharedSynapses > 0 { // they have no weights of their own
			continue
		}
		if !slices.ContainsFunc(n.Units(), func(u Units) bool { return u.Synapses && u.Count == 23 }) {
			t.Errorf("%s has no synapses that can fall", spec.Title())
			continue
		}
		before := streamed(t, n, spikesOf(23, 60, nil))
		fall(n, "synapses")
		out := map[int]bool{}
		for y := range 23 {
			out[y] = y%5 == 1 || y%5 == 2
		}
		y := streamed(t, n, spikesOf(23, 60, nil))
		if e := differ(y, streamed(t, n, spikesOf(23, 60, out))); e != 0 {
			t.Errorf("%s: cleared synapses are heard: %v", spec.Title(), e)
		}
		if e := differ(before, y); !(e > 1e-3) {
			t.Errorf("%s: no synapse was heard: %v", spec.Title(), e)
		}
	}
}
