//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package trainer

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"neq/cuda/driver"
	"neq/cuda/driver/fake"
	"neq/surrogates"
	"neq/surrogates/ops"
)

// openFake opens the fake GPU, on which nothing may be left.
func openFake(t *testing.T) *driver.Context { t.Helper(); return openFakeAt(t, 0) }

func openFakeAt(t *testing.T, i int) *driver.Context {
	t.Helper()
	c, err := driver.Open(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if bytes, n := c.Held(); n > 0 {
			t.Errorf("%d buffers of %d bytes are left on the device", n, bytes)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// recorded data with an auxiliary target, and a network with all that has state.
func deepData(t *testing.T) (FitOptions, string) {
	c := small()
	c.record, c.train, c.validation, c.test = true, 12, 4, 4
	o := deep() // its 40 steps look at 6,640 ms, the training split has 6,000
	o.Config.Window, o.Config.Batch, o.Config.ValidateEvery = 60, 2, 20
	return o, c.write(t)
}

// weightsOf are those of a fitted model.
func weightsOf(t *testing.T, dir string) (all [][]float32) {
	t.Helper()
	m, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range m.Network.Weights() {
		all = append(all, slices.Clone(values(w)))
	}
	return all
}

// A fit whose training split lies on the GPU has the bits of one whose batches are sent, and waits less for the device.
func TestFitFromEpisodesOnGPU(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	o, data := deepData(t)
	o.GPU, o.DataDir = openFake(t), data
	var kept [2][][]float32
	var lines [2][]float64
	var calls [2]fake.Counts
	for i, stream := range []bool{true, false} {
		o.OutDir, o.stream = filepath.Join(t.TempDir(), "fit"), stream
		before, err := fake.Count()
		if err != nil {
			t.Fatal(err)
		}
		mustFit(t, o)
		after, err := fake.Count()
		if err != nil {
			t.Fatal(err)
		}
		calls[i] = after.Since(before)
		kept[i], lines[i] = weightsOf(t, o.OutDir), losses(t, o.OutDir)
	}
	for i := range kept[0] {
		if !slices.Equal(kept[0][i], kept[1][i]) {
			t.Errorf("weights %d differ between a split that is sent and one that lies on the GPU", i)
		}
	}
	if len(lines[0]) == 0 || !slices.Equal(lines[0], lines[1]) {
		t.Errorf("losses %v sent, %v from the GPU", lines[0], lines[1])
	}
	t.Logf("sent: %+v, on the GPU: %+v", calls[0], calls[1])
	if calls[1].Waits >= calls[0].Waits || calls[1].Calls >= calls[0].Calls {
		t.Errorf("calls %+v sent, %+v from the GPU: want fewer", calls[0], calls[1])
	}
}

// Where the split does not fit into its share of the memory, batches are sent.
func TestFitOnASmallGPU(t *testing.T) {
	if !lab.Within(t, "memory=220000", false) {
		return
	}
	o, data := deepData(t)
	o.Config.ValidationSamples = 1
	o.GPU, o.DataDir, o.OutDir = openFake(t), data, filepath.Join(t.TempDir(), "fit")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o.Hooks = []func(Progress){func(p Progress) {
		if bytes, _ := o.GPU.Held(); bytes > 130_000 { // without the split's 110,000
			t.Errorf("step %d: %d bytes are held", p.Step, bytes)
		}
		if p.Step == 20 {
			cancel()
		}
	}}
	var in *InterruptedError
	if _, err := Fit(ctx, o); !errors.As(err, &in) {
		t.Errorf("%v, want a fit that runs until it is interrupted", err)
	}
}

// A fit in bfloat16 writes the same float32 checkpoints: 20 steps of it on the GPU go on on the CPU.
func TestHalfPrecisionMovesBetweenDevices(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	if _, err := ops.BF16.OnCPU(); err != nil {
		t.Skip(err)
	}
	o, data := deepData(t)
	o.DataDir = data
	o.OutDir = filepath.Join(t.TempDir(), "cpu")
	mustFit(t, o)
	want := losses(t, o.OutDir)
	o.Config.Precision = "bf16"
	o.OutDir = filepath.Join(t.TempDir(), "gpu")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o.GPU = openFake(t)
	o.Hooks = []func(Progress){func(p Progress) {
		if p.Step == 20 {
			cancel()
		}
	}}
	var in *InterruptedError
	if _, err := Fit(ctx, o); !errors.As(err, &in) {
		t.Fatalf("%v, want an interruption", err)
	}
	o.GPU, o.Resume, o.Hooks = nil, true, nil
	mustFit(t, o)
	got := losses(t, o.OutDir)
	if len(got) != len(want) || len(got) < 3 {
		t.Fatalf("%d and %d lines of losses", len(got), len(want))
	}
	same := true
	for i := range got { // factors off by 2^-9
		if math.Abs(got[i]-want[i]) > 0.03*want[i] {
			t.Errorf("line %d: loss %g after bf16, %g in float32", i, got[i], want[i])
		}
		same = same && got[i] == want[i]
	}
	if same {
		t.Error("bf16 changed nothing")
	}
	o.Config.Precision, o.OutDir = "tf32", filepath.Join(t.TempDir(), "other")
	cancelled, cancel := context.WithCancel(context.Background())
	defer cancel()
	o.Hooks = []func(Progress){func(p Progress) {
		if p.Step == 5 {
			cancel()
		}
	}}
	if _, err := Fit(cancelled, o); !errors.As(err, &in) {
		t.Fatal(err)
	}
	o.Config.Precision, o.Hooks = "bf16", nil
	var mismatch *MismatchError
	if _, err := Fit(context.Background(), o); !errors.As(err, &mismatch) || mismatch.Key != "training.precision" {
		t.Errorf("another precision on resuming: %v", err)
	}
}

// A model's scores on the GPU are the CPU's: logits differ by float32's rounding, some 1e-6, which moves an AUC by as
// little where ranks swap, and a voltage by a few 1e-5 mV.
func TestEvaluateOnGPU(t *testing.T) {
	for _, blas := range []string{"own products", "cuBLAS"} {
		t.Run(blas, func(t *testing.T) {
			if !lab.Within(t, "", blas == "cuBLAS") {
				return
			}
			o, data := deepData(t)
			o.DataDir, o.OutDir = data, filepath.Join(t.TempDir(), "fit")
			mustFit(t, o)
			e := EvaluateOptions{Threads: 1, Baselines: true, Samples: 4}
			want, err := Evaluate(context.Background(), o.OutDir, data, "test", e)
			if err != nil {
				t.Fatal(err)
			}
			before, err := fake.Count()
			if err != nil {
				t.Fatal(err)
			}
			e.GPU = openFake(t)
			got, err := Evaluate(context.Background(), o.OutDir, data, "test", e)
			if err != nil {
				t.Fatal(err)
			}
			after, err := fake.Count()
			if err != nil || after.Since(before).Launches == 0 {
				t.Errorf("nothing ran on the GPU: %+v, %v", after.Since(before), err)
			}
			a, b := want.Fidelity, got.Fidelity
			for _, x := range []struct {
				what     string
				a, b, by float64
			}{{"AUC", a.AUC, b.AUC, 1e-4}, {"precision-recall", a.AveragePrecision, b.AveragePrecision, 1e-4}, {"RMSE", a.RMSE, b.RMSE, 1e-3},
				{"explained variance", a.ExplainedVariance, b.ExplainedVariance, 1e-4}, {"rate", a.PredictedRate, b.PredictedRate, 0.6}} {
				if !(math.Abs(x.a-x.b) <= x.by) {
					t.Errorf("%s %g on the CPU, %g on the GPU", x.what, x.a, x.b)
				}
			}
			if a.Episodes != b.Episodes || a.Spikes != b.Spikes || want.Baselines[0].Fidelity.AUC != got.Baselines[0].Fidelity.AUC {
				t.Error("they were not scored on the same")
			}
		})
	}
}

// A sweep's trials are fitted and scored on the GPUs, in turn, with the CPU's rows up to rounding.
func TestSweepOnGPU(t *testing.T) {
	if !lab.Within(t, "devices=2", false) {
		return
	}
	o, data := deepData(t)
	o.Config.Steps = 20
	sweep := SweepOptions{Surrogates: []Entry{{Spec: surrogates.Spec{Family: "filter", Window: 20}}, {Spec: surrogates.Spec{Family: "fcn", Window: 10, Width: 3}}},
		Config: o.Config, DataDir: data, Threads: 1, Parallel: 2, Resamples: -1}
	var rows [2]*SweepResult
	for i := range rows {
		sweep.OutDir = filepath.Join(t.TempDir(), "sweep")
		if i == 1 {
			sweep.GPUs = []*driver.Context{openFakeAt(t, 0), openFakeAt(t, 1)}
		}
		before, err := fake.Count()
		if err != nil {
			t.Fatal(err)
		}
		if rows[i], err = Sweep(context.Background(), sweep); err != nil {
			t.Fatal(err)
		}
		after, err := fake.Count()
		if made := after.Since(before).Graphs; err != nil || (made == 0) != (i == 0) {
			t.Errorf("%d graphs were launched, %v", made, err)
		}
	}
	for i, a := range rows[0].Rows {
		b := rows[1].Rows[i]
		if a.Name != b.Name || math.Abs(a.Fidelity.AUC-b.Fidelity.AUC) > 2e-3 || math.Abs(a.Fidelity.RMSE-b.Fidelity.RMSE) > 2e-2 {
			t.Errorf("%s: AUC %g, RMSE %g mV on the CPU, %g, %g on the GPU", a.Name, a.Fidelity.AUC, a.Fidelity.RMSE, b.Fidelity.AUC, b.Fidelity.RMSE)
		}
	}
}

// Losses are looked at every 7 steps on a GPU, but a divergence there names the step and the batch that the CPU names.
func TestDivergenceOnGPU(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	gpu := openFake(t)
	for _, c := range []struct {
		name   string
		change func(*Config)
	}{
		{"a gradient", func(*Config) {}},
		{"several batches", func(c *Config) { c.Batch, c.Accumulate = 2, 2 }},
		{"a loss before any gradient", func(c *Config) { c.Loss.Spike, c.Loss.Voltage = ptr(0.0), ptr(1.0) }},
	} {
		o := quick()
		o.Config.LearningRate, o.Config.Schedule, o.Config.CheckpointEvery, o.Config.Steps, o.Config.Batch, o.Config.Window = 1e30, "constant", 1e9, 30, 4, 100
		c.change(&o.Config)
		o.DataDir, o.OutDir = small().write(t), filepath.Join(t.TempDir(), "cpu")
		cpu := diverging(t, o)
		for _, stream := range []bool{false, true} {
			o.OutDir, o.GPU, o.stream = filepath.Join(t.TempDir(), "gpu"), gpu, stream
			d := diverging(t, o)
			if d.Step != cpu.Step || d.Step == 0 {
				t.Errorf("%s: diverged at step %d, on the CPU at %d", c.name, d.Step, cpu.Step)
			}
			for _, w := range cpu.Batch {
				if !slices.Contains(d.Batch, w) {
					t.Errorf("%s: the GPU does not name %+v", c.name, w)
				}
			}
		}
	}
}

// Several batches a step on the GPU are one large one there.
func TestAccumulateOnGPU(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	gpu, data := openFake(t), small().write(t)
	var told [3][]float64
	var kept [3][][]float32
	for i, c := range [][2]int{{6, 1}, {2, 3}, {2, 3}} {
		o := plain()
		o.Config.Batch, o.Config.Accumulate, o.Config.Steps, o.Config.Window = c[0], c[1], 30, 60
		o.DataDir, o.OutDir, o.GPU, o.stream = data, filepath.Join(t.TempDir(), "fit"), gpu, i == 2
		mustFit(t, o)
		told[i], kept[i] = losses(t, o.OutDir), weightsOf(t, o.OutDir)
	}
	for i, w := range kept[0] {
		if !slices.Equal(kept[1][i], kept[2][i]) {
			t.Errorf("weights %d differ between a split that is sent and one that lies on the GPU", i)
		}
		for j, x := range w { // 30 steps of Adam on float32 sums in another order
			if math.Abs(float64(x-kept[1][i][j])) > 1e-3 {
				t.Fatalf("weight %d of %d is %v, of several batches %v", j, i, x, kept[1][i][j])
			}
		}
	}
	if len(told[0]) != 5 || len(told[1]) != 5 {
		t.Fatalf("%d and %d lines of losses", len(told[0]), len(told[1]))
	}
	for i, x := range told[0] {
		if math.Abs(x-told[1][i]) > 1e-4*x {
			t.Errorf("line %d: loss %v, of several batches %v", i, x, told[1][i])
		}
	}
}

// A search for a learning rate sees on the GPU what it sees on the CPU, and leaves nothing there.
func TestFindRateOnGPU(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	gpu := openFake(t)
	o := quick()
	o.Config.Optimiser, o.Config.Window, o.Config.Batch, o.DataDir = "adam", 60, 4, small().write(t)
	find := func() *RateCurve {
		t.Helper()
		c, err := FindRate(context.Background(), RateOptions{FitOptions: o, Lowest: 1e-4, Highest: 1e30, Trials: 50})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	want := find()
	o.GPU = gpu
	got := find()
	if !got.Diverged || !want.Diverged || len(got.Points) != len(want.Points) {
		t.Fatalf("%d rates, diverged %v; on the CPU %d, %v", len(got.Points), got.Diverged, len(want.Points), want.Diverged)
	}
	for i, p := range want.Points[:6] { // from there on rates above 1 tear them apart
		if q := got.Points[i]; p.Rate != q.Rate || math.Abs(p.Loss-q.Loss) > 1e-3*p.Loss {
			t.Errorf("rate %g: loss %g, on the CPU %g", q.Rate, q.Loss, p.Loss)
		}
	}
}
