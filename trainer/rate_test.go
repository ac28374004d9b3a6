package trainer

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The rate found for a leaky integrator trains it about as well as any: within 0.01 of the best AUC over rates a factor
// of ten apart, where the worst of them falls short by ten times as much.
func TestFindRate(t *testing.T) {
	o := quick()
	o.Config.Optimiser, o.Config.LearningRate, o.DataDir = "adam", 0, small().write(t)
	here, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	curve, err := FindRate(context.Background(), RateOptions{FitOptions: o})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("suggested %g, steepest %g, lowest %g, %d points, diverged %v", curve.Suggested, curve.Steepest, curve.Minimum, len(curve.Points), curve.Diverged)
	if !(curve.Suggested > 0 && curve.Steepest > 0 && curve.Steepest <= curve.Minimum && curve.Suggested == curve.Minimum/10) {
		t.Errorf("rates %+v", curve)
	}
	if p := curve.Points; p[0].Rate != 1e-6 || len(p) < 150 || !slices.IsSortedFunc(p, func(a, b RatePoint) int { return int(math.Copysign(1, a.Rate-b.Rate)) }) {
		t.Errorf("%d rates from %g", len(p), p[0].Rate)
	}
	auc := func(rate float64) float64 {
		f := o
		f.Config.LearningRate, f.Config.Steps, f.Config.ValidateEvery, f.OutDir = rate, 120, 120, filepath.Join(t.TempDir(), "fit")
		return mustFit(t, f).Validation.AUC
	}
	best, worst := 0.0, 1.0
	for _, rate := range []float64{1e-4, 1e-3, 1e-2, 1e-1} {
		a := auc(rate)
		t.Logf("rate %g: AUC %.4f", rate, a)
		best, worst = max(best, a), min(worst, a)
	}
	got := auc(curve.Suggested)
	t.Logf("rate %g: AUC %.4f", curve.Suggested, got)
	if got < best-0.01 || worst > best-0.1 {
		t.Errorf("AUC %v at the suggested rate, %v to %v at others", got, worst, best)
	}
	if now, err := os.ReadDir("."); err != nil || len(now) != len(here) {
		t.Errorf("the search left something: %v", err)
	}
	again, err := FindRate(context.Background(), RateOptions{FitOptions: o})
	if err != nil || !slices.Equal(again.Points, curve.Points) {
		t.Errorf("a second search differs: %v", err)
	}
	d := xml.NewDecoder(strings.NewReader(curve.SVG()))
	for err == nil {
		_, err = d.Token()
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("the picture is no XML: %v", err)
	}
}

// A sweep that leaves the finite numbers ends there.
func TestFindRateDiverges(t *testing.T) {
	o := quick()
	o.Config.Optimiser, o.DataDir = "adam", small().write(t)
	curve, err := FindRate(context.Background(), RateOptions{FitOptions: o, Lowest: 1e-3, Highest: 1e35, Trials: 60})
	if err != nil || !curve.Diverged || len(curve.Points) == 60 {
		t.Errorf("%v, %+v", err, curve)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := FindRate(ctx, RateOptions{FitOptions: o}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := FindRate(context.Background(), RateOptions{FitOptions: o, Lowest: 1, Highest: 0.1}); err == nil || !strings.Contains(err.Error(), "ascending") {
		t.Errorf("descending rates: %v", err)
	}
}

func TestSuggest(t *testing.T) {
	curve := func(loss func(i int) float64) *RateCurve {
		c := &RateCurve{}
		for i := range 101 {
			c.Points = append(c.Points, RatePoint{Rate: math.Pow(10, float64(i-100)/20), Smooth: loss(i)})
		}
		return c
	}
	for _, c := range []struct {
		name              string
		loss              func(i int) float64
		steepest, minimum float64 // decades below 1
	}{
		{"falls, then rises", func(i int) float64 { return math.Pow(float64(i-60)/60, 2) - math.Tanh(float64(i-40)/5) }, 60.0 / 20, 2.3},
		{"rises from the start", func(i int) float64 { return float64(i) }, 0, 0},
		{"flat", func(int) float64 { return 1 }, 0, 0},
	} {
		r := curve(c.loss)
		r.suggest()
		if c.minimum == 0 {
			if r.Suggested != 0 {
				t.Errorf("%s: suggested %g", c.name, r.Suggested)
			}
			continue
		}
		if s, m := -math.Log10(r.Steepest), -math.Log10(r.Minimum); math.Abs(s-c.steepest) > 0.25 || math.Abs(m-c.minimum) > 0.3 {
			t.Errorf("%s: steepest 10^-%.2f, lowest 10^-%.2f, want 10^-%.2f and 10^-%.2f", c.name, s, m, c.steepest, c.minimum)
		}
	}
}
