package probe

import (
	"context"
	"math"
	"testing"

	"neq/cuda"
	"neq/data/neuron"
)

func model(t testing.TB, name string, parameters map[string]float64) *Neuron {
	t.Helper()
	m, err := neuron.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	return subject(t, cell(t, neuron.Config{Model: name, Parameters: parameters}, neuron.Options{Dt: m.DefaultDt, Solver: m.DefaultSolver, Seed: 1}), 2)
}

// Gidon et al. 2020 (Science 367:83): either pathway alone fires the dendrite, and with it the soma; both together damp
// it. Whatever the seed.
func TestDendriteComputesXOR(t *testing.T) {
	s := model(t, "dcaap", nil)
	for seed := uint64(1); seed <= 2; seed++ {
		r, err := Run(context.Background(), "xor", s, Options{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		one := math.Min(float64(r.Found["spikes_a"]), float64(r.Found["spikes_b"]))
		if !*r.Verdict || one < 1 || float64(r.Found["spikes_both"]) > one/2 || r.Found["spikes_neither"] != 0 {
			t.Errorf("seed %d: %s %v", seed, r.Headline, r.Sentences)
		}
	}
	// without the dendritic spike the same cell only adds up
	r := probed(t, "xor", model(t, "dcaap", map[string]float64{"dcaap_na": 0}))
	if *r.Verdict || float64(r.Found["accuracy"]) > 0.75+1e-9 {
		t.Errorf("without a dendritic spike: %s %v", r.Headline, r.Sentences)
	}
}

// The layer 5 cell tells which of two inputs came first, and the direction of a sequence: towards the soma is heard more
// than away from it, as Branco, Clark & Hausser 2010 (Science 329:1671) found. Longer segments keep the test quick.
func TestOrderOnTheLayer5Cell(t *testing.T) {
	r := probed(t, "pairs", model(t, "l5pc", map[string]float64{"segment_length_um": 150}))
	if !*r.Verdict || math.Abs(float64(r.Found["pair_index"])) < 0.05 || float64(r.Found["sequence_index"]) < 0.05 {
		t.Errorf("%s %v: %v and %v, want above 0.05", r.Headline, r.Sentences, r.Found["pair_index"], r.Found["sequence_index"])
	}
}

// Two inputs on one segment are one input: their order does not matter, though their synapses differ in weight.
func TestOrderInOneSegment(t *testing.T) {
	r := probed(t, "pairs", model(t, "dcaap", map[string]float64{"a_ns": 4, "b_ns": 2}))
	if *r.Verdict {
		t.Errorf("%s %v: %v and %v", r.Headline, r.Sentences, r.Found["pair_index"], r.Found["sequence_index"])
	}
}

// On a passive cable (Rall 1967, J Neurophysiol 30:1138) the potential at the soma falls and comes later with the
// distance of its synapse, and is largest where it begins.
func TestDistanceOnACable(t *testing.T) {
	s := model(t, "ball-and-stick", nil)
	r := probed(t, "distance", s)
	if len(r.Rows) < 10 {
		t.Fatalf("%d synapses", len(r.Rows))
	}
	at := func(k, column int) float64 { return float64(r.Rows[k][column].(Number)) }
	for k := range r.Rows {
		local, soma := at(k, 2), at(k, 3)
		if soma <= 0 || local <= soma {
			t.Errorf("%v um: %v mV there, %v mV at the soma", at(k, 1), local, soma)
		}
		if k > 0 && (at(k, 1) <= at(k-1, 1) || soma >= at(k-1, 3) || at(k, 6) < at(k-1, 6)) {
			t.Errorf("%v um: %v mV at the soma after %v ms; nearer %v um: %v mV after %v ms", at(k, 1), soma, at(k, 6), at(k-1, 1), at(k-1, 3), at(k-1, 6))
		}
	}
	if s.About().Nodes < 20 || s.About().Synapses[0].Site == "" {
		t.Errorf("%+v", s.About().Synapses[0])
	}
}

// What is recorded at a site is that segment's voltage: at rest all are the same, under an event its own rises first.
func TestLocalVoltage(t *testing.T) {
	s := model(t, "ball-and-stick", nil)
	far := s.About().Groups[0].Count - 1
	all, err := s.Run(context.Background(), Session{Duration: 30, Every: 0.1, Sites: []int{0, far, 0}, Trials: []Trial{{Events: []Event{{5, far, 1}}}, {}}})
	if err != nil {
		t.Fatal(err)
	}
	near, tip := all[0].Local[0], all[0].Local[1]
	if &all[0].Local[2][0] != &near[0] || len(tip) != 300 {
		t.Errorf("one site is recorded once, for 300 values: %d", len(tip))
	}
	k := 70 // 2 ms after the event
	if dTip, dNear := tip[k]-all[1].Local[1][k], near[k]-all[1].Local[0][k]; dTip < 5*dNear || dTip < 0.5 {
		t.Errorf("after an event at the tip it is %v mV there, %v mV near the soma", dTip, dNear)
	}
	if tip[49] != all[1].Local[1][49] {
		t.Error("the voltage moves before the event")
	}
	var device cuda.Device = s.device
	if device.Name() != s.About().Device {
		t.Errorf("%q", s.About().Device)
	}
}
