package mechanisms

import (
	"math"
	"testing"
)

// dcaapGrid has the constants of Gidon et al. 2020, ModelDB 254217.
func dcaapGrid(t *testing.T, step, since float64, wide bool, v []float64) Grid {
	return synapse(t, "dcaap", step, wide, []float64{1.6, -36, -75, 0.3, 3, 0.4, 21, 200, since}, v)
}

// The current follows the two sigmoids from the trigger on; its amplitude is that of the trigger's voltage: whole just
// above the threshold, a tenth 27 mV above it (exp(-27/11.7)), nothing below.
func TestDendriticCalciumSpike(t *testing.T) {
	v := []float64{-75, -36.001, -35.9, -33, -30, -20, -9}
	for _, p := range precisions {
		for _, step := range []float64{0.025, 0.1} {
			g := dcaapGrid(t, step, 200, p.wide, v)
			x := steady(t, g)
			close := 1e-8
			if !p.wide {
				close = 2e-4 // 1000 roundings of the exponent's factor
			}
			peak := make([]float64, len(v))
			for s := range int(30 / step) {
				advance(t, g, x)
				_, drive, _ := current(t, g, x)
				at := float64(s) * step
				a := 1 / (1 + 999*math.Exp(-at/3))
				b := 0.0
				if s >= int(math.Round(21/step)) {
					b = 1 / (1 + 999*math.Exp(-(at-21)/0.4))
				}
				for i := range v {
					k := 0.0
					if v[i] > -36 {
						k = math.Exp(-(v[i] + 36) / (39 * 0.3))
					}
					if want := 1.6 * k * (a - b); math.Abs(drive[i]-want) > close {
						t.Fatalf("%s at %g ms, %g mV: %g nA after %g ms, want %g", p.name, step, v[i], drive[i], at, want)
					}
					peak[i] = max(peak[i], drive[i])
				}
			}
			if peak[0] != 0 || peak[1] != 0 {
				t.Errorf("%s: fires at %v mV, below its threshold", p.name, v[:2])
			}
			for i := 3; i < len(v); i++ {
				if !(peak[i] < peak[i-1] && peak[i] > 0) {
					t.Errorf("%s: peak %g nA at %g mV, %g at %g mV: want it to fall", p.name, peak[i], v[i], peak[i-1], v[i-1])
				}
			}
			if r := peak[2] / 1.6; math.Abs(r-0.6) > 0.005 {
				t.Errorf("%s: peak %g of w just above the threshold, want 0.6", p.name, r)
			}
			if r := peak[6] / peak[2]; math.Abs(r-0.1) > 0.005 {
				t.Errorf("%s: peak at -9 mV is %g of that at the threshold, want 0.1", p.name, r)
			}
		}
	}
}

// It fires again 200 ms later, not before, while the voltage stays above the threshold; `since` moves the first.
func TestDendriticCalciumSpikeIsRefractory(t *testing.T) {
	for _, p := range precisions {
		for _, step := range []float64{0.025, 0.1} {
			for _, c := range []struct {
				since float64
				want  []float64
			}{{200, []float64{0, 200, 400}}, {1e6, []float64{0, 200, 400}}, {0, []float64{200, 400}}, {150, []float64{50, 250, 450}}} {
				g := dcaapGrid(t, step, c.since, p.wide, []float64{-30})
				x := steady(t, g)
				var fired []float64
				for s := range int(500 / step) {
					advance(t, g, x)
					if x[3] == 0 {
						fired = append(fired, float64(s+1)*step)
					}
				}
				if len(fired) != len(c.want) {
					t.Fatalf("%s since %g: fires at %v ms, want %v", p.name, c.since, fired, c.want)
				}
				for i := range fired {
					if math.Abs(fired[i]-c.want[i]) > 1.001*step {
						t.Errorf("%s since %g: fires at %v ms, want %v", p.name, c.since, fired, c.want)
					}
				}
			}
		}
	}
}

// A cell that leaves and comes back above the threshold within the refractory time fires when both hold.
func TestDendriticCalciumSpikeWaits(t *testing.T) {
	g := dcaapGrid(t, 0.1, 200, true, []float64{0})
	x := steady(t, g)
	var fired []int
	for s := range 4000 {
		switch {
		case s < 100, s >= 1500 && s < 1600, s >= 3000:
			g.V[0] = -30
		default:
			g.V[0] = -60
		}
		advance(t, g, x)
		if x[3] == 0 {
			fired = append(fired, s)
		}
	}
	if len(fired) != 2 || fired[0] != 0 || fired[1] != 3000 {
		t.Errorf("fires in steps %v, want 0 and 3000", fired)
	}
}
