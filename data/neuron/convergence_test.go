package neuron

import (
	"math"
	"testing"

	"neq/cuda"
)

// TestOrderOfConvergence halves the step and looks at how the error of the tenth spike's time falls: by 2 for the
// implicit Euler step, by 4 for the staggered one. Errors are against the staggered step at a sixteenth of the
// smallest, in float64.
func TestOrderOfConvergence(t *testing.T) {
	spike := func(solver cuda.Solver, dt float64) float64 {
		cell := compile(t, Config{Model: "hh"}, Options{Dt: dt, Solver: solver, Precision: cuda.Float64})
		got := run(t, cell, stepBatch(cell, 170, 1, 170, 0.12))
		if len(got) < 10 {
			t.Fatalf("%d spikes", len(got))
		}
		return got[9]
	}
	truth := spike(cuda.Staggered, 0.0125/16)
	for _, c := range []struct {
		solver cuda.Solver
		order  float64
	}{{cuda.Euler, 1}, {cuda.Staggered, 2}} {
		coarse, fine := math.Abs(spike(c.solver, 0.025)-truth), math.Abs(spike(c.solver, 0.0125)-truth)
		order := math.Log2(coarse / fine)
		t.Logf("solver %d: error %.5f ms at 0.025, %.5f at 0.0125: order %.2f", c.solver, coarse, fine, order)
		if math.Abs(order-c.order) > 0.2 {
			t.Errorf("solver %d converges with order %.2f, want %v", c.solver, order, c.order)
		}
	}
}
