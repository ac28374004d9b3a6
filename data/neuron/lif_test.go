package neuron

import (
	"math"
	"testing"

	"neq/cuda"
	"neq/internal/philox"
)

// TestLIFAgainstClosedForm injects a current into a cell that may not fire: v = rest + tau I (1 - exp(-t/tau)).
// The tolerance is a unit in the last place of v per step, which decay keeps from adding up beyond tau/dt of them.
func TestLIFAgainstClosedForm(t *testing.T) {
	for _, precision := range []cuda.Precision{cuda.Float32, cuda.Float64} {
		for _, dt := range []float64{1, 0.1} {
			cell := compile(t, Config{Model: "lif", Parameters: map[string]float64{"threshold_mv": 50}}, Options{Dt: dt, Precision: precision})
			b := stepBatch(cell, 200, 0, 200, 250)
			run(t, cell, b)
			ulp := 75 * math.Pow(2, -24)
			for k, v := range b.Trace[0] {
				want := -75 + 20*250*cell.CurrentScale*-math.Expm1(-float64(k)/20)
				tol := 2 * ulp // the record is float32
				if precision == cuda.Float32 {
					tol = ulp * 20 / dt
				}
				if math.Abs(float64(v)-want) > tol {
					t.Fatalf("float%d dt %g: v(%d ms) = %v, want %v within %.1g", 32+32*precision, dt, k, v, want, tol)
				}
			}
		}
	}
}

// TestLIFExperiment checks the neuron of Beniaguev et al. 2021, Fig. 1, against its formula: V(t) = -75 + 2 mV times
// the sum over events of +-exp(-(t-t_event)/20); above -55 mV a spike, after which (V(t+1) + 75) exp(-(t'-t-1)/20)
// is subtracted.
func TestLIFExperiment(t *testing.T) {
	const ms = 2000
	cell := compile(t, Config{Model: "lif", Synapses: []SynapseGroup{
		{Name: "exc", Kind: "delta", Count: 80, Weight: Weight{Constant: 2}},
		{Name: "inh", Kind: "delta", Count: 20, Weight: Weight{Constant: -2}}}}, Options{})
	if cell.Program.Dt != 1 || len(cell.Program.Receptors) != 1 || len(cell.Synapses) != 100 {
		t.Fatalf("dt %v, %d receptors, %d synapses; want 1 ms, one shared receptor, 100", cell.Program.Dt, len(cell.Program.Receptors), len(cell.Synapses))
	}
	b := &cuda.Batch{Lanes: 1, Steps: ms, Every: 1, Record: []int{0}}
	s := philox.New(3, 0, 0)
	net := make([]float64, ms)
	for k := range ms {
		for i, y := range cell.Synapses {
			if s.Float64() < 0.008+0.006*float64(k/500%2)*float64(1-y.Group) {
				b.Events.Step = append(b.Events.Step, int32(k))
				b.Events.Receptor = append(b.Events.Receptor, y.Receptor)
				b.Events.Weight = append(b.Events.Weight, y.Device)
				net[k] += cell.Synapses[i].Weight
			}
		}
	}
	b.Events.Offset = []int64{0, int64(len(b.Events.Step))}
	got := run(t, cell, b)
	var spikes []float64
	var resets [][2]float64 // time and what is subtracted then
	for k := range ms {
		v := -75.0
		for e := range k + 1 {
			v += net[e] * math.Exp(-float64(k-e)/20)
		}
		for _, r := range resets {
			v -= r[1] * math.Exp(-(float64(k)-r[0])/20)
		}
		if len(spikes) > 0 && spikes[len(spikes)-1] == float64(k-1) {
			resets = append(resets, [2]float64{float64(k), v + 75})
			v = -75
		}
		if d := math.Abs(float64(b.Trace[0][k]) - v); d > 2e-4 { // float32 over tau/dt steps of up to 20 events
			t.Fatalf("v(%d ms) = %v, formula %v", k, b.Trace[0][k], v)
		}
		if v > -55 {
			spikes = append(spikes, float64(k))
		}
	}
	if len(spikes) < 20 {
		t.Fatalf("%d spikes: too few to tell", len(spikes))
	}
	compareSpikes(t, got, spikes, 0)
}

// TestLIFRefractory: a cell held above threshold fires every refractory period plus the time to charge.
func TestLIFRefractory(t *testing.T) {
	cell := compile(t, Config{Model: "lif", Parameters: map[string]float64{"refractory_ms": 3, "tau_ms": 10}}, Options{Dt: 0.5})
	const amp = 2500 // 10 mV/ms: from -75 to above -55 mV in 10 ln(100/80) = 2.23 ms, that is 5 steps
	got := run(t, cell, stepBatch(cell, 50, 0, 50, amp))
	for i := 1; i < len(got); i++ {
		if d := got[i] - got[i-1]; d != 3+2.5 {
			t.Fatalf("spikes at %v: interval %v, want 5.5", got, d)
		}
	}
	if len(got) != 9 {
		t.Errorf("%d spikes in 50 ms, want 9", len(got))
	}
}
