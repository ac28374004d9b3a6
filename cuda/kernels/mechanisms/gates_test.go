package mechanisms

import (
	"fmt"
	"math"
	"testing"
)

var singular = []float64{-17, -27, -32, -38, -40, -55, -60, -64.4, -66} // where a rate is 0/0, mV

// voltages are -120..80 mV and every voltage where a rate is 0/0, with its neighbours.
func voltages() []float64 {
	var v []float64
	for x := -120.0; x <= 80; x += 0.37 {
		v = append(v, x)
	}
	for _, x := range singular {
		for _, d := range []float64{0, 1e-9, -1e-9, 1e-5, -1e-5, 1e-3, -1e-3, 0.02} {
			v = append(v, x+d)
		}
	}
	return v
}

func calcium(n int) []float64 {
	ca := make([]float64, n)
	for i := range ca {
		ca[i] = 1e-5 * math.Pow(1e4, float64(i)/float64(n-1)) // 1e-5 to 0.1 mM
	}
	return ca
}

// grid is a channel of unit conductance.
func grid(t testing.TB, name string, step float64, wide bool, v []float64) Grid {
	t.Helper()
	m, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	p := []float64{1, -85}
	switch name {
	case "hh":
		p = []float64{1.2, 0.36, 0.003, 50, -77, -54.3, 6.3}
	case "ca_hva", "ca_lva":
		p = p[:1]
	}
	g := Grid{Mechanism: m, Parameters: p, Step: step, Wide: wide, V: v, Ca: calcium(len(v)), Eca: make([]float64, len(v))}
	for i := range g.Eca {
		g.Eca[i] = 130
	}
	return g
}

func steady(t testing.TB, g Grid) []float64 {
	t.Helper()
	x, err := g.Steady()
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func advance(t testing.TB, g Grid, x []float64) {
	t.Helper()
	if err := g.Advance(x); err != nil {
		t.Fatal(err)
	}
}

func current(t testing.TB, g Grid, x []float64) (slope, drive, ica []float64) {
	t.Helper()
	c, err := g.Current(x)
	if err != nil {
		t.Fatal(err)
	}
	n := len(g.V)
	return c[:n], c[n : 2*n], c[2*n:]
}

var precisions = []struct {
	name         string
	wide         bool
	close, round float64 // relative: of rates (worst next to 0/0, where a fraction cancels), of a state
}{{"float32", false, 4e-5, 1.2e-7}, {"float64", true, 1e-9, 4e-15}}

func TestSteadyState(t *testing.T) {
	v := voltages()
	for _, p := range precisions {
		for name, ref := range references {
			g := grid(t, name, 0.025, p.wide, v)
			x := steady(t, g)
			for k, gate := range ref.gates {
				for i := range v {
					want, _ := gate(v[i], g.Ca[i])
					if got := x[k*len(v)+i]; !(math.Abs(got-want) <= p.close*want) {
						t.Errorf("%s %s gate %d at %g mV, ca %g: steady state %g, want %g", p.name, name, k, v[i], g.Ca[i], got, want)
						break
					}
				}
			}
		}
	}
}

// A step of a gate is held against cnexp: an error relative to the change, beyond the rounding of the state and of the
// rates. In float64 it is cnexp. In float32 it is the form that gate.h states for the gate: the bounds are those of the
// form at the shortest time constant within -100..50 mV, which sodium's and Im's gates reach only at 50 mV.
func TestStepIsCnexp(t *testing.T) {
	var v []float64
	for x := -100.0; x <= 50; x += 0.53 {
		v = append(v, x)
	}
	bound := map[string][2]float64{ // at 0.025 and 0.1 ms
		"nats2": {1e-4, 1.5e-2}, "nata": {1.5e-4, 2e-2}, "hh": {1e-5, 4e-3}, "im": {1.5e-4, 2e-2}, // gate_fast
		"nap": {1e-5, 4e-4}, "k_tst": {1e-5, 5e-4}, "ca_hva": {1e-5, 4e-5}, // gate
		"k_pst": {1e-5, 1e-5}, "skv3_1": {1e-5, 1e-5}, "sk_e2": {1e-5, 1e-5},
		"ca_lva": {1e-5, 3e-4}, "ih": {2e-5, 6e-4}, // gate_slow
	}
	for _, p := range precisions {
		for name, ref := range references {
			for s, step := range []float64{0.025, 0.1} {
				worst, at := 0.0, ""
				g := grid(t, name, step, p.wide, v)
				for _, start := range []float64{0, 0.31, 1} {
					x := make([]float64, g.States*len(v))
					for i := range x {
						x[i] = start
					}
					advance(t, g, x)
					for k, gate := range ref.gates {
						for i := range v {
							inf, tau := gate(v[i], g.Ca[i])
							moved := -math.Expm1(-step / tau)
							change := (inf - start) * moved
							round := p.round*start + moved*p.close*max(inf, start)
							err := math.Abs(x[k*len(v)+i]-start-change) - round
							if r := err / math.Abs(change); r > worst {
								worst, at = r, fmt.Sprintf("gate %d at %.1f mV from %g: %g, want %g", k, v[i], start, x[k*len(v)+i], start+change)
							}
						}
					}
				}
				limit := 1e-7
				if !p.wide {
					limit = bound[name][s]
				}
				if worst > limit {
					t.Errorf("%s %s at %g ms: error %.2g of the change (%s), want %.2g", p.name, name, step, worst, at, limit)
				}
			}
		}
	}
}

// What is at its steady state stays there, and what is not comes to it.
func TestSteadyStateIsWhereGatesGo(t *testing.T) {
	v := voltages()
	for _, p := range precisions {
		for name := range references {
			for _, step := range []float64{0.025, 0.1, 1} {
				g := grid(t, name, step, p.wide, v)
				rest := steady(t, g)
				x := append([]float64(nil), rest...)
				advance(t, g, x)
				round := 3e-7 // of float32; the change is added to x
				if p.wide {
					round = 1e-13
				}
				for i := range x {
					if !(math.Abs(x[i]-rest[i]) <= round*rest[i]) {
						t.Errorf("%s %s at %g ms, %g mV: leaves its steady state %g for %g", p.name, name, step, v[i%len(v)], rest[i], x[i])
						break
					}
				}
			}
			some := make([]float64, 0, 40)
			for i := 0; i < len(v); i += len(v) / 39 {
				some = append(some, v[i])
			}
			g := grid(t, name, 1, p.wide, some)
			rest, x := steady(t, g), make([]float64, g.States*len(some))
			for range 40000 {
				advance(t, g, x)
			}
			for i := range x {
				// a change below half a unit in the last place is lost: (inf-x) k of that size, k down to 5e-4 (nap h)
				if !(math.Abs(x[i]-rest[i]) <= 2e-4*rest[i]) {
					t.Errorf("%s %s at %g mV: %g after 40 s, steady state %g", p.name, name, some[i%len(some)], x[i], rest[i])
					break
				}
			}
		}
	}
}

// No voltage gives anything but states within 0..1 and finite currents, at steps to 1 ms.
func TestAnyVoltage(t *testing.T) {
	v := []float64{-1e30, -1e6, -200, -155, -154.9, -150, -120, 0, 100, 150, 200, 1e6, 1e30}
	for x := -200.0; x <= 200; x += 0.61 {
		v = append(v, x)
	}
	for _, p := range precisions {
		for name := range references {
			for _, step := range []float64{0.001, 0.025, 0.1, 1} {
				g := grid(t, name, step, p.wide, v)
				for _, start := range []float64{-1, 0, 0.5, 1} { // -1: steady
					x := steady(t, g)
					for i := range x {
						if start >= 0 {
							x[i] = start
						}
					}
					for range 3 {
						advance(t, g, x)
					}
					c, err := g.Current(x)
					if err != nil {
						t.Fatal(err)
					}
					for i, y := range x {
						if !(y >= -0.1 && y <= 1.1) {
							t.Fatalf("%s %s at %g ms, %g mV from %g: state %g", p.name, name, step, v[i%len(v)], start, y)
						}
					}
					for i, y := range c {
						if math.IsNaN(y) || math.IsInf(y, 0) {
							t.Fatalf("%s %s at %g mV: current %g", p.name, name, v[i%len(v)], y)
						}
					}
				}
			}
		}
	}
}

// Channels' currents are g gates (v - e): slope and drive, and the calcium current.
func TestCurrents(t *testing.T) {
	v := voltages()
	for _, p := range precisions {
		round := 1e-6
		if p.wide {
			round = 1e-14
		}
		for name, ref := range references {
			g := grid(t, name, 0.025, p.wide, v)
			x := make([]float64, g.States*len(v))
			for i := range x {
				x[i] = 0.1 + 0.8*float64(i%97)/97
			}
			slope, drive, ica := current(t, g, x)
			for i := range v {
				at := make([]float64, g.States)
				for k := range at {
					at[k] = x[k*len(v)+i]
				}
				var wantSlope, wantDrive, wantIca float64
				switch {
				case name == "hh":
					na, k := 1.2*at[0]*at[0]*at[0]*at[1], 0.36*math.Pow(at[2], 4)
					wantSlope, wantDrive = na+k+0.003, 50*na-77*k-54.3*0.003
				case g.Class == Calcium:
					wantSlope = ref.open(at)
					wantDrive, wantIca = 130*wantSlope, wantSlope*(v[i]-130)
				default:
					wantSlope = ref.open(at)
					wantDrive = -85 * wantSlope
				}
				size := math.Abs(wantSlope) * 200
				if math.Abs(slope[i]-wantSlope) > round*size || math.Abs(drive[i]-wantDrive) > round*size || math.Abs(ica[i]-wantIca) > 2*round*size {
					t.Errorf("%s %s at %g mV: slope %g, drive %g, ica %g, want %g, %g, %g", p.name, name, v[i], slope[i], drive[i], ica[i], wantSlope, wantDrive, wantIca)
					break
				}
			}
		}
	}
}

// At 1 ms, coarser than any time constant of sodium's m, gates with an L-stable form still land on their steady state,
// and none overshoots it by more than the form's own limit.
func TestCoarseSteps(t *testing.T) {
	v := voltages()
	for name, gates := range map[string][]int{"nats2": {0}, "nata": {0}, "hh": {0}} {
		g := grid(t, name, 1, false, v)
		rest := steady(t, g)
		for _, k := range gates {
			x := make([]float64, g.States*len(v))
			for range 3 {
				advance(t, g, x)
			}
			for i := range v {
				_, tau := references[name].gates[k](v[i], 0)
				if got := x[k*len(v)+i]; tau < 0.1 && math.Abs(got-rest[k*len(v)+i]) > 0.01*rest[k*len(v)+i] {
					t.Errorf("%s gate %d at %g mV: %g after 3 steps of 1 ms, steady state %g", name, k, v[i], got, rest[k*len(v)+i])
				}
			}
		}
	}
}
