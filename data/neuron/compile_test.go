package neuron

import (
	"errors"
	"maps"
	"math"
	"strings"
	"testing"

	"neq/cuda"
)

// TestCompileNamesTheKey: what cannot be is refused with the key and what would do.
func TestCompileNamesTheKey(t *testing.T) {
	syn := func(s SynapseGroup) Config { return Config{Model: "hh", Synapses: []SynapseGroup{s}} }
	par := func(model, name string, v float64) Config {
		return Config{Model: model, Parameters: map[string]float64{name: v}}
	}
	two := 2.0
	for _, c := range []struct {
		cfg  Config
		o    Options
		want string
	}{
		{Config{}, Options{}, "neuron.model: missing: choose one of lif, izhikevich"},
		{Config{Model: "izikevich"}, Options{}, `neuron.model: no model "izikevich" (did you mean "izhikevich"?)`},
		{Config{Model: "adex", Set: "tonik"}, Options{}, `neuron.set: model adex has no set "tonik" (did you mean "tonic"?)`},
		{par("lif", "capacitance_pf", -3), Options{}, "neuron.parameters.capacitance_pf: -3 is below 0.001 pF"},
		{par("lif", "capacitance", 3), Options{}, `neuron.parameters.capacitance: model lif has no such parameter (did you mean "capacitance_pf"?)`},
		{par("hh", "sodium_mv", math.NaN()), Options{}, "neuron.parameters.sodium_mv: NaN is not a number"},
		{par("hh", "diameter_um", 1e9), Options{}, "neuron.parameters.diameter_um: 1e+09 is above"},
		{par("lif", "reset_mv", -50), Options{}, "neuron.parameters.reset_mv: -50 is not below threshold_mv"},
		{par("lif", "refractory_ms", 0.25), Options{Dt: 0.1}, "neuron.parameters.refractory_ms: 0.25 is not a multiple of dt"},
		{par("adex", "slope_mv", 0.1), Options{}, "neuron.parameters.slope_mv: 0.1: peak_mv is"},
		{par("izhikevich", "peak_mv", 10), Options{Dt: 0.1}, ""},
		{Config{Model: "lif"}, Options{Dt: 25}, "dt_ms: 25 ms is above a time constant of model lif, refractory_ms = 1 ms"},
		{Config{Model: "hh"}, Options{Dt: 0.2}, "dt_ms: 0.2 ms is above a time constant of model hh, time constant of sodium activation = 0.1"},
		{Config{Model: "hh"}, Options{Dt: 0.1}, ""},
		{Config{Model: "hh"}, Options{Dt: -1}, "dt_ms: -1: want a time above 0"},
		{Config{Model: "hh"}, Options{Dt: math.NaN()}, "dt_ms: NaN"},
		{par("hh", "temperature_c", 26.3), Options{Dt: 0.025}, "dt_ms: 0.025 ms is above a time constant"},
		{syn(SynapseGroup{Count: 1}), Options{}, "neuron.synapses[0].kind: missing: choose one of delta, ampa"},
		{syn(SynapseGroup{Kind: "gaba", Count: 1}), Options{}, `neuron.synapses[0].kind: no kind "gaba" (did you mean "gaba_a"?)`},
		{syn(SynapseGroup{Kind: "ampa"}), Options{}, "neuron.synapses[0].count: 0: want 1 or more"},
		{syn(SynapseGroup{Kind: "ampa", Count: 1, Release: &two}), Options{}, "neuron.synapses[0].release_probability: 2 is outside 0..1"},
		{syn(SynapseGroup{Kind: "ampa", Count: 1, Weight: Weight{Constant: -1}}), Options{}, "neuron.synapses[0].weight: -1 is below 0"},
		{syn(SynapseGroup{Kind: "delta", Count: 1, Weight: Weight{Constant: -1}}), Options{}, ""},
		{syn(SynapseGroup{Kind: "ampa", Count: 1, Weight: Weight{Distribution: "lognormal", Mean: -1}}), Options{}, "neuron.synapses[0].weight.mean: -1"},
		{syn(SynapseGroup{Kind: "ampa", Count: 1, Weight: Weight{Distribution: "uniform", Low: 2, High: 1}}), Options{}, "neuron.synapses[0].weight.low: 2 is above high"},
		{syn(SynapseGroup{Kind: "ampa", Count: 1, Weight: Weight{Constant: 1e40}}), Options{}, "beyond what float32 holds"},
		{syn(SynapseGroup{Kind: "ampa", Count: 1, Parameters: map[string]float64{"tau": 1}}), Options{}, "neuron.synapses[0].parameters.tau: kind ampa has no such parameter"},
		{syn(SynapseGroup{Kind: "ampa", Count: 1, Parameters: map[string]float64{"rise_ms": 3}}), Options{}, "neuron.synapses[0].parameters.rise_ms: 3 is not below decay_ms, 3"},
		{syn(SynapseGroup{Kind: "ampa", Count: 1, Parameters: map[string]float64{"rise_ms": 0.01}}), Options{}, "dt_ms: 0.025 ms is above a time constant of model hh, rise_ms of ampa = 0.01 ms"},
		{Config{Model: "lif", Synapses: []SynapseGroup{{Kind: "ampa", Count: 1}}}, Options{}, ""},
		{Config{Model: "lif", Synapses: []SynapseGroup{{Name: "a", Kind: "ampa", Count: 1}, {Name: "a", Kind: "ampa", Count: 1}}}, Options{}, `neuron.synapses[1].name: "a" is also the name`},
	} {
		_, err := Compile(c.cfg, c.o)
		var key *KeyError
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%+v: %v", c.cfg, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%+v: %v, want %q", c.cfg, err, c.want)
		case err != nil && !errors.As(err, &key):
			t.Errorf("%v is not a KeyError", err)
		}
	}
}

// TestCompileLeavesTheConfigurationAlone: compiling twice gives the same cell, and the parameters stay as given.
func TestCompileLeavesTheConfigurationAlone(t *testing.T) {
	over := map[string]float64{"a_ns": 3}
	cfg := Config{Model: "adex", Set: "bursting", Parameters: over, Synapses: []SynapseGroup{
		{Name: "s", Kind: "nmda", Count: 5, Weight: Weight{Distribution: "lognormal", Mean: 1, SD: 0.5}}}}
	a, b := compile(t, cfg, Options{Seed: 4}), compile(t, cfg, Options{Seed: 4})
	if !maps.Equal(over, map[string]float64{"a_ns": 3}) {
		t.Errorf("parameters became %v", over)
	}
	for i := range a.Synapses {
		if a.Synapses[i] != b.Synapses[i] {
			t.Errorf("synapse %d differs between two compilations", i)
		}
	}
	if c := compile(t, cfg, Options{Seed: 5}); c.Synapses[0] == a.Synapses[0] {
		t.Error("another seed draws the same weight")
	}
	if a.Program.Params[4] != 3/200.0 || a.Program.Params[0] != 10/200.0 {
		t.Errorf("parameters %v: want a 3 nS and leak 10 nS over 200 pF", a.Program.Params)
	}
}

// FuzzCompile: no configuration panics, and a cell that compiles has finite tables.
func FuzzCompile(f *testing.F) {
	f.Add("lif", "tau_ms", 20.0, "ampa", "rise_ms", 0.3, 0.1)
	f.Add("pospischil-ib", "vt_mv", -60.0, "nmda", "slope_per_mv", 0.08, 0.025)
	f.Add("adex", "slope_mv", 1e-300, "gaba_b", "decay_ms", 1e300, -1.0)
	f.Fuzz(func(t *testing.T, model, name string, v float64, kind, par string, w, dt float64) {
		cell, err := Compile(Config{Model: model, Parameters: map[string]float64{name: v}, Synapses: []SynapseGroup{
			{Kind: kind, Count: 2, Weight: Weight{Distribution: "normal", Mean: w, SD: 1}, Parameters: map[string]float64{par: w}}}}, Options{Dt: dt})
		if err != nil {
			return
		}
		p := cell.Program
		for _, x := range append(append([]float64{p.Dt, p.Threshold, cell.CurrentScale}, p.Params...), p.Initial...) {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				t.Fatalf("%s %s %v: a table holds %v: %+v", model, name, v, x, p)
			}
		}
		for _, r := range p.Receptors {
			if g := cuda.Peak(r.Rise, r.Decay); r.Kind != cuda.Delta && !(g >= 1) {
				t.Fatalf("receptor %+v has peak %v", r, g)
			}
		}
	})
}
