package neuron

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"neq/cuda"
)

// analytic is the conductance of a kind (times its weight) t ms after an event: the difference of two exponentials,
// scaled so that its largest value is 1.
func analytic(rise, decay, t float64) float64 {
	f := func(t float64) float64 { return math.Exp(-t/decay) - math.Exp(-t/rise) }
	if rise == 0 {
		return math.Exp(-t / decay)
	}
	return f(t) / f(rise*decay/(decay-rise)*math.Log(decay/rise))
}

// TestConductances records the conductance of every kind of synapse in every model and compares it with its
// formula, whatever value of it the solver takes for a step.
func TestConductances(t *testing.T) {
	for _, model := range []string{"lif", "izhikevich", "adex", "hh", "pospischil-rs"} {
		for _, kind := range Kinds() {
			for _, rise := range []float64{-1, 0} {
				for _, solver := range []cuda.Solver{cuda.Euler, cuda.Staggered} {
					if kind.receptor == cuda.Delta {
						continue
					}
					over := map[string]float64{}
					if rise >= 0 {
						over["rise_ms"] = rise
					}
					cell := compile(t, Config{Model: model, Synapses: []SynapseGroup{{Name: "s", Kind: kind.Name, Count: 1,
						Weight: Weight{Constant: 1e-3}, Parameters: over}}}, Options{Precision: cuda.Float64, Solver: solver})
					r := cell.Program.Receptors[0]
					b := stepBatch(cell, 100, 0, 0, 0)
					b.Record = []int{slices.Index(cell.Program.States, "g_"+kind.Name)}
					at := float64(cell.Program.Dt) * math.Round(5/cell.Program.Dt)
					b.Events = cuda.Events{Offset: []int64{0, 1}, Step: []int32{int32(math.Round(5 / cell.Program.Dt))},
						Receptor: []uint16{0}, Weight: []float32{cell.Synapses[0].Device}}
					run(t, cell, b)
					for k, g := range b.Trace[0] {
						want := 0.0
						if float64(k) >= at-1e-9 {
							want = float64(cell.Synapses[0].Device) * analytic(r.Rise, r.Decay, float64(k)-at)
						}
						if math.Abs(float64(g)-want) > 1e-6*float64(cell.Synapses[0].Device) { // float32 weights and records
							t.Fatalf("%s %s rise %v: g(%d ms) = %v, want %v", model, kind.Name, r.Rise, k, g, want)
						}
					}
				}
			}
		}
	}
}

// TestSynapticCurrent clamps nothing but asks the voltage itself: in a lif cell that a conductance alone moves from
// rest, v' = -(v-rest)/tau - g(t) B(v) (v-E), integrated here by Runge-Kutta.
func TestSynapticCurrent(t *testing.T) {
	for _, kind := range Kinds() {
		cell := compile(t, Config{Model: "lif", Parameters: map[string]float64{"threshold_mv": 90}, Synapses: []SynapseGroup{
			{Name: "s", Kind: kind.Name, Count: 1, Weight: Weight{Constant: 8}}}}, Options{Dt: 0.01, Precision: cuda.Float64})
		b := stepBatch(cell, 60, 0, 0, 0)
		b.Events = cuda.Events{Offset: []int64{0, 1}, Step: []int32{500}, Receptor: []uint16{0}, Weight: []float32{cell.Synapses[0].Device}}
		run(t, cell, b)
		r, w := cell.Program.Receptors[0], float64(cell.Synapses[0].Device)
		slope := func(t, v float64) float64 {
			d := -(v + 75) / 20
			if t < 5 || r.Kind == cuda.Delta {
				return d
			}
			g := w * analytic(r.Rise, r.Decay, t-5)
			if r.Kind == cuda.Blocked {
				g /= 1 + math.Exp(-r.Slope*v)*r.Magnesium/3.57
			}
			return d - g*(v-r.Reversal)
		}
		v, h := -75.0, 0.01
		for k := range 60 {
			if d := math.Abs(float64(b.Trace[0][k]) - v - map[bool]float64{true: w}[r.Kind == cuda.Delta && k == 5]); d > 2e-3 {
				// the step's conductance is its mean, its voltage that of the start: second-order but for the block
				t.Errorf("%s: v(%d ms) = %v, want %v", kind.Name, k, b.Trace[0][k], v)
			}
			for i := range 100 {
				x := float64(k) + float64(i)*h
				if r.Kind == cuda.Delta && k == 5 && i == 0 {
					v += w
				}
				k1 := slope(x, v)
				k2 := slope(x+h/2, v+h/2*k1)
				k3 := slope(x+h/2, v+h/2*k2)
				k4 := slope(x+h, v+h*k3)
				v += h / 6 * (k1 + 2*k2 + 2*k3 + k4)
			}
		}
	}
}

// TestDeltaCrossing: in a model that does not reset, delta events that lift the voltage over the threshold are a
// spike at their own time, one however many they are, and none when they cancel.
func TestDeltaCrossing(t *testing.T) {
	cell := compile(t, Config{Model: "hh", Synapses: []SynapseGroup{{Name: "s", Kind: "delta", Count: 1, Weight: Weight{Constant: 1}}}}, Options{})
	for _, c := range []struct {
		weights []float32
		want    []float64
	}{{[]float32{80}, []float64{5}}, {[]float32{40, 40}, []float64{5}}, {[]float32{80, -80}, nil}} {
		b := stepBatch(cell, 20, 0, 0, 0)
		b.Events.Offset = []int64{0, int64(len(c.weights))}
		for _, w := range c.weights {
			b.Events.Step = append(b.Events.Step, 200)
			b.Events.Receptor = append(b.Events.Receptor, 0)
			b.Events.Weight = append(b.Events.Weight, w)
		}
		compareSpikes(t, run(t, cell, b), c.want, 1e-9)
	}
}

func TestReceptorsAreShared(t *testing.T) {
	half := 0.5
	cell := compile(t, Config{Model: "hh", Synapses: []SynapseGroup{
		{Name: "a", Kind: "ampa", Count: 3, Weight: Weight{Constant: 1}},
		{Name: "b", Kind: "ampa", Count: 2, Weight: Weight{Constant: 2}, Release: &half},
		{Name: "c", Kind: "ampa", Count: 1, Parameters: map[string]float64{"decay_ms": 5}},
		{Name: "d", Kind: "delta", Count: 1},
		{Name: "e", Kind: "gaba_a", Count: 1}}}, Options{})
	if want := []string{"v", "m", "h", "n", "g_ampa", "g_ampa_2", "g_gaba_a"}; !slices.Equal(cell.Program.States, want) {
		t.Errorf("states %v, want %v", cell.Program.States, want)
	}
	if len(cell.StateUnits) != len(cell.Program.States) {
		t.Errorf("%d units for %d states", len(cell.StateUnits), len(cell.Program.States))
	}
	var receptors []uint16
	for _, s := range cell.Synapses {
		receptors = append(receptors, s.Receptor)
	}
	if want := []uint16{0, 0, 0, 0, 0, 1, 2, 3}; !slices.Equal(receptors, want) {
		t.Errorf("receptors %v, want %v", receptors, want)
	}
	if cell.Synapses[3].Release != 0.5 || cell.Synapses[0].Release != 1 {
		t.Errorf("release %v and %v, want 1 and 0.5", cell.Synapses[0].Release, cell.Synapses[3].Release)
	}
	// 1 nS over 1256.6 um2 of 1 uF/cm2
	if got, want := float64(cell.Synapses[0].Device), 1e-6/(math.Pi*400e-8); math.Abs(got/want-1) > 1e-6 {
		t.Errorf("1 nS is %v /ms, want %v", got, want)
	}
}

// TestNotANumber: a cell driven beyond float32 fails by its lane.
func TestNotANumber(t *testing.T) {
	cell := compile(t, Config{Model: "izhikevich"}, Options{})
	b := stepBatch(cell, 20, 2, 20, 1e30)
	d, err := cuda.NewCPU(cuda.CPUOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	var lane *cuda.LaneError
	if err := d.Run(context.Background(), &cell.Program, b); !errors.As(err, &lane) || lane.Lane != 0 || !strings.Contains(err.Error(), "lane 0") {
		t.Errorf("%v, want an error of lane 0", err)
	}
}
