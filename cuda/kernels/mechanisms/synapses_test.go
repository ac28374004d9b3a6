package mechanisms

import (
	"math"
	"testing"
)

func synapse(t testing.TB, name string, step float64, wide bool, params, v []float64) Grid {
	t.Helper()
	m, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return Grid{Mechanism: m, Parameters: params, Step: step, Wide: wide, V: v}
}

// An event of weight 1 opens the difference of exponentials whose peak is 1, at any rise and decay.
func TestSynapseIsItsClosedForm(t *testing.T) {
	for _, p := range precisions {
		for _, c := range []struct{ rise, decay float64 }{{0.3, 3}, {2, 70}, {0.2, 8}, {3.5, 260.9}, {0, 5}, {1, 1.0001}, {5, 5}} {
			for _, step := range []float64{0.025, 0.1} {
				g := synapse(t, "exp2", step, p.wide, []float64{c.rise, c.decay, -80}, []float64{-70})
				x := steady(t, g)
				if err := g.Open(1, x); err != nil {
					t.Fatal(err)
				}
				rise := min(c.rise, 0.9999*c.decay) // as Exp2Syn
				shape := func(at float64) float64 { return math.Exp(-at / c.decay) }
				if rise > 0 {
					peak := rise * c.decay / (c.decay - rise) * math.Log(c.decay/rise)
					shape = func(at float64) float64 {
						return (math.Exp(-at/c.decay) - math.Exp(-at/rise)) / (math.Exp(-peak/c.decay) - math.Exp(-peak/rise))
					}
				}
				close, most := 1e-10, 0.0
				if !p.wide {
					close = 2e-4 // 4000 roundings of 3e-8 a step
				}
				for s := range 4000 {
					slope, drive, _ := current(t, g, x)
					want := shape(float64(s) * step)
					if math.Abs(x[0]-want) > close || math.Abs(slope[0]-x[0]) > 1e-7 || math.Abs(drive[0]+80*x[0]) > 1e-5 {
						t.Fatalf("%s rise %g, decay %g: g %g after %g ms, want %g; slope %g, drive %g", p.name, c.rise, c.decay, x[0], float64(s)*step, want, slope[0], drive[0])
					}
					most = max(most, x[0])
					advance(t, g, x)
				}
				if math.Abs(most-1) > 2e-3 { // the peak lies between two steps
					t.Errorf("%s rise %g, decay %g: peak %g, want 1", p.name, c.rise, c.decay, most)
				}
			}
		}
	}
}

// Synapses of one kind share a state because they are linear: two events are the sum of each alone.
func TestSynapsesAdd(t *testing.T) {
	g := synapse(t, "nmda", 0.1, true, []float64{2, 70, 0, 1, 0.08, 3.57}, []float64{-40})
	run := func(first, second bool) (trace []float64) {
		x := steady(t, g)
		for s := range 500 {
			if s == 0 && first || s == 123 && second {
				if err := g.Open(0.7, x); err != nil {
					t.Fatal(err)
				}
			}
			trace = append(trace, x[0])
			advance(t, g, x)
		}
		return trace
	}
	both, one, two := run(true, true), run(true, false), run(false, true)
	for s := range both {
		if math.Abs(both[s]-one[s]-two[s]) > 1e-14 {
			t.Fatalf("step %d: %g and %g give %g", s, one[s], two[s], both[s])
		}
	}
}

// NMDA: the current is that of the block, and the slope its derivative (central difference of the formula).
func TestNMDA(t *testing.T) {
	v := voltages()
	for _, p := range precisions {
		for _, c := range []struct{ e, mg, slope, scale float64 }{{0, 1, 0.08, 3.57}, {0, 2, 0.062, 3.57}, {-5, 0, 0.08, 3.57}, {0, 1, 0, 3.57}} {
			g := synapse(t, "nmda", 0.025, p.wide, []float64{2, 70, c.e, c.mg, c.slope, c.scale}, v)
			x := make([]float64, 2*len(v))
			for i := range v {
				x[i] = 0.5
			}
			slope, drive, _ := current(t, g, x)
			i := func(v float64) float64 { return 0.5 / (1 + math.Exp(-c.slope*v)*c.mg/c.scale) * (v - c.e) }
			close := 2e-9
			if !p.wide {
				close = 2e-6
			}
			negative := false
			for k := range v {
				const h = 1e-4
				want := (i(v[k]+h) - i(v[k]-h)) / (2 * h)
				negative = negative || want < 0
				if got := slope[k]*v[k] - drive[k]; math.Abs(slope[k]-want) > close || math.Abs(got-i(v[k])) > 200*close {
					t.Fatalf("%s %+v at %g mV: slope %g, current %g, want %g, %g", p.name, c, v[k], slope[k], got, want, i(v[k]))
				}
			}
			if c.mg > 0 && c.slope > 0 != negative {
				t.Errorf("%+v: a region of negative slope: %v", c, negative)
			}
		}
	}
}

func TestNMDAIsFiniteAnywhere(t *testing.T) {
	v := []float64{-1e30, -1e5, -200, -150, 100, 200, 1e30}
	for _, p := range precisions {
		for _, slope := range []float64{-10, -0.08, 0, 0.08, 10} {
			for _, mg := range []float64{0, 1e-20, 1, 1e6} {
				g := synapse(t, "nmda", 0.025, p.wide, []float64{2, 70, 0, mg, slope, 3.57}, v)
				x := make([]float64, 2*len(v))
				for i := range v {
					x[i] = 1
				}
				c, err := g.Current(x)
				if err != nil {
					t.Fatal(err)
				}
				for i, y := range c {
					if math.IsNaN(y) || math.Abs(y) > 1e4 {
						t.Fatalf("%s slope %g, %g mM at %g mV: %g", p.name, slope, mg, v[i%len(v)], y)
					}
				}
			}
		}
	}
}

func TestLeak(t *testing.T) {
	g := synapse(t, "pas", 0.025, true, []float64{0.25, -90}, []float64{-70, 0})
	slope, drive, _ := current(t, g, nil)
	for i := range g.V {
		if slope[i] != 0.25 || drive[i] != -22.5 {
			t.Errorf("slope %g, drive %g, want 0.25, -22.5", slope[i], drive[i])
		}
	}
}

// The pool's step is the solution of its equation for a current held over it, and its reversal potential is Nernst's:
// 127.59 mV at 6.3 C between 5e-5 and 2 mM (as the reference page, R and F of SI 2019).
func TestCalciumPool(t *testing.T) {
	const gamma, decay, depth, minimum, initial, outside, celsius, area = 0.000509, 294.679571, 0.1, 1e-4, 5e-5, 2, 6.3, 900.0
	currents := []float64{-1, -0.01, 0, 0.001, 100}
	for _, p := range precisions {
		g := synapse(t, "ca_pool", 0.1, p.wide, []float64{gamma, decay, depth, minimum, initial, outside, celsius, area}, make([]float64, len(currents)))
		g.Ca = currents
		x := steady(t, g)
		for i := range x {
			if math.Abs(x[i]-initial) > 1e-11 {
				t.Fatalf("%s: starts at %g", p.name, x[i])
			}
		}
		const steps = 3000
		for range steps {
			advance(t, g, x)
		}
		close := 1e-9
		if !p.wide {
			close = 5e-4 // changes of 3e-4 of the state a step, rounded by 6e-8 of it
		}
		for i, ica := range currents {
			rate := -1e4 * gamma * (ica * 100 / area) / (2 * 96485.33212 * depth) // mM/ms; nA/um2 is 100 mA/cm2
			end := minimum + rate*decay
			want := min(max(end+(initial-end)*math.Exp(-steps*0.1/decay), 1e-8), 1e3)
			if math.Abs(x[i]-want) > close*want {
				t.Errorf("%s ica %g nA: ca %g after 300 ms, want %g", p.name, ica, x[i], want)
			}
		}
		g.Ca = []float64{5e-5, 1e-4, 1e-3, 2, 1e-8}
		e, err := g.Reversal()
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(e[0]-127.5895) > 1e-3 {
			t.Errorf("%s: E_Ca %g at 5e-5 mM, want 127.5895", p.name, e[0])
		}
		for i, ca := range g.Ca {
			want := 1e3 * 8.314462618 * 279.45 / (2 * 96485.33212) * math.Log(2/ca)
			if close := map[bool]float64{true: 1e-10, false: 5e-5}[p.wide]; math.Abs(e[i]-want) > close {
				t.Errorf("%s: E_Ca %g at %g mM, want %g", p.name, e[i], ca, want)
			}
		}
	}
}
