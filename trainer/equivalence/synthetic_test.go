package equivalence

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"neq/internal/philox"
	"neq/trainer/fidelity"
)

// result is a fidelity with the given AUC and half-width of its interval.
func result(auc, half float64) fidelity.Result {
	in := func(v, h float64) *fidelity.Interval { return &fidelity.Interval{Low: v - h, High: math.Min(1, v+h)} }
	return fidelity.Result{Episodes: 100, Bins: 590000, Spikes: 472, AUC: auc, AUCInterval: in(auc, half), AveragePrecision: 0.3 + 0.5*(auc-0.5),
		Operating: []fidelity.Operating{{FalsePositives: 0.0025, TruePositives: auc - 0.1, Threshold: 1}, {FalsePositives: 0.01, TruePositives: auc - 0.02, Threshold: 0.2}},
		Threshold: 0.4, ThresholdFrom: "validation",
		F1:   []fidelity.SpikeF1{{Within: 1, F1: 0.61}, {Within: 2, F1: 0.72, Interval: in(0.72, 0.02)}, {Within: 5, F1: 0.8}},
		Rate: 0.8, PredictedRate: 0.83, RateError: 0.1, RMSE: 2 * math.Sqrt(1-auc) * 10, RMSEInterval: in(1, 0.1),
		ExplainedVariance: 1 - 4*(1-auc), ExplainedInterval: in(1-4*(1-auc), 0.01)}
}

func row(name, family string, parameters int, auc, half float64, seed uint64) Row {
	synaptic := parameters - 5
	if family != "filter" {
		synaptic = parameters * 4 / 5
	}
	spec, _ := json.Marshal(map[string]any{"family": family, "width": parameters, "name": name})
	return Row{Name: name, Family: family, Spec: spec, Seed: seed, Parameters: parameters, Synaptic: synaptic, Core: parameters - synaptic,
		MACs: float64(parameters), State: float64(parameters) / 100, ReceptiveField: 80, Fidelity: result(auc, half),
		TrainSeconds: 41, Steps: 600, BioSeconds: 3600, Trial: name}
}

// synthetic is a study of a leaky integrate-and-fire neuron that was never run: its rows are made up, its
// example is integrated here.
func synthetic() *Study {
	s := &Study{
		Neuron: Neuron{Model: "lif", Set: "beniaguev-2021", Threshold: -55, Tau: 20, Synapses: []Synapses{
			{Name: "excitatory", Kind: "delta", Count: 80, Weight: "2 mV"}, {Name: "inhibitory", Kind: "delta", Count: 20, Weight: "-2 mV"}}},
		Stimulus:  "rates drawn anew every 25 to 100 ms, smoothed over 40 to 100 ms, excitatory 0 to 50 events per 100 ms",
		Data:      Data{Train: 600, Validation: 100, Test: 100, Duration: 6000, BurnIn: 100, Seed: 1},
		Threshold: 0.99, Version: "0.1.0", Device: "cpu avx512, 2 threads", Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Facts:     []Fact{{"Simulation", "4,800 neuron-seconds in 0.9 s"}},
		Baselines: []fidelity.Baseline{{Name: "constant", Fidelity: result(0.5, 0)}, {Name: "mean rate", Fidelity: result(0.501, 0.004)}},
		Rows: []Row{
			row("filter 10 ms", "filter", 1005, 0.861, 0.012, 1), row("filter 20 ms", "filter", 2005, 0.934, 0.006, 1),
			row("filter 40 ms", "filter", 4005, 0.9813, 0.002, 1), row("filter 80 ms", "filter", 8005, 0.9974, 0.0005, 1),
			row("fcn 4 seed 1", "fcn", 32022, 0.9977, 0.0004, 1), row("fcn 4 seed 2", "fcn", 32022, 0.9981, 0.0004, 2),
			row("fcn 32 × 80 ms", "fcn", 256098, 0.9989, 0.0002, 1), row("tcn 3 × 8", "tcn", 6114, 0.9884, 0.002, 1),
			row("tcn 3 × 32", "tcn", 29442, 0.9965, 0.001, 1),
			{Name: "fcn 512", Family: "fcn", Parameters: 4096002, Error: "loss is NaN at step 12"},
		},
	}
	s.Rows[5].Spec = s.Rows[4].Spec
	for i, name := range []string{"filter 80 ms", "filter 40 ms"} {
		s.Examples = append(s.Examples, integrate(name, uint64(i)))
	}
	f := Filters{Surrogate: "filter 80 ms", Trial: "filter 80 ms", Channels: 1}
	rnd := philox.New(5, 0, 0)
	for _, g := range []struct {
		name  string
		sign  float64
		count int
	}{{"excitatory", 1, 80}, {"inhibitory", -1, 20}} {
		x := GroupFilter{Name: g.name, Kind: "delta", Count: g.count}
		for k := range 80 {
			x.Mean = append(x.Mean, g.sign*0.9*math.Exp(-float64(k)/20)+0.005*rnd.Normal())
			x.Spread = append(x.Spread, 0.06)
		}
		f.Groups = append(f.Groups, x)
	}
	s.Filters = []Filters{f}
	return s
}

// integrate runs the neuron for 3 s on Poisson input and calls a blurred copy the surrogate.
func integrate(name string, seed uint64) Example {
	e := Example{Surrogate: name, Trial: name, Sample: 17, Start: 1000, Threshold: 0.4,
		Inputs: []Raster{{Name: "excitatory", Count: 80}, {Name: "inhibitory", Count: 20}}}
	rnd := philox.New(3, seed, 0)
	v, w := -75.0, -75.0
	for k := range 3000 {
		t := float64(e.Start + k)
		drive := 0.5 + 0.5*math.Sin(t/180)*math.Sin(t/77)
		v = -75 + (v+75)*math.Exp(-1.0/20)
		w = -75 + (w+75)*math.Exp(-1.0/20)
		for g, rate := range []float64{0.0055, 0.003} {
			for s := range e.Inputs[g].Count {
				if rnd.Float64() < rate*(0.4+drive) {
					e.Inputs[g].Time = append(e.Inputs[g].Time, float32(t+0.3))
					e.Inputs[g].Synapse = append(e.Inputs[g].Synapse, int32(s))
					v += 2 - 4*float64(g)
					w += 2 - 4*float64(g)
				}
			}
		}
		e.V = append(e.V, float32(math.Min(v, -55)))
		e.PredictedV = append(e.PredictedV, float32(math.Min(w+0.6*rnd.Normal(), -55)))
		e.Probability = append(e.Probability, float32(1/(1+math.Exp(-(w+56)*1.6))))
		if v > -55 {
			e.Spikes = append(e.Spikes, t+0.3)
			v, w = -75, -74
		}
	}
	return e
}

func (c Candidate) String() string {
	return fmt.Sprintf("%s/%d seeds %d %.5f ±%.5f frontier %v", c.Name, c.Parameters, c.Seeds, c.Value, c.Spread, c.Frontier)
}
