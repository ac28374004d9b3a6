package trainer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"neq/surrogates"
)

func quick() FitOptions {
	return FitOptions{
		Spec: surrogates.Spec{Family: "filter", Window: 60},
		Config: Config{Steps: 60, Batch: 8, Window: 200, LearningRate: 0.01, ValidateEvery: 15, ShardsInMemory: 2,
			LogEvery: 7, CheckpointEvery: 1e9, Seed: 3},
		Threads: 2,
	}
}

// deep is a small network with all that has state: batch normalisation, two layers, an auxiliary head, stages.
func deep() FitOptions {
	o := quick()
	o.Spec = surrogates.Spec{Family: "tcn", Depth: 2, Width: 4, Kernels: []int{20, 5}, BatchNorm: true}
	o.Config.Steps, o.Config.GradientClip, o.Config.WarmUp = 40, 1, 5
	o.Config.Loss = Loss{Auxiliary: map[string]float64{"drive": 0.1}, Stages: []Stage{{FromFraction: ptr(0.5), Voltage: ptr(0.3)}}}
	return o
}

func mustFit(t testing.TB, o FitOptions) *FitResult {
	t.Helper()
	r, err := Fit(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A leaky integrator is learned by one temporal filter: AUC near 1 on unseen episodes, as in Beniaguev, Segev &
// London 2021, figure 1 (0.997 there).
func TestLearnsLeakyIntegrator(t *testing.T) {
	o := quick()
	o.Config.Steps, o.Config.LearningRate, o.Config.ValidateEvery = 200, 0.02, 50
	o.Config.Voltage.Clip = ptr(-55.0)
	o.DataDir, o.OutDir = small().write(t), filepath.Join(t.TempDir(), "fit")
	var seen []Progress
	o.Hooks = []func(Progress){func(p Progress) { seen = append(seen, p) }}
	r := mustFit(t, o)
	if want := 11*60 + 1 + 4; r.Parameters != want {
		t.Errorf("%d parameters, want %d", r.Parameters, want)
	}
	e, err := Evaluate(context.Background(), o.OutDir, o.DataDir, "test", EvaluateOptions{Baselines: true, Resamples: 50})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("AUC %.4f, F1 %.3f, explained variance %.3f, %d spikes", e.Fidelity.AUC, e.Fidelity.F1[1].F1, e.Fidelity.ExplainedVariance, e.Fidelity.Spikes)
	// A filter cannot know the reset after a spike, which makes most of the voltage's variance here.
	if e.Fidelity.AUC < 0.97 || e.Fidelity.ExplainedVariance < 0.35 {
		t.Errorf("AUC %v, explained variance %v", e.Fidelity.AUC, e.Fidelity.ExplainedVariance)
	}
	if e.BurnIn != 60 || e.Fidelity.Episodes != 10 || e.Fidelity.Bins != 10*440 {
		t.Errorf("burn-in %d, %d episodes, %d ms", e.BurnIn, e.Fidelity.Episodes, e.Fidelity.Bins)
	}
	if len(e.Baselines) != 2 || math.Abs(e.Baselines[0].Fidelity.AUC-0.5) > 1e-9 || math.Abs(e.Baselines[0].Fidelity.ExplainedVariance) > 0.1 {
		t.Errorf("baselines %+v", e.Baselines)
	}
	if last := seen[len(seen)-1]; last.Step != 200 || !(last.AUC > 0.9) || len(seen) != 204 {
		t.Errorf("%d calls of the hook, the last %+v", len(seen), last)
	}
	// The filter is positive for excitatory synapses, negative for inhibitory ones, and decays with the membrane.
	m, err := Load(o.OutDir)
	if err != nil {
		t.Fatal(err)
	}
	f := m.filters()
	exc, inh := f.Groups[0].Mean, f.Groups[1].Mean
	if !(exc[0] > 0 && inh[0] < 0 && exc[0] > exc[25] && exc[25] > exc[50]) {
		t.Errorf("filters %v %v", exc, inh)
	}
	if _, err := os.Stat(filepath.Join(o.OutDir, checkpointFolder)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("checkpoints are still there: %v", err)
	}
}

// output is what a fit leaves, times aside.
type output struct {
	weights     []byte
	metrics     string
	description Description
}

func outputOf(t testing.TB, dir string) output {
	t.Helper()
	var o output
	var err error
	if o.weights, err = os.ReadFile(filepath.Join(dir, weightsFile)); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, metricsFile))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("metrics: %q: %v", line, err)
		}
		delete(m, "wall_seconds")
		delete(m, "loader_wait")
		delete(m, "bio_seconds_per_second")
		k, _ := json.Marshal(m)
		o.metrics += string(k) + "\n"
	}
	d, err := Describe(dir)
	if err != nil {
		t.Fatal(err)
	}
	o.description = *d
	o.description.Seconds, o.description.Config.CheckpointEvery = 0, 0
	return o
}

func (a output) same(t testing.TB, b output, what string) {
	t.Helper()
	if !bytes.Equal(a.weights, b.weights) {
		t.Errorf("%s: weights differ", what)
	}
	if a.metrics != b.metrics {
		t.Errorf("%s: metrics differ:\n%s\nwant\n%s", what, a.metrics, b.metrics)
	}
	if key, x, y := differs(a.description, b.description); key != "" {
		t.Errorf("%s: %s is %s, want %s", what, key, x, y)
	}
}

// A fit that is interrupted again and again, at any step, gives the bytes of one that is not.
func TestResumeIsBitEqual(t *testing.T) {
	syn := small()
	syn.record = true
	data := syn.write(t)
	o := deep()
	o.DataDir, o.OutDir = data, filepath.Join(t.TempDir(), "whole")
	mustFit(t, o)
	whole := outputOf(t, o.OutDir)

	o.OutDir, o.Resume = filepath.Join(t.TempDir(), "pieces"), true
	for _, stop := range []int{1, 2, 7, 14, 15, 16, 29, 30, 39} {
		ctx, cancel := context.WithCancel(context.Background())
		o.Hooks = []func(Progress){func(p Progress) {
			if p.Step == stop {
				cancel()
			}
		}}
		_, err := Fit(ctx, o)
		cancel()
		var in *InterruptedError
		if !errors.As(err, &in) || !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped at step %d: %v", stop, err)
		}
		if steps, _ := checkpoints(o.OutDir); len(steps) == 0 || len(steps) > 2 || steps[len(steps)-1] != stop {
			t.Fatalf("stopped at step %d: checkpoints %v", stop, steps)
		}
	}
	o.Hooks = nil
	mustFit(t, o)
	outputOf(t, o.OutDir).same(t, whole, "interrupted")
	if again := mustFit(t, o); again.Steps != 40 { // resuming a finished fit changes nothing
		t.Errorf("resumed when done: %d steps", again.Steps)
	}
	outputOf(t, o.OutDir).same(t, whole, "resumed when done")
}

// A folder copied in the middle of a run, as after a power cut, goes on from its last checkpoint to the same bytes,
// whatever was written after that checkpoint.
func TestCopiedMidRunResumes(t *testing.T) {
	o := quick()
	o.DataDir, o.OutDir = small().write(t), filepath.Join(t.TempDir(), "whole")
	o.Config.Steps, o.Config.CheckpointEvery = 20, 1e-9 // every step
	copied := filepath.Join(t.TempDir(), "copied")
	o.Hooks = []func(Progress){func(p Progress) {
		if p.Step == 16 && !p.Validated {
			if err := os.CopyFS(copied, os.DirFS(o.OutDir)); err != nil {
				t.Error(err)
			}
		}
	}}
	mustFit(t, o)
	whole := outputOf(t, o.OutDir)
	if err := os.MkdirAll(filepath.Join(copied, checkpointFolder, unfinishedPrefix+"1"), 0o777); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(copied, metricsFile), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"step":17,"lo`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if steps, _ := checkpoints(copied); len(steps) != 2 || steps[1] != 15 {
		t.Fatalf("copied at step 16 with checkpoints %v", steps)
	}
	o.OutDir, o.Resume, o.Hooks = copied, true, nil
	mustFit(t, o)
	outputOf(t, copied).same(t, whole, "copied")
}

func TestThreadsDoNotMatter(t *testing.T) {
	syn := small()
	syn.record = true
	data := syn.write(t)
	var want output
	for i, threads := range []int{1, 2, 3} {
		o := deep()
		o.Config.Steps, o.Threads = 20, threads
		o.DataDir, o.OutDir = data, filepath.Join(t.TempDir(), "fit")
		mustFit(t, o)
		if got := outputOf(t, o.OutDir); i == 0 {
			want = got
		} else {
			got.same(t, want, "threads")
		}
	}
}

// Episodes longer than a row of the prediction's graph are cut into pieces with history: the result is that of the
// whole episode.
func TestPredictInPieces(t *testing.T) {
	syn := small()
	o := quick()
	o.Config.Steps = 5
	o.DataDir, o.OutDir = syn.write(t), filepath.Join(t.TempDir(), "fit")
	mustFit(t, o)
	m, err := Load(o.OutDir)
	if err != nil {
		t.Fatal(err)
	}
	s := syn.shard(0, 3)
	whole, err := m.Predict(context.Background(), syn.info(), s, 1)
	if err != nil {
		t.Fatal(err)
	}
	p := &predictor{norm: m.Normalisation, length: syn.duration, history: 59, piece: 130, batch: 5}
	if p.graph, err = m.Network.Graph(surrogates.GraphOptions{Batch: p.batch, Time: 189, Threads: 1}); err != nil {
		t.Fatal(err)
	}
	defer p.close()
	n := 0
	err = p.run(context.Background(), s, 0, 3, func(i int, out Prediction) error {
		n++
		for k := range out.Logit {
			// float32 sums of the same events in another order
			if math.Abs(float64(out.Logit[k]-whole[i].Logit[k])) > 1e-4 || math.Abs(float64(out.Voltage[k]-whole[i].Voltage[k])) > 1e-3 {
				t.Fatalf("episode %d, %d ms: %v, %v, want %v, %v", i, k, out.Logit[k], out.Voltage[k], whole[i].Logit[k], whole[i].Voltage[k])
			}
		}
		return nil
	})
	if err != nil || n != 3 {
		t.Errorf("%d episodes, %v", n, err)
	}
}

func TestEarlyStoppingKeepsTheBest(t *testing.T) {
	o := quick()
	o.Config.Steps, o.Config.ValidateEvery, o.Config.Patience = 300, 5, 3
	o.Config.Schedule, o.Config.LearningRate = "constant", 0.5 // too high to improve for long
	o.DataDir, o.OutDir = small().write(t), filepath.Join(t.TempDir(), "fit")
	bestAUC, bestStep := 0.0, 0
	o.Hooks = []func(Progress){func(p Progress) {
		if p.Validated && p.AUC > bestAUC {
			bestAUC, bestStep = p.AUC, p.Step
		}
	}}
	r := mustFit(t, o)
	if !r.Stopped || r.Steps != bestStep+3*5 || r.BestStep != bestStep || r.Validation.AUC != bestAUC {
		t.Errorf("stopped %v after %d steps, best step %d of AUC %v; seen: step %d of %v", r.Stopped, r.Steps, r.BestStep, r.Validation.AUC, bestStep, bestAUC)
	}
}

// A neuron that never spikes, and a surrogate that is trained on spikes alone, have no measure for what is not there.
func TestHalfOfTheTask(t *testing.T) {
	silent := small()
	silent.rate = 0.001
	for _, c := range []struct {
		name   string
		data   synthetic
		change func(*Config)
		check  func(*FitResult, *Evaluation) bool
	}{
		{"no spikes", silent, func(*Config) {}, func(r *FitResult, e *Evaluation) bool {
			return r.Threshold == nil && e.Fidelity.SpikesUndefined != "" && e.Fidelity.VoltageUndefined == "" && e.Fidelity.ExplainedVariance > 0
		}},
		{"no voltage", small(), func(c *Config) { c.Loss.Voltage = ptr(0.0) }, func(r *FitResult, e *Evaluation) bool {
			return r.Threshold != nil && e.Fidelity.SpikesUndefined == "" && e.Fidelity.VoltageUndefined != ""
		}},
		{"no validation split", synthetic{excitatory: 8, inhibitory: 3, duration: 500, perShard: 8, train: 40, test: 10, rate: 0.018}, func(*Config) {}, func(r *FitResult, e *Evaluation) bool {
			return r.Threshold == nil && r.Validation == nil && r.BestStep == r.Steps && e.Fidelity.ThresholdFrom == "training rate"
		}},
	} {
		o := quick()
		c.change(&o.Config)
		o.DataDir, o.OutDir = c.data.write(t), filepath.Join(t.TempDir(), "fit")
		r := mustFit(t, o)
		e, err := Evaluate(context.Background(), o.OutDir, o.DataDir, "test", EvaluateOptions{Baselines: true, Resamples: -1})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if !c.check(r, e) {
			t.Errorf("%s: threshold %v, %+v", c.name, r.Threshold, e.Fidelity)
		}
	}
}

func TestCancelledBeforeTheFirstStep(t *testing.T) {
	o := quick()
	o.DataDir, o.OutDir = small().write(t), filepath.Join(t.TempDir(), "fit")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var in *InterruptedError
	if _, err := Fit(ctx, o); !errors.As(err, &in) {
		t.Errorf("%v", err)
	}
	o.Resume = true
	mustFit(t, o)
}

func TestDivergence(t *testing.T) {
	o := quick()
	o.Config.LearningRate, o.Config.Schedule, o.Config.CheckpointEvery = 1e30, "constant", 1e-9
	o.DataDir, o.OutDir = small().write(t), filepath.Join(t.TempDir(), "fit")
	_, err := Fit(context.Background(), o)
	var d *DivergenceError
	if !errors.As(err, &d) || !strings.Contains(err.Error(), "diverged at step") {
		t.Fatalf("%v", err)
	}
	steps, _ := checkpoints(o.OutDir)
	if len(steps) == 0 || steps[len(steps)-1] > d.Step {
		t.Errorf("diverged at step %d, checkpoints %v", d.Step, steps)
	}
	if _, err := Load(o.OutDir); err == nil {
		t.Error("a diverged fit loads")
	}
}

func TestRefusals(t *testing.T) {
	data := small().write(t)
	done := quick()
	done.Config.Steps = 2
	done.DataDir, done.OutDir = data, filepath.Join(t.TempDir(), "fit")
	mustFit(t, done)
	noValidation := small()
	noValidation.validation = 0
	for _, c := range []struct {
		name   string
		change func(*FitOptions)
		want   string
	}{
		{"not empty", func(o *FitOptions) {}, "is not empty: use --resume"},
		{"resume with another rate", func(o *FitOptions) { o.Resume = true; o.Config.LearningRate = 0.3 }, "training.learning_rate: 0.01, now it is 0.3"},
		{"resume another surrogate", func(o *FitOptions) { o.Resume = true; o.Spec.Window = 50 }, "surrogate.window_ms: 60, now it is 50"},
		{"both", func(o *FitOptions) { o.Resume, o.Overwrite = true, true }, "both resume and overwrite"},
		{"window too long", func(o *FitOptions) { o.OutDir += "x"; o.Config.Window = 501 }, "training.window_ms: 501"},
		{"unknown auxiliary", func(o *FitOptions) { o.OutDir += "x"; o.Config.Loss.Auxiliary = map[string]float64{"m": 1} }, "training.loss.auxiliary.m"},
		{"patience without validation", func(o *FitOptions) { o.OutDir += "x"; o.Config.Patience = 1; o.DataDir = noValidation.write(t) }, "training.patience"},
		{"surrogate", func(o *FitOptions) { o.OutDir += "x"; o.Spec.Family = "rnn" }, "rnn"},
		{"no data", func(o *FitOptions) { o.OutDir += "x"; o.DataDir = filepath.Join(data, "none") }, "none"},
	} {
		o := done
		c.change(&o)
		if _, err := Fit(context.Background(), o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := os.Stat(done.OutDir + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a refused fit left a folder")
	}
	done.Overwrite = true
	mustFit(t, done)
}

func TestEvaluateRefusesOtherInputs(t *testing.T) {
	o := quick()
	o.Config.Steps = 2
	o.DataDir, o.OutDir = small().write(t), filepath.Join(t.TempDir(), "fit")
	mustFit(t, o)
	for _, c := range []struct {
		name   string
		change func(*synthetic)
		want   string
	}{
		{"more", func(s *synthetic) { s.excitatory = 9 }, "trained on 11 inputs (8 delta exc, 3 delta inh), the data set has 12 (9 delta exc, 3 delta inh)"},
		{"another split of the same number", func(s *synthetic) { s.excitatory, s.inhibitory = 3, 8 }, "the data set has 11 (3 delta exc, 8 delta inh)"},
	} {
		syn := small()
		c.change(&syn)
		_, err := Evaluate(context.Background(), o.OutDir, syn.write(t), "test", EvaluateOptions{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := Evaluate(context.Background(), o.OutDir, o.DataDir, "tset", EvaluateOptions{}); err == nil || !strings.Contains(err.Error(), "tset") {
		t.Errorf("%v", err)
	}
	if _, err := Evaluate(context.Background(), o.DataDir, o.DataDir, "test", EvaluateOptions{}); err == nil || !strings.Contains(err.Error(), "no model.json") {
		t.Errorf("%v", err)
	}
}
