package trainer

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Fits from several seeds are those that each seed makes alone, and go on where they were interrupted.
func TestFitSeeds(t *testing.T) {
	o := quick()
	o.Config.Steps, o.Config.ValidateEvery = 20, 10
	o.DataDir, o.OutDir = small().write(t), filepath.Join(t.TempDir(), "fits")
	ctx, cancel := context.WithCancel(context.Background())
	o.Hooks = []func(Progress){func(p Progress) {
		if !strings.Contains(p.Title, "seed ") {
			t.Errorf("title %q", p.Title)
		}
		if p.Step == 12 {
			cancel()
		}
	}}
	var in *InterruptedError
	if _, err := FitSeeds(ctx, o, []uint64{3, 4, 9}); !errors.As(err, &in) {
		t.Fatalf("interrupted: %v", err)
	}
	if _, err := os.Stat(filepath.Join(o.OutDir, SeedsFile)); err == nil {
		t.Error("an interrupted run has a summary")
	}
	o.Hooks, o.Resume = nil, true
	s, err := FitSeeds(context.Background(), o, []uint64{3, 4, 9})
	if err != nil {
		t.Fatal(err)
	}
	alone := o
	alone.Config.Seed, alone.OutDir, alone.Resume = 4, filepath.Join(t.TempDir(), "alone"), false
	mustFit(t, alone)
	outputOf(t, filepath.Join(o.OutDir, "seed-4")).same(t, outputOf(t, alone.OutDir), "seed 4")
	var aucs []float64
	for i, f := range s.Fits {
		if f.Seed != []uint64{3, 4, 9}[i] || f.Steps != 20 || f.Validation == nil {
			t.Errorf("fit %d: %+v", i, f)
		}
		aucs = append(aucs, f.Validation.AUC)
	}
	p := s.Spread[slices.IndexFunc(s.Spread, func(p Spread) bool { return p.Metric == "auc" })]
	mean := (aucs[0] + aucs[1] + aucs[2]) / 3
	sd := math.Sqrt((math.Pow(aucs[0]-mean, 2) + math.Pow(aucs[1]-mean, 2) + math.Pow(aucs[2]-mean, 2)) / 2)
	if p.N != 3 || math.Abs(p.Mean-mean) > 1e-12 || math.Abs(p.SD-sd) > 1e-12 || p.Lowest != slices.Min(aucs) || p.Best != slices.Max(aucs) || sd == 0 {
		t.Errorf("spread %+v of %v", p, aucs)
	}
	b, err := os.ReadFile(filepath.Join(o.OutDir, SeedsFile))
	if err != nil {
		t.Fatal(err)
	}
	var kept Seeds
	if err := json.Unmarshal(b, &kept); err != nil || len(kept.Fits) != 3 || kept.Parameters != 11*60+1+4 {
		t.Errorf("%v: %s", err, b)
	}
}

// One seed that fails does not stop the others.
func TestFitSeedsGoesOn(t *testing.T) {
	o := quick()
	o.Config.Steps = 5
	o.DataDir, o.OutDir = small().write(t), filepath.Join(t.TempDir(), "fits")
	if err := os.MkdirAll(filepath.Join(o.OutDir, "seed-1", "something"), 0o777); err != nil {
		t.Fatal(err)
	}
	s, err := FitSeeds(context.Background(), o, []uint64{1, 2})
	if err == nil || !strings.Contains(err.Error(), "seed 1: ") || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("%v", err)
	}
	if s == nil || s.Fits[0].Error == "" || s.Fits[1].Steps != 5 || s.Spread[0].N != 1 {
		t.Errorf("%+v", s)
	}
}

func TestParseSeeds(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []uint64
		err  string
	}{
		{"3", []uint64{7, 8, 9}, ""},
		{"1,2,9", []uint64{1, 2, 9}, ""},
		{" 5 , 0", []uint64{5, 0}, ""},
		{"0", nil, "want 1 to"},
		{"1000000000000", nil, "want 1 to"},
		{"2,2", nil, "seed 2 twice"},
		{"-1", nil, "want a number of seeds"},
		{"1,", nil, "want a number of seeds"},
		{"", nil, "want a number of seeds"},
	} {
		got, err := ParseSeeds(c.in, 7)
		if !slices.Equal(got, c.want) || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: %v, %v", c.in, got, err)
		}
	}
}
