package compress

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"neq/data/traces"
	"neq/internal/philox"
	"neq/surrogates"
	"neq/trainer"
)

// dataSet writes episodes of a leaky integrator, tau 20 ms, with 6 excitatory and 3 inhibitory synapses of 4 mV and a
// threshold 20 mV above rest.
func dataSet(t testing.TB) string {
	t.Helper()
	const inputs, duration = 9, 400
	info := traces.Info{Samples: 24, SamplesPerShard: 8, Duration: duration, Inputs: inputs, EventCapacity: 4000, SpikeCapacity: 8 * duration,
		Synapses: []traces.SynapseInfo{{Name: "exc", Kind: "delta", First: 0, Count: 6}, {Name: "inh", Kind: "delta", First: 6, Count: 3}},
		Splits:   []traces.Split{{Name: "train", First: 0, Count: 12}, {Name: "validation", First: 12, Count: 4}, {Name: "test", First: 16, Count: 8}},
		Neuron:   "lif", Threshold: -55, Seed: 1, Configuration: map[string]any{"made_for": "tests"}}
	dir := filepath.Join(t.TempDir(), "traces")
	w, err := traces.Create(dir, info, traces.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for k := range 3 {
		s := &traces.Shard{First: 8 * k, Samples: 8, InputStart: []int64{0}, SpikeStart: []int64{0}}
		for i := range 8 {
			rnd, v := philox.New(1, uint64(8*k+i), 0), -75.0
			for ms := range duration {
				v = -75 + (v+75)*math.Exp(-1.0/20)
				for y := range inputs {
					if rnd.Float64() > 0.025 {
						continue
					}
					s.InputTime, s.InputSynapse = append(s.InputTime, float32(ms)+float32(y)/10), append(s.InputSynapse, int32(y))
					if v += 4; y >= 6 {
						v -= 8
					}
				}
				s.SomaV = append(s.SomaV, float32(v))
				if v > -55 {
					s.SpikeTime = append(s.SpikeTime, float32(ms)+0.5)
					v = -75
				}
			}
			s.InputStart, s.SpikeStart = append(s.InputStart, int64(len(s.InputTime))), append(s.SpikeStart, int64(len(s.SpikeTime)))
		}
		if err := w.WriteShard(k, s); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// fitted trains a small network of a spec.
func fitted(t testing.TB, spec surrogates.Spec, data string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "fit")
	_, err := trainer.Fit(context.Background(), trainer.FitOptions{Spec: spec, DataDir: data, OutDir: dir, Threads: 2,
		Config: trainer.Config{Steps: 40, Batch: 8, Window: 150, LearningRate: 0.02, ValidateEvery: 20, WarmUp: 5, GradientClip: 1, CheckpointEvery: 1e9, Seed: 3}})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

var (
	fcn = surrogates.Spec{Family: "fcn", Window: 20, Width: 6, BatchNorm: true}
	elm = surrogates.Spec{Family: "elm", Memory: 4, Branches: 3, BranchSize: 4}
)

func mustRun(t testing.TB, o Options) *Report {
	t.Helper()
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func read(t testing.TB, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Keeping all without training is the identity, to the bytes of the weights.
func TestKeepAll(t *testing.T) {
	t.Parallel()
	data := dataSet(t)
	for _, o := range []Options{{Prune: "magnitude"}, {Prune: "magnitude", Scope: "tensor"}, {Prune: "structured"}, {Prune: "synapses"}} {
		o.Model, o.Data, o.Out, o.Keep, o.Resamples = fitted(t, fcn, data), data, filepath.Join(t.TempDir(), "out"), []float64{1}, -1
		r := mustRun(t, o)
		if !bytes.Equal(read(t, o.Model, "weights.safetensors"), read(t, o.Out, "levels", "keep-1", "weights.safetensors")) {
			t.Errorf("%s %s: other weights", o.Prune, o.Scope)
		}
		a, b := r.Rows[0], r.Rows[1]
		if a.Size != b.Size || *a.After.AUC != *b.After.AUC || *b.Before.AUC != *b.After.AUC || a.Size.Nonzero != r.Parameters || a.Size.Bits != 32*float64(r.Parameters) {
			t.Errorf("%s: %+v, the original %+v of %d parameters", o.Prune, b, a, r.Parameters)
		}
	}
}

// What is pruned is zero in every level, fine-tuned or not; what is left moves, and its count is the table's.
func TestPrunedStaysZero(t *testing.T) {
	t.Parallel()
	data := dataSet(t)
	for _, spec := range []surrogates.Spec{fcn, elm} {
		model := fitted(t, spec, data)
		for _, o := range []Options{{Prune: "magnitude"}, {Prune: "magnitude", Scope: "tensor"}, {Prune: "structured"}, {Prune: "synapses"}} {
			o.Model, o.Data, o.Out, o.Keep, o.Steps, o.Bits, o.Resamples = model, data, filepath.Join(t.TempDir(), "out"), []float64{0.25, 0.5}, 8, []int{4}, -1
			r := mustRun(t, o)
			if names := []string{"original", "original-4bit", "keep-0.5", "keep-0.5-4bit", "keep-0.25", "keep-0.25-4bit"}; len(r.Rows) != len(names) ||
				slices.ContainsFunc(r.Rows, func(x Row) bool { return !slices.Contains(names, x.Name) }) {
				t.Fatalf("rows %+v", r.Rows)
			}
			start, err := trainer.Load(model)
			if err != nil {
				t.Fatal(err)
			}
			before := start.Network
			for _, keep := range []float64{0.5, 0.25} {
				var mask Mask
				var groups []chosen
				if o.Prune == "magnitude" {
					scope := o.Scope
					if scope == "" {
						scope = "network"
					}
					mask = Magnitude(before, keep, scope)
				} else if mask, groups, err = Structured(before, keep, o.Prune == "synapses"); err != nil {
					t.Fatal(err)
				}
				row := r.row(map[float64]string{0.5: "keep-0.5", 0.25: "keep-0.25"}[keep])
				m, err := trainer.Load(filepath.Join(o.Out, "levels", row.Name))
				if err != nil {
					t.Fatal(err)
				}
				zero, moved, left := 0, 0, 0
				for i, w := range m.Network.Weights() {
					for j, v := range values(w) {
						switch {
						case mask[i] != nil && !mask[i][j]:
							if zero++; v != 0 {
								t.Fatalf("%s %s keep %v: %s[%d] is %v", spec.Family, o.Prune, keep, w.Name, j, v)
							}
						case !w.Trainable:
						default:
							if left++; v != values(before.Weights()[i])[j] {
								moved++
							}
						}
					}
				}
				if zero == 0 || moved < left/4 { // weights that lead nowhere any more get no gradient
					t.Errorf("%s %s keep %v: %d pruned, %d of %d others moved", spec.Family, o.Prune, keep, zero, moved, left)
				}
				if s := measure(m.Network, mask, groups, Full, o.Per); s != row.Size || s.Nonzero > left || s.Nonzero < left*4/5 {
					t.Errorf("%s %s keep %v: the table says %+v, counted %+v, %d values are left", spec.Family, o.Prune, keep, row.Size, s, left)
				}
				if m.Steps != 8 || m.Origin == nil || m.Origin.Keep != keep || m.Origin.Prune != o.Prune {
					t.Errorf("%d steps, from %+v", m.Steps, m.Origin)
				}
				before = m.Network
			}
		}
	}
}

// Interrupted at any point and gone on with, on other threads: the bytes of a run that was not.
func TestResume(t *testing.T) {
	t.Parallel()
	data := dataSet(t)
	o := Options{Model: fitted(t, fcn, data), Data: data, Out: filepath.Join(t.TempDir(), "whole"), Prune: "magnitude", Keep: []float64{0.5, 0.2},
		Steps: 12, Bits: []int{6}, Threads: 2, Tolerance: 0.01}
	mustRun(t, o)
	whole := o.Out
	o.Out, o.Resume = filepath.Join(t.TempDir(), "pieces"), true
	for i, stop := range []int{3, 9, 12, 5} { // steps, of the first level twice, then of what comes next
		ctx, cancel := context.WithCancel(context.Background())
		o.Threads = 1 + i%3
		o.Hooks = []func(trainer.Progress){func(p trainer.Progress) {
			if p.Step == stop {
				cancel()
			}
		}}
		_, err := Run(ctx, o)
		cancel()
		var in *trainer.InterruptedError
		if !errors.As(err, &in) {
			t.Fatalf("stopped at step %d: %v", stop, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	o.Hooks, o.Done = nil, func(r Row) {
		if r.Name == "keep-0.2" {
			cancel()
		}
	}
	var in *trainer.InterruptedError
	if _, err := Run(ctx, o); !errors.As(err, &in) || !strings.Contains(err.Error(), "--resume") {
		t.Fatal(err)
	}
	o.Done = nil
	mustRun(t, o)
	files := []string{"report.json", "report.svg", "request.json"}
	for _, l := range []string{"original-6bit", "keep-0.5", "keep-0.5-6bit", "keep-0.2", "keep-0.2-6bit"} {
		files = append(files, filepath.Join("levels", l, "weights.safetensors"), filepath.Join("levels", l, "row.json"))
	}
	for _, f := range files {
		if !bytes.Equal(read(t, whole, f), read(t, o.Out, f)) {
			t.Errorf("%s differs", f)
		}
	}

	// Another request is refused and names its key; damage is said.
	other := o
	other.Steps = 13
	var mis *trainer.MismatchError
	if _, err := Run(context.Background(), other); !errors.As(err, &mis) || mis.Key != "steps" || mis.Was != "12" || mis.Is != "13" {
		t.Errorf("%v", err)
	}
	other = o
	other.Resume = false
	if _, err := Run(context.Background(), other); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("%v", err)
	}
	row := filepath.Join(o.Out, "levels", "keep-0.5", "row.json")
	if err := os.WriteFile(row, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), row+" is damaged") {
		t.Errorf("%v", err)
	}
	other = o
	other.Resume, other.Overwrite, other.Steps = false, true, 0
	mustRun(t, other)
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{}, "nothing to do"},
		{Options{Keep: []float64{0.5}}, "--keep [0.5] without --prune"},
		{Options{Prune: "random"}, `--prune "random": want magnitude, structured, synapses`},
		{Options{Prune: "magnitude", Keep: []float64{0}}, "--keep 0"},
		{Options{Prune: "magnitude", Keep: []float64{0.5, 1.5}}, "--keep 1.5"},
		{Options{Prune: "magnitude", Keep: []float64{math.NaN()}}, "--keep NaN"},
		{Options{Prune: "magnitude", Scope: "layer"}, `--scope "layer": want network, tensor`},
		{Options{Prune: "structured", Scope: "tensor"}, "--scope tensor is for --prune magnitude"},
		{Options{Bits: []int{1}}, "--bits 1: want 2 to 16"},
		{Options{Bits: []int{32}}, "--bits 32"},
		{Options{Bits: []int{8}, Per: "row"}, `--per "row": want channel, tensor`},
		{Options{Bits: []int{8}, Tolerance: -1}, "--tolerance -1"},
		{Options{Prune: "magnitude", Rate: math.Inf(1)}, "--learning-rate"},
	} {
		c.o.Model, c.o.Out = "absent", filepath.Join(t.TempDir(), "out")
		if _, err := Run(context.Background(), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
	data := dataSet(t)
	o := Options{Model: fitted(t, surrogates.Spec{Family: "filter", Window: 10}, data), Data: data, Out: filepath.Join(t.TempDir(), "out"), Prune: "structured"}
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "filter-10ms has no hidden units") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(o.Out); err == nil {
		t.Error("a refused request made its folder")
	}
}

// The report says how much was overhead, on the terminal, as JSON and as a picture.
func TestReport(t *testing.T) {
	t.Parallel()
	v := func(x float64) *float64 { return &x }
	r := &Report{Request: Request{Title: "<net>", Prune: "magnitude", Bits: []int{4}}, Parameters: 1000, Rows: []Row{
		{Name: "original", Bits: 32, Size: Size{Nonzero: 1000, Bits: 32000}, After: &Score{AUC: v(0.99), RMSE: v(1), Explained: v(0.9)}},
		{Name: "original-4bit", Bits: 4, Size: Size{Nonzero: 990, Bits: 4320}, After: &Score{AUC: v(0.988), RMSE: v(1), Explained: v(0.9)}},
		{Name: "keep-0.1", Bits: 32, Keep: 0.1, Size: Size{Nonzero: 100, Bits: 3700}, Before: &Score{AUC: v(0.7)}, After: &Score{AUC: v(0.986)}},
		{Name: "keep-0.01", Bits: 32, Keep: 0.01, Size: Size{Nonzero: 10, Bits: 400}, Before: &Score{AUC: v(0.6)}, After: &Score{AUC: v(0.984)}},
	}}
	r.answer(0.005)
	if a := r.Answer; a == nil || a.Fewest != "keep-0.1" || a.Smallest != "keep-0.1" || math.Abs(a.Parameters-0.9) > 1e-9 || math.Abs(a.Bits-(1-3700.0/32000)) > 1e-9 {
		t.Errorf("%+v", r.Answer)
	}
	for _, want := range []string{"keep-0.01", "0.7000", "1.000 mV", "4,320", "100 parameters", "90.0 % were overhead"} {
		if !strings.Contains(r.Text(), want) {
			t.Errorf("no %q in\n%s", want, r.Text())
		}
	}
	if p := r.Picture(true); !strings.HasPrefix(p, "<svg") || strings.Contains(p, "<net>") || strings.Count(p, "hollow") < 4 || strings.Contains(p, "NaN") {
		t.Errorf("%.300s", p)
	}
	if b, err := json.Marshal(r); err != nil || !strings.Contains(string(b), `"bits_overhead"`) {
		t.Errorf("%v", err)
	}
	r.Rows[0].After.AUC, r.Rows[0].After.Explained = nil, nil
	r.answer(0.005)
	r.Answer = nil
	if r.compared() != -1 || !strings.Contains(r.Text(), "no answer") || !strings.Contains(r.Picture(false), "no fidelity") {
		t.Error("a neuron that does nothing has an answer")
	}
}
