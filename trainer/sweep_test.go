package trainer

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"neq/surrogates"
	"neq/trainer/equivalence"
)

func entries(t testing.TB, text string) []Entry {
	t.Helper()
	var list []Entry
	if err := yaml.UnmarshalWithOptions([]byte(text), &list, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestTrials(t *testing.T) {
	list, err := Trials(entries(t, `
- {family: filter, window_ms: 80}
- family: fcn
  width: 4
  grid: {window_ms: [20, 40], batch_norm: [false, true]}
- family: tcn
  name: deep
  depth: 2
  width: 3
  grid: {kernels: [[5], [7, 3]], training.learning_rate: [0.1]}
  seeds: 2
  training: {steps: 77, loss: {voltage: 0.5}, schedule: constant}
- {family: filter, window_ms: 80}
`), Config{Steps: 10, LearningRate: 0.01, Seed: 7, Loss: Loss{Spike: ptr(2.0)}}, 11)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, x := range list {
		names = append(names, x.Name)
	}
	want := []string{"filter-80ms", "fcn-20ms-4", "fcn-40ms-4", "fcn-20ms-4-bn", "fcn-40ms-4-bn",
		"deep-kernels=-5--learning_rate=0.1-seed7", "deep-kernels=-5--learning_rate=0.1-seed8",
		"deep-kernels=-7-3--learning_rate=0.1-seed7", "deep-kernels=-7-3--learning_rate=0.1-seed8", "filter-80ms-2"}
	if !slices.Equal(names, want) {
		t.Errorf("%q\nwant %q", names, want)
	}
	if x := list[8]; x.Config.Steps != 77 || *x.Config.Loss.Voltage != 0.5 || *x.Config.Loss.Spike != 2 || x.Config.Seed != 8 ||
		x.Config.LearningRate != 0.1 || !slices.Equal(x.Spec.Kernels, []int{7, 3}) || x.Config.Schedule != "constant" {
		t.Errorf("%+v", x)
	}
	if x := list[0]; x.Config.Steps != 10 || x.Config.LearningRate != 0.01 || x.Config.Loss.Voltage != nil {
		t.Errorf("an entry changed another: %+v", x.Config)
	}
}

func TestTrialsRefuse(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"[]", "the list is empty"},
		{"- {family: filter, window_ms: 0}", "surrogates[0]"},
		{"- {family: filter, window_ms: 8}\n- {family: filter, window_ms: 8, grid: {widht: [1]}}", "surrogates[1]: grid.widht: there is no such key"},
		{"- {family: filter, grid: {window_ms: [x]}}", "grid.window_ms: x is no value for it"},
		{"- {family: filter, grid: {window_ms: []}}", "grid.window_ms: no values"},
		{"- {family: filter, grid: {family: [fcn]}}", "grid.family"},
		{"- {family: filter, window_ms: 8, grid: {training.loss.spkie: [1]}}", "grid.loss.spkie: there is no such key"},
		{"- {family: filter, window_ms: 8, training: {stpes: 1}}", "training.stpes: there is no such key"},
		{"- {family: filter, window_ms: 8, training: {steps: -1}}", "surrogates[0]: training.steps"},
		{"- {family: filter, window_ms: 8, seeds: -1}", "seeds: -1"},
		{"- {family: filter, window_ms: 8, seeds: 10001}", "more than 10000 trials"},
	} {
		if _, err := Trials(entries(t, c.text), Config{}, 11); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
}

func sweepOptions(t testing.TB) SweepOptions {
	o := quick()
	o.Config.Steps = 40
	return SweepOptions{
		Surrogates: []Entry{
			{Spec: surrogates.Spec{Family: "filter"}, Grid: map[string][]any{"window_ms": {10, 40}}},
			{Spec: surrogates.Spec{Family: "fcn", Window: 30, Width: 3}},
		},
		Config: o.Config, DataDir: small().write(t), OutDir: filepath.Join(t.TempDir(), "sweep"), Threads: 2, Resamples: 20,
	}
}

// rows are the rows of a sweep as JSON, times aside.
func rowsOf(t testing.TB, dir string) []string {
	t.Helper()
	s, err := equivalence.LoadStudy(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range s.Rows {
		r.TrainSeconds = 0
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
	return out
}

func TestSweep(t *testing.T) {
	o := sweepOptions(t)
	var done []TrialDone
	o.Trials = []func(TrialDone){func(d TrialDone) { done = append(done, d) }}
	res, err := Sweep(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Rows) != 3 || len(done) != 3 || done[2].Done != 3 || done[2].Of != 3 || res.BurnIn != 40 {
		t.Fatalf("%d rows, %d done, burn-in %d", len(res.Rows), len(done), res.BurnIn)
	}
	study, err := equivalence.LoadStudy(o.OutDir)
	if err != nil {
		t.Fatal(err)
	}
	if len(study.Baselines) != 2 || study.Data.Train != 40 || study.Data.BurnIn != 40 || study.Neuron.Model != "lif" || len(study.Neuron.Synapses) != 2 {
		t.Errorf("%+v", study)
	}
	for i, r := range study.Rows {
		if r.Parameters != r.Synaptic+r.Core || r.Fidelity.Bins != 10*460 || r.Steps != 40 || r.MACs <= 0 || r.State <= 0 || r.BioSeconds != 40*8*0.2 {
			t.Errorf("row %d: %+v", i, r)
		}
	}
	if r := study.Rows[0]; r.Name != "filter-10ms" || r.Parameters != 11*10+5 || r.ReceptiveField != 10 {
		t.Errorf("%+v", r)
	}
	if len(study.Examples) != 3 || len(study.Filters) != 3 {
		t.Fatalf("%d examples, %d filters", len(study.Examples), len(study.Filters))
	}
	e := study.Examples[0]
	if len(e.Spikes) == 0 || len(e.Probability) != 460 || len(e.Inputs) != 2 || len(e.Inputs[0].Time) == 0 || e.Sample < 48 || !(e.Threshold > 0 && e.Threshold < 1) {
		t.Errorf("%d spikes, %d ms, %d groups, sample %d, threshold %v", len(e.Spikes), len(e.Probability), len(e.Inputs), e.Sample, e.Threshold)
	}
	for _, y := range e.Inputs[1].Synapse {
		if y < 0 || y >= 3 {
			t.Fatalf("inhibitory synapse %d of 3", y)
		}
	}
	whole := rowsOf(t, o.OutDir)

	// Resumed: nothing is done again.
	if _, err := Sweep(context.Background(), o); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("swept over a sweep: %v", err)
	}
	o.Resume, done = true, nil
	if _, err := Sweep(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	for _, d := range done {
		if !d.Skipped {
			t.Errorf("%s was done again", d.Trial.Name)
		}
	}
	changed := o
	changed.Config.LearningRate = 0.3
	var other *MismatchError
	if _, err := Sweep(context.Background(), changed); !errors.As(err, &other) || other.Key != "training.learning_rate" {
		t.Errorf("resumed with another rate: %v", err)
	}

	// A trial that left the configuration leaves the report; its folder stays.
	fewer := o
	fewer.Surrogates = o.Surrogates[:1]
	if _, err := Sweep(context.Background(), fewer); err != nil {
		t.Fatal(err)
	}
	if got := rowsOf(t, o.OutDir); len(got) == 0 || len(got) >= len(whole) {
		t.Errorf("%d rows of a shorter sweep, %d before", len(got), len(whole))
	}
	if _, err := Sweep(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	if got := rowsOf(t, o.OutDir); !slices.Equal(got, whole) {
		t.Errorf("back to all: %s\nwant %s", got, whole)
	}

	// In two parts, two at a time, interrupted: the same rows.
	p := o
	p.OutDir, p.Resume, p.Trials = filepath.Join(t.TempDir(), "parts"), false, nil
	p.Parts, p.Part, p.Parallel = 2, 1, 2
	if _, err := Sweep(context.Background(), p); err != nil {
		t.Fatal(err)
	}
	p.Part = 0
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p.Hooks = []func(Progress){func(pr Progress) {
		if pr.Step == 22 {
			cancel()
		}
	}}
	var in *InterruptedError
	if _, err := Sweep(ctx, p); !errors.As(err, &in) || !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: %v", err)
	}
	p.Hooks = nil
	if _, err := Sweep(context.Background(), p); err == nil || !strings.Contains(err.Error(), "is in "+p.OutDir+" already") {
		t.Errorf("a part over itself: %v", err)
	}
	p.Resume = true
	if _, err := Sweep(context.Background(), p); err != nil {
		t.Fatal(err)
	}
	if got := rowsOf(t, p.OutDir); !slices.Equal(got, whole) {
		t.Errorf("in parts: %s\nwant %s", got, whole)
	}
}

// A trial that diverges is recorded and the others are done.
func TestSweepGoesOnAfterAFailure(t *testing.T) {
	o := sweepOptions(t)
	o.Surrogates = append(o.Surrogates[:1:1], Entry{Spec: surrogates.Spec{Family: "fcn", Window: 30, Width: 3}, Training: map[string]any{"learning_rate": 1e30}})
	o.Surrogates = append([]Entry{o.Surrogates[1]}, o.Surrogates[0])
	res, err := Sweep(context.Background(), o)
	var failed *FailedTrials
	if !errors.As(err, &failed) || len(failed.Failed) != 1 || failed.Of != 3 || !strings.Contains(err.Error(), "fcn-30ms-3: trainer: training diverged") {
		t.Fatalf("%v", err)
	}
	if len(res.Rows) != 3 || res.Rows[0].Error == "" || res.Rows[0].Parameters == 0 || res.Rows[2].Fidelity.AUC == 0 {
		t.Errorf("%+v", res.Rows)
	}
	if _, err := os.Stat(filepath.Join(o.OutDir, trialsFolder, "fcn-30ms-3", rowFile)); err != nil {
		t.Error(err)
	}
}

// A name is kept as it was given; its folder is named by what every file system takes.
func TestTrialKeepsItsName(t *testing.T) {
	e := []Entry{{Spec: surrogates.Spec{Name: "größer: α", Family: "filter", Window: 5}, Seeds: 2}}
	trials, err := Trials(e, quick().Config, 11)
	if err != nil {
		t.Fatal(err)
	}
	if x := trials[0]; !strings.HasPrefix(x.Title, "größer: α-seed") || !strings.HasPrefix(x.Name, "gr--er---") || strings.ContainsAny(x.Name, "ößα: /") {
		t.Errorf("title %q, folder %q", x.Title, x.Name)
	}
}

// A learning rate that throws the weights out of float32 is a divergence with its step, whatever notices it first.
func TestHugeRateDiverges(t *testing.T) {
	o := quick()
	o.Config.LearningRate, o.Config.Steps, o.Config.ValidateEvery = 1e30, 20, 1
	o.DataDir, o.OutDir = small().write(t), filepath.Join(t.TempDir(), "fit")
	_, err := Fit(context.Background(), o)
	var d *DivergenceError
	if !errors.As(err, &d) {
		t.Errorf("error %v, want a divergence", err)
	}
}
