package neuron

import (
	"context"
	"math"
	"testing"

	"neq/cuda"
)

func compile(t testing.TB, c Config, o Options) *Cell {
	t.Helper()
	cell, err := Compile(c, o)
	if err != nil {
		t.Fatal(err)
	}
	return cell
}

// stepBatch is one cell for some ms, recorded every step's worth of 1 ms, with a current between two times.
func stepBatch(c *Cell, ms, from, to, amp float64) *cuda.Batch {
	dt := c.Program.Dt
	step := func(t float64) int32 { return int32(math.Round(t / dt)) }
	b := &cuda.Batch{Lanes: 1, Steps: int(step(ms)), Every: max(1, int(step(1))), Record: []int{0}}
	if amp != 0 {
		b.Current = []cuda.Current{{From: step(from), To: step(to), Amp: []float32{float32(amp * c.CurrentScale)}}}
	}
	return b
}

// run integrates a batch and returns the spikes of its first lane.
func run(t testing.TB, c *Cell, b *cuda.Batch) []float64 {
	t.Helper()
	d, err := cuda.NewCPU(cuda.CPUOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Run(context.Background(), &c.Program, b); err != nil {
		t.Fatal(err)
	}
	return b.SpikeTime[b.SpikeStart[0]:b.SpikeStart[1]]
}

// compareSpikes wants the same number of spikes, each within tol ms, and returns the largest distance.
func compareSpikes(t *testing.T, got, want []float64, tol float64) float64 {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d spikes, want %d: %v, want %v", len(got), len(want), got, want)
		return math.Inf(1)
	}
	worst, at := 0.0, 0
	for i := range got {
		if d := math.Abs(got[i] - want[i]); d > worst {
			worst, at = d, i
		}
	}
	if worst > tol {
		t.Errorf("spike %d of %d at %.4f ms, want %.4f", at, len(got), got[at], want[at])
	}
	return worst
}
