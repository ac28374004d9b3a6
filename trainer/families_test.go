package trainer

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"neq/surrogates"
)

// everyFamily is a small network of each, over the synthetic data set's 11 inputs.
var everyFamily = []surrogates.Spec{
	{Family: "filter", Window: 20},
	{Family: "fcn", Window: 20, Width: 5, BatchNorm: true},
	{Family: "tcn", Depth: 2, Width: 4, Kernels: []int{20, 5}, Dilations: []int{1, 2}},
	{Family: "tcn", Depth: 2, Width: 4, Kernels: []int{8, 3}, Separable: true, Residual: true, Experts: 3, Top: 2},
	{Family: "ssm", Width: 6, States: 4},
	{Family: "transformer", Width: 6, Depth: 1, Span: 8, AttentionHeads: 2},
	{Family: "elm", Memory: 5, Branches: 3, BranchSize: 5},
	{Family: "elm", Memory: 5, Branches: 3, BranchSize: 5, SharedSynapses: 4},
	{Family: "elm", Memory: 5, LearnTau: true},
	{Family: "lstm", Width: 6},
	{Family: "gru", Width: 6, Depth: 2},
}

// TestEveryFamilySweeps: every family is scored and shown, and reported together.
func TestEveryFamilySweeps(t *testing.T) {
	var entries []Entry
	for _, spec := range everyFamily {
		entries = append(entries, Entry{Spec: spec})
	}
	c := quick().Config
	c.Steps, c.ValidateEvery, c.BurnIn = 4, 4, ptr(20)
	dir := t.TempDir()
	study, err := Sweep(context.Background(), SweepOptions{Surrogates: entries, Config: c, DataDir: small().write(t), OutDir: dir, Split: "test", Resamples: 5})
	if err != nil {
		t.Fatal(err)
	}
	if len(study.Rows) != len(everyFamily) {
		t.Errorf("%d rows of %d surrogates", len(study.Rows), len(everyFamily))
	}
	for _, r := range study.Rows {
		if r.Error != "" {
			t.Errorf("%s: %s", r.Name, r.Error)
		}
	}
}

// TestEveryFamilyResumes: interrupted and resumed, on other numbers of threads, every family gives the bytes of a fit that
// was not; and its model is read back and scores as it was validated.
func TestEveryFamilyResumes(t *testing.T) {
	tested := map[string]bool{}
	data := small().write(t)
	for _, spec := range everyFamily {
		tested[spec.Family] = true
		t.Run(spec.Title(), func(t *testing.T) {
			t.Parallel()
			o := quick()
			o.Spec, o.DataDir, o.OutDir = spec, data, filepath.Join(t.TempDir(), "whole")
			o.Config.Steps, o.Config.ValidateEvery, o.Config.BurnIn = 12, 6, ptr(20)
			mustFit(t, o)
			whole := outputOf(t, o.OutDir)
			o.OutDir, o.Resume = filepath.Join(t.TempDir(), "pieces"), true
			for threads, stop := range []int{1, 5, 6} {
				ctx, cancel := context.WithCancel(context.Background())
				o.Threads = threads + 1
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
			outputOf(t, o.OutDir).same(t, whole, "resumed")
			e, err := Evaluate(context.Background(), o.OutDir, data, "validation", EvaluateOptions{Resamples: -1})
			if err != nil {
				t.Fatal(err)
			}
			if v := whole.description.Validation; v == nil || e.Fidelity.AUC != v.AUC {
				t.Errorf("evaluated %v, validated %+v", e.Fidelity.AUC, v)
			}
		})
	}
	for _, f := range surrogates.Families() {
		if !tested[f] {
			t.Errorf("no small network of family %s is tested", f)
		}
	}
}
