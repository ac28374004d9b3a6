package cuda

import (
	"math"
	"testing"
)

// A soma of squid axon with a passive dendrite under a current: as the step is halved, the error of the fifth spike's
// time falls by 2 with implicit Euler, by 4 with the second-order solvers. The truth is either of those at a sixteenth of
// the smallest step; the two agree on it to a hundredth of the smallest error.
func TestTreeOrderOfConvergence(t *testing.T) {
	spike := func(solver Solver, dt float64) float64 {
		x := &Tree{Voltage: -65, Sites: []Site{{Node: 0, Instance: -1}}}
		for i := range 6 {
			area := 200.0
			if i == 0 {
				area = 1000
			}
			x.Parent, x.Axial = append(x.Parent, int32(i-1)), append(x.Axial, 0.05)
			x.Capacity, x.Area = append(x.Capacity, 1e-5*area), append(x.Area, area)
			if i == 0 {
				x.Instances = append(x.Instances, Instance{"hh", 0, []float64{1.2e-3 * area, 3.6e-4 * area, 3e-6 * area, 50, -77, -54.3, 6.3}})
			} else {
				x.Instances = append(x.Instances, Instance{"pas", int32(i), []float64{1e-6 * area, -65}})
			}
		}
		p := &Program{Precision: Float64, Solver: solver, Dt: dt, States: []string{"v"}, Tree: x}
		steps := int(math.Round(100 / dt))
		b := &Batch{Lanes: 1, Steps: steps, Every: steps, Current: []Current{{To: int32(steps), Amp: []float32{0.2}}}}
		runTreeTest(t, p, b, "", 1)
		if len(b.SpikeTime) < 5 {
			t.Fatalf("%v: %d spikes", solver, len(b.SpikeTime))
		}
		return b.SpikeTime[4]
	}
	const fine = 0.0125
	truth := spike(TwoStage, fine/16)
	if other := spike(Staggered, fine/16); math.Abs(other-truth) > 1e-5 {
		t.Errorf("two-stage converges to %.6f ms, staggered to %.6f", truth, other)
	}
	for solver, want := range map[Solver]float64{Euler: 1, Staggered: 2, TwoStage: 2} {
		wide, narrow := math.Abs(spike(solver, 2*fine)-truth), math.Abs(spike(solver, fine)-truth)
		order := math.Log2(wide / narrow)
		t.Logf("%v: error %.6f ms at %g, %.6f at %g: order %.2f", solver, wide, 2*fine, narrow, fine, order)
		if math.Abs(order-want) > 0.2 {
			t.Errorf("%v converges with order %.2f, want %v", solver, order, want)
		}
	}
}

// What is stiff decays: a spine whose time constant is a millionth of the step, displaced by a current, is back at its
// dendrite's voltage one step after the current ends, while Crank-Nicolson swings to the other side and back.
func TestTreeStiff(t *testing.T) {
	left := func(solver Solver) (displaced, after float64) {
		p := &Program{Precision: Float64, Solver: solver, Dt: 0.05, States: []string{"v", "v@spine"}, Tree: &Tree{Voltage: -70,
			Parent: []int32{-1, 0}, Axial: []float64{0, 0.01}, Capacity: []float64{0.01, 5e-10}, Area: []float64{1000, 1},
			Instances: []Instance{{"pas", 0, []float64{1e-3, -70}}}, Sites: []Site{{Node: 0, Instance: -1}, {Node: 1, Instance: -1}}}}
		b := &Batch{Lanes: 1, Steps: 40, Every: 1, Record: []int{0, 1}, Current: []Current{{To: 37, Node: 1, Amp: []float32{0.1}}}}
		runTreeTest(t, p, b, "", 1)
		off := func(k int) float64 { return float64(b.Trace[1][k] - b.Trace[0][k]) }
		return 10, off(38) // 0.1 nA through 100 MOhm
	}
	for solver, rings := range map[Solver]bool{Euler: false, Staggered: true, TwoStage: false} {
		displaced, after := left(solver)
		t.Logf("%v: %.3g mV of %.3g are left", solver, after, displaced)
		if rings && after > -0.9*displaced || !rings && math.Abs(after) > 1e-3*displaced {
			t.Errorf("%v: %.3g mV of %.3g are left after a step", solver, after, displaced)
		}
	}
}

// The point models have no such step.
func TestPointModelsRefuseTwoStage(t *testing.T) {
	d, err := NewCPU(CPUOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	p := programs()["hh"]
	p.Solver = TwoStage
	want := "cuda: program: kernel hh with solver two-stage: want euler or staggered; two-stage is for cells with dendrites"
	if err := d.Run(t.Context(), &p, &Batch{Lanes: 1, Steps: 1, Every: 1}); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
