package trainer

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"neq/surrogates"
)

// plain is a small network without batch normalisation, under an optimiser with all that a step may have.
func plain() FitOptions {
	o := quick()
	o.Spec = surrogates.Spec{Family: "tcn", Depth: 2, Width: 4, Kernels: []int{20, 5}}
	o.Config.Steps, o.Config.Optimiser, o.Config.WeightDecay, o.Config.GradientClip = 40, "adamw", ptr(0.1), 1
	return o
}

// 4 batches of 3 windows a step are one of 12: the same windows, the same losses and weights up to float32 sums in
// another order, which 40 steps of Adam carry on.
func TestAccumulateIsALargeBatch(t *testing.T) {
	data := small().write(t)
	var outs []*Model
	var told [][]float64
	for _, c := range [][2]int{{12, 1}, {3, 4}} {
		o := plain()
		o.Config.Batch, o.Config.Accumulate = c[0], c[1]
		o.DataDir, o.OutDir = data, filepath.Join(t.TempDir(), "fit")
		r := mustFit(t, o)
		if want := 40 * 12 * 0.2; math.Abs(r.BioSeconds-want) > 1e-9 {
			t.Errorf("%d x %d windows: %v s of neuron time, want %v", c[1], c[0], r.BioSeconds, want)
		}
		m, err := Load(o.OutDir)
		if err != nil {
			t.Fatal(err)
		}
		outs, told = append(outs, m), append(told, losses(t, o.OutDir))
	}
	if len(told[0]) != 6 || len(told[1]) != 6 {
		t.Fatalf("%d and %d lines of losses, want 6", len(told[0]), len(told[1]))
	}
	for i := range told[0] {
		if a, b := told[0][i], told[1][i]; math.Abs(a-b) > 1e-4*a {
			t.Errorf("line %d: loss %v of a large batch, %v of several", i, a, b)
		}
	}
	for i, w := range outs[0].Network.Weights() {
		for j, x := range values(w) {
			if y := values(outs[1].Network.Weights()[i])[j]; math.Abs(float64(x-y)) > 1e-3 {
				t.Fatalf("%s[%d] is %v, of several batches %v", w.Name, j, x, y)
			}
		}
	}
}

// The loader gives several batches the windows of a large one, in its order.
func TestAccumulatedWindows(t *testing.T) {
	src := memory{synthetic: small()}
	whole, _ := loaderOf(t, src, func(c *Config) { c.Batch = 6 })
	parts, c := loaderOf(t, src, func(c *Config) { c.Batch, c.Accumulate = 2, 3 })
	for step := range 30 {
		want := windowsOf(t, whole, step)
		rows := make([]window, c.Batch)
		for part := range 3 {
			if err := parts.windows(step, part*c.Batch, rows); err != nil {
				t.Fatal(err)
			}
			for i, w := range rows {
				if got := (key{w.shard.First + w.local, w.start}); got != want[part*c.Batch+i] {
					t.Fatalf("step %d, batch %d: %v, want %v", step, part, got, want[part*c.Batch+i])
				}
			}
		}
	}
}

// Interrupted at any step, a fit with AdamW and several batches a step goes on to the same bytes, as does one on other threads.
func TestAccumulateResumes(t *testing.T) {
	data := small().write(t)
	o := plain()
	o.Spec.BatchNorm = true
	o.Config.Batch, o.Config.Accumulate, o.Config.Steps = 3, 3, 20
	o.DataDir, o.OutDir = data, filepath.Join(t.TempDir(), "whole")
	mustFit(t, o)
	whole := outputOf(t, o.OutDir)
	o.OutDir, o.Resume, o.Threads = filepath.Join(t.TempDir(), "pieces"), true, 1
	for _, stop := range []int{1, 8, 14, 15} {
		ctx, cancel := context.WithCancel(context.Background())
		o.Hooks = []func(Progress){func(p Progress) {
			if p.Step == stop {
				cancel()
			}
		}}
		_, err := Fit(ctx, o)
		cancel()
		var in *InterruptedError
		if !errors.As(err, &in) {
			t.Fatalf("stopped at step %d: %v", stop, err)
		}
	}
	o.Hooks = nil
	mustFit(t, o)
	outputOf(t, o.OutDir).same(t, whole, "interrupted")
	o.Config.Accumulate = 2
	var other *MismatchError
	if _, err := Fit(context.Background(), o); !errors.As(err, &other) || other.Key != "training.accumulate" {
		t.Errorf("resumed with other batches: %v", err)
	}
}

// Weight decay shrinks what it applies to, and leaves biases alone.
func TestWeightDecayInAFit(t *testing.T) {
	data := small().write(t)
	norms := func(decay float64) map[string]float64 {
		o := plain()
		o.Config.WeightDecay = &decay
		o.Config.Schedule, o.Config.LearningRate, o.Config.Steps = "constant", 1e-3, 60
		o.DataDir, o.OutDir = data, filepath.Join(t.TempDir(), "fit")
		mustFit(t, o)
		m, err := Load(o.OutDir)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]float64{}
		for _, w := range m.Network.Weights() {
			for _, x := range values(w) {
				all[w.Name] += float64(x) * float64(x)
			}
		}
		return all
	}
	without, with := norms(0), norms(5) // 60 steps of 1e-3: weights times exp(-0.3), but for what they learn
	for _, c := range []struct {
		name   string
		decays bool
	}{{"layer0.weight", true}, {"layer1.weight", true}, {"heads.weight", true}, {"layer0.bias", false}, {"heads.bias", false}} {
		ratio := with[c.name] / without[c.name]
		if c.decays && (ratio > 0.75 || ratio < 0.35) || !c.decays && math.Abs(ratio-1) > 0.2 {
			t.Errorf("%s: squares %g with decay, %g without", c.name, with[c.name], without[c.name])
		}
	}
}

// losses are those of a fit's metrics.
func losses(t *testing.T, dir string) []float64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, metricsFile))
	if err != nil {
		t.Fatal(err)
	}
	var list []float64
	for line := range strings.Lines(string(text)) {
		var m metric
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		if m.Loss != nil {
			list = append(list, *m.Loss)
		}
	}
	return list
}
