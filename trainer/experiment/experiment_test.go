package experiment

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"neq/cuda"
	"neq/data/neuron"
	"neq/data/traces"
	"neq/surrogates"
)

// load writes a configuration to a file and loads it.
func load(t *testing.T, text string, sets ...string) (*Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return Load(path, sets)
}

// Every model's template runs as it is, and its neuron spikes at a rate that can be learnt.
func TestTemplates(t *testing.T) {
	dev, err := cuda.NewCPU(cuda.CPUOptions{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	for _, m := range neuron.Models() {
		t.Run(m.Name, func(t *testing.T) {
			text, err := Template(m.Name)
			if err != nil {
				t.Fatal(err)
			}
			whole, err := load(t, text)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := whole.Plan("test"); err != nil {
				t.Fatal(err)
			}
			trials, err := whole.Trials()
			if err != nil {
				t.Fatal(err)
			}
			for _, trial := range trials {
				if _, err := surrogates.New(trial.Spec, surrogates.PlainInputs(100), 0, 1); err != nil {
					t.Errorf("%s: %v", trial.Name, err)
				}
			}
			if len(trials) < 5 {
				t.Errorf("%d surrogates: too few for a frontier", len(trials))
			}

			samples, seconds := 32, 2
			if m.Cell != "" { // dearer
				samples, seconds = 16, 1
			}
			x, err := load(t, text, fmt.Sprintf("simulation.samples={train: %d}", samples), fmt.Sprintf("simulation.duration_ms=%d", 1000*seconds))
			if err != nil {
				t.Fatal(err)
			}
			plan, err := x.Plan("test")
			if err != nil {
				t.Fatal(err)
			}
			s, err := plan.Shard(context.Background(), dev, 0, 2)
			if err != nil {
				t.Fatal(err)
			}
			if rate := float64(len(s.SpikeTime)) / float64(samples*seconds); rate < 0.3 || rate > 20 {
				t.Errorf("%.2f Hz: want 0.3 to 20", rate)
			} else {
				t.Logf("%.2f Hz", rate)
			}
			high := float32(-1000)
			for _, v := range s.SomaV {
				high = max(high, v)
			}
			if clip := *x.Training.Voltage.Clip; clip > float64(high)+20 {
				t.Errorf("the voltage is cut at %g mV and never exceeds %g", clip, high)
			}
		})
	}
	if _, err := Template("nope"); err == nil || !strings.Contains(err.Error(), "lif") {
		t.Errorf("unknown model: %v, want the models there are", err)
	}
}

// The examples of the repository load, plan and expand.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, f := range files {
		x, err := Load(f, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := x.Plan("test"); err != nil {
			t.Error(err)
		}
		trials, err := x.Trials()
		if err != nil {
			t.Error(err)
		}
		for _, trial := range trials {
			if _, err := surrogates.New(trial.Spec, surrogates.PlainInputs(100), 0, 1); err != nil {
				t.Errorf("%s: %s: %v", f, trial.Name, err)
			}
		}
	}
}

const small = `seed: 3
neuron:
  model: lif
  synapses:
    - {name: exc, kind: delta, count: 8, weight: 5}
    - {name: inh, kind: delta, count: 2, weight: {distribution: uniform, low: -6, high: -4}}
stimulus: {protocol: poisson, rates_hz: {exc: 20, inh: 5}, current: {start_ms: 1, stop_ms: 5, amplitude: [2]}}
simulation: {dt_ms: 1, duration_ms: 50, samples: {train: 2}}
surrogates:
  - {family: filter, grid: {window_ms: [5, 10]}}
  - {name: mine, family: fcn, window_ms: 5, width: 2, training: {steps: 7}}
training: {steps: 5}
`

func TestSurrogate(t *testing.T) {
	x, err := load(t, small)
	if err != nil {
		t.Fatal(err)
	}
	if x.Title != "run" || x.Report.Fidelity != "auc" || x.Report.Threshold != 0.99 {
		t.Errorf("defaults %q, %+v", x.Title, x.Report)
	}
	for name, want := range map[string]struct{ title, steps any }{
		"": {"filter-5ms", 5}, "filter-10ms": {"filter-10ms", 5}, "mine": {"mine", 7},
	} {
		spec, cfg, err := x.Surrogate(name)
		if err != nil || spec.Title() != want.title || cfg.Steps != want.steps {
			t.Errorf("%q: %s with %d steps, %v; want %v", name, spec.Title(), cfg.Steps, err, want)
		}
	}
	if _, _, err := x.Surrogate("other"); err == nil || !strings.Contains(err.Error(), "filter-5ms, filter-10ms, mine") {
		t.Errorf("unknown surrogate: %v, want those there are", err)
	}
}

func TestStudy(t *testing.T) {
	x, err := load(t, small)
	if err != nil {
		t.Fatal(err)
	}
	s := x.Sweep().Study
	if s.Stimulus != "Poisson input at constant rates, and a current of [2] from 1 to 5 ms" {
		t.Errorf("stimulus %q", s.Stimulus)
	}
	if s.Neuron.Tau != 20 || s.Neuron.Threshold != -55 || s.Neuron.Set == "" {
		t.Errorf("neuron %+v, want the published integrate-and-fire neuron", s.Neuron)
	}
	if len(s.Neuron.Synapses) != 2 || s.Neuron.Synapses[0].Weight != "5 mV" || strings.ContainsAny(s.Neuron.Synapses[1].Weight, "{}") {
		t.Errorf("synapses %+v", s.Neuron.Synapses)
	}
}

func TestCheckData(t *testing.T) {
	x, err := load(t, small)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		info traces.Info
		want string
	}{
		{traces.Info{Neuron: "lif", Inputs: 10}, ""},
		{traces.Info{Neuron: "hh", Inputs: 10}, "hh neuron"},
		{traces.Info{Neuron: "lif", Inputs: 11}, "10 synapses"},
	} {
		if err := x.CheckData(c.info); c.want == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %d: %v, want %q", c.info.Neuron, c.info.Inputs, err, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ set, want string }{
		{"report.threshold=1.5", "--set report.threshold=1.5: report.threshold: 1.5"},
		{"report.fidelity=nope", "average_precision"},
		{"training.optimiser=sgd", "nadam, adam or adamw"},
		{"simulation.dt_ms=0", ""}, // the model's own
	} {
		_, err := load(t, small, c.set)
		if c.want == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.set, err, c.want)
		}
	}
}
