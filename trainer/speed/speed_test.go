package speed

import (
	"context"
	"errors"
	"math"
	"testing"

	"neq/cuda"
	"neq/data/neuron"
	"neq/surrogates"
	"neq/surrogates/ops"
)

func device(t *testing.T) cuda.Device {
	d, err := cuda.NewCPU(cuda.CPUOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// The input is the paper's: 12 Hz an excitatory synapse and 9.5 Hz an inhibitory one, to the noise of a Poisson count
// (five standard deviations); the rates follow from each other.
func TestSimulate(t *testing.T) {
	lif := neuron.Config{Model: "lif", Synapses: []neuron.SynapseGroup{{Name: "exc", Kind: "delta", Count: 80, Weight: neuron.Weight{Constant: 2}},
		{Name: "inh", Kind: "delta", Count: 20, Weight: neuron.Weight{Constant: -2}}}}
	for _, c := range []struct {
		cfg      neuron.Config
		dt, want float64 // events a second
	}{
		{lif, 0.1, 80*12 + 20*9.5}, {neuron.Config{Model: "hh"}, 0.025, 0}, {neuron.Config{Model: "ball-and-stick"}, 0.05, 20 * (12 + 9.5)},
	} {
		r, err := Simulate(context.Background(), device(t), 1, c.cfg, neuron.Options{Dt: c.dt, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		bio := float64(r.Cells) * r.Duration / 1000
		if math.Abs(r.InputRate-c.want) > 5*math.Sqrt(c.want/bio) || !(r.NeuronSteps > 0) || r.SegmentSteps != r.NeuronSteps*float64(r.Segments) ||
			math.Abs(r.NeuronSeconds/(r.NeuronSteps*c.dt/1000)-1) > 1e-9 || r.Dt != c.dt || r.Refused != "" {
			t.Errorf("%+v, want %v events a second", r, c.want)
		}
	}
}

// A step that a model cannot bear is no error: the row says so, and which it could.
func TestRefusedStep(t *testing.T) {
	r, err := Simulate(context.Background(), device(t), 1, neuron.Config{Model: "pospischil-rs"}, neuron.Options{Dt: 0.1})
	if err != nil || r.Refused == "" || r.Longest() != "0.03397 ms" {
		t.Errorf("%v %+v: %q", err, r, r.Longest())
	}
	if _, err := Simulate(context.Background(), device(t), 1, neuron.Config{Model: "nope"}, neuron.Options{Dt: 0.1}); err == nil {
		t.Error("no model nope, and no error")
	}
}

func TestTrain(t *testing.T) {
	n := Network{"small", surrogates.Spec{Family: "filter", Window: 20}, 10, 2, 100, 0.01, ops.Float32}
	r, err := Train(context.Background(), n, 1)
	if err != nil || r.Parameters < 200 || !(r.Steps > 0) || math.Abs(r.BioSeconds/(r.Steps*0.2)-1) > 1e-9 {
		t.Errorf("%v %+v", err, r)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Train(ctx, n, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled, yet %v", err)
	}
}
