package compress

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"neq/internal/philox"
	"neq/surrogates"
)

func network(t testing.TB, spec surrogates.Spec, inputs int) *surrogates.Network {
	t.Helper()
	n, err := surrogates.New(spec, surrogates.PlainInputs(inputs), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func find(t testing.TB, n *surrogates.Network, name string) (int, *surrogates.Weight) {
	t.Helper()
	for i, w := range n.Weights() {
		if w.Name == name {
			return i, w
		}
	}
	t.Fatalf("no tensor %s", name)
	return 0, nil
}

func on(mask []bool) string {
	s := ""
	for _, b := range mask {
		if b {
			s += "1"
		} else {
			s += "0"
		}
	}
	return s
}

// The largest weights stay, by hand: two synapses of two taps into one channel, two heads.
func TestMagnitude(t *testing.T) {
	n := network(t, surrogates.Spec{Family: "filter", Window: 2}, 2)
	i, w := find(t, n, "layer0.weight")
	h, heads := find(t, n, "heads.weight")
	copy(values(w), []float32{1, -4, 3, 3})
	copy(values(heads), []float32{-3, 0.5})
	for _, c := range []struct {
		keep        float64
		scope       string
		first, head string
	}{
		{0.5, "network", "0111", "00"}, // 4, 3, 3 and not the other 3: the first of equals stay
		{2.0 / 3, "network", "0111", "10"},
		{0.17, "network", "0100", "00"},
		{0.01, "network", "0100", "00"}, // one at least
		{0.5, "tensor", "0110", "10"},
		{0.01, "tensor", "0100", "10"},
	} {
		m := Magnitude(n, c.keep, c.scope)
		if on(m[i]) != c.first || on(m[h]) != c.head {
			t.Errorf("keep %v of the %s: %s %s, want %s %s", c.keep, c.scope, on(m[i]), on(m[h]), c.first, c.head)
		}
		for k, w := range n.Weights() {
			if !w.Connection() && m[k] != nil {
				t.Errorf("%s is pruned", w.Name)
			}
		}
	}
	// A synapse of an ELM that a ReLU makes zero is the first to go, however large.
	e := network(t, surrogates.Spec{Family: "elm", Memory: 1, Branches: 1, BranchSize: 4}, 4)
	i, w = find(t, e, "layer0.weight")
	copy(values(w), []float32{-9, 5, 0, 6})
	for _, x := range e.Weights() {
		if x != w && x.Connection() {
			for j := range values(x) {
				values(x)[j] = 7
			}
		}
	}
	if m := Magnitude(e, 0.5, "tensor"); on(m[i]) != "0101" {
		t.Errorf("rectified: %s", on(m[i]))
	}
}

// Counts by hand: 3 synapses x 2 taps x 2 channels, 2 biases, 2 heads of 2 with 2 biases.
func TestSize(t *testing.T) {
	n := network(t, surrogates.Spec{Family: "fcn", Window: 2, Width: 2}, 3)
	first, head := 12.0, 4.0
	_, w := find(t, n, "layer0.weight")
	log2 := math.Log2
	for _, c := range []struct {
		zero    int // of the first tensor
		bits    int
		per     string
		nonzero int
		want    float64
		places  float64
	}{
		{0, 32, "tensor", 20, 32 * 20, 0},
		{9, 32, "tensor", 11, 32*(3+4+4) + log2(220), log2(220)}, // 12 choose 3
		{1, 32, "tensor", 19, 32*19 + log2(12), log2(12)},        // 12 choose 1
		{1, 2, "tensor", 19, 2*(first+head) + 2*32 + 32*4, 0},    // writing all 12 is shorter than saying which is zero
		{9, 8, "tensor", 11, 8*(3+4) + log2(220) + 2*32 + 32*4, log2(220)},
		{9, 8, "channel", 11, 8*(3+4) + log2(220) + 4*32 + 32*4, log2(220)}, // 2 channels, 2 heads
	} {
		for i := range values(w) {
			if values(w)[i] = 1; i < c.zero {
				values(w)[i] = 0
			}
		}
		s := measure(n, nil, nil, c.bits, c.per)
		if s.Nonzero != c.nonzero || math.Abs(s.Bits-c.want) > 1e-6 || math.Abs(s.Places-c.places) > 1e-6 || s.Dense != 0 {
			t.Errorf("%d zeros in %d bits per %s: %+v, want %d parameters, %v bits, %v of places", c.zero, c.bits, c.per, s, c.nonzero, c.want, c.places)
		}
	}
	// Of 2 channels the one of the larger norm stays: 6 + 1 + 2 + 2 parameters, and a bit that says which.
	for i := range values(w) {
		values(w)[i] = 1 + float32(i%2)
	}
	mask, groups, err := Structured(n, 0.5, false)
	if err != nil {
		t.Fatal(err)
	}
	mask.apply(n)
	if got := fmt.Sprint(values(w)); got != "[0 2 0 2 0 2 0 2 0 2 0 2]" {
		t.Errorf("%s", got)
	}
	if s := measure(n, mask, groups, 32, "tensor"); s.Dense != 11 || s.Nonzero != 11 || math.Abs(s.Bits-(32*11+1)) > 1e-6 {
		t.Errorf("%+v", s)
	}
}

// What structured pruning leaves counts as the network of fewer channels does.
func TestDense(t *testing.T) {
	for _, c := range [][2]surrogates.Spec{
		{{Family: "tcn", Depth: 3, Width: 8, Kernels: []int{3}, BatchNorm: true}, {Family: "tcn", Depth: 3, Width: 2, Kernels: []int{3}, BatchNorm: true}},
		{{Family: "lstm", Width: 8}, {Family: "lstm", Width: 2}},
	} {
		n := network(t, c[0], 5)
		mask, groups, err := Structured(n, 0.25, false)
		if err != nil {
			t.Fatal(err)
		}
		mask.apply(n)
		if s, want := measure(n, mask, groups, Full, "tensor"), network(t, c[1], 5).Parameters(); s.Dense != want {
			t.Errorf("%s: %+v, want %d", c[0].Title(), s, want)
		}
	}
}

// Rounded weights lie within half a step of what they were, and take no more values than there are codes.
func TestQuantise(t *testing.T) {
	for _, per := range []string{"tensor", "channel"} {
		for _, bits := range []int{2, 3, 8, 16, Full} {
			n := network(t, surrogates.Spec{Family: "tcn", Depth: 2, Width: 5, Kernels: []int{7, 3}}, 13)
			rnd := philox.New(1, 2, 0)
			var before [][]float32
			for _, w := range n.Weights() {
				for j := range values(w) {
					values(w)[j] = float32(rnd.Float64()-0.4) * float32(1+j%5)
				}
				before = append(before, slices.Clone(values(w)))
			}
			Quantise(n, bits, per)
			for i, w := range n.Weights() {
				k := scales(w, per)
				step := make([]float64, k)
				each(w, k, func(s, j int) { step[s] = max(step[s], math.Abs(float64(before[i][j]))/float64(int64(1)<<(bits-1)-1)) })
				codes := make([]map[float32]bool, k)
				each(w, k, func(s, j int) {
					if codes[s] == nil {
						codes[s] = map[float32]bool{}
					}
					codes[s][values(w)[j]] = true
					e := math.Abs(float64(values(w)[j]) - float64(before[i][j]))
					exact := bits == Full || !w.Connection()
					// Beyond half a step: the scale and the product are float32.
					if exact && e != 0 || e > 0.5*step[s]+1e-6*math.Abs(float64(before[i][j])) {
						t.Fatalf("%d bits per %s: %s[%d] %v became %v, a step is %v", bits, per, w.Name, j, before[i][j], values(w)[j], step[s])
					}
				})
				for _, c := range codes {
					if w.Connection() && bits < 16 && len(c) > 1<<bits-1 {
						t.Errorf("%d bits per %s: %s takes %d values", bits, per, w.Name, len(c))
					}
				}
			}
		}
	}
	// Rectified values below zero become zero; a tensor of zeros stays.
	e := network(t, surrogates.Spec{Family: "elm", Memory: 1, Branches: 1, BranchSize: 4}, 4)
	_, w := find(t, e, "layer0.weight")
	copy(values(w), []float32{-9, 7, 0, 3.6})
	_, zero := find(t, e, "heads.weight")
	clear(values(zero))
	Quantise(e, 4, "channel")
	if got := fmt.Sprint(values(w), values(zero)); got != "[0 7 0 4] [0 0]" {
		t.Errorf("%s", got)
	}
}
