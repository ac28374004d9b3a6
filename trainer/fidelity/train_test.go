package fidelity

import (
	"math"
	"testing"

	"neq/internal/philox"
)

// bestMatch finds the largest matching by trying, for each spike of a in turn, every free spike of b or none.
func bestMatch(a, b []int32, tolerance int32, used uint) int {
	if len(a) == 0 {
		return 0
	}
	best := bestMatch(a[1:], b, tolerance, used)
	for j, t := range b {
		if d := a[0] - t; used&(1<<j) == 0 && d <= tolerance && -d <= tolerance {
			best = max(best, 1+bestMatch(a[1:], b, tolerance, used|1<<j))
		}
	}
	return best
}

func TestMatchBruteForce(t *testing.T) {
	r := philox.New(4, 0, 0)
	draw := func() []int32 {
		var s []int32
		for i := range int32(24) {
			if r.Float64() < 0.25 && len(s) < 7 {
				s = append(s, i)
			}
		}
		return s
	}
	for range 500 {
		a, b := draw(), draw()
		for _, tolerance := range []int32{0, 1, 2, 5} {
			if got, want := match(a, b, tolerance), bestMatch(a, b, tolerance, 0); got != want {
				t.Fatalf("%v and %v within %d ms: %d pairs, want %d", a, b, tolerance, got, want)
			}
		}
	}
}

// TestF1ByHand: true spikes at 10, 20, 30; predicted at 11 (1 off), 12 (its match is taken), 22 (2 off), 36.
func TestF1ByHand(t *testing.T) {
	e := Episode{Logit: make([]float32, 50), TrueSpike: make([]float32, 50)}
	for i := range e.Logit {
		e.Logit[i] = -3
	}
	for _, i := range []int{10, 20, 30} {
		e.TrueSpike[i] = 1
	}
	for _, i := range []int{11, 12, 22, 36} {
		e.Logit[i] = 2
	}
	r := score(t, []Episode{e}, Options{})
	for i, want := range []SpikeF1{
		{Within: 1, Precision: 1. / 4, Recall: 1. / 3, F1: 2. / 7},
		{Within: 2, Precision: 2. / 4, Recall: 2. / 3, F1: 4. / 7},
		{Within: 5, Precision: 2. / 4, Recall: 2. / 3, F1: 4. / 7},
	} {
		if got := r.F1[i]; got.Within != want.Within || math.Abs(got.F1-want.F1) > 1e-12 ||
			math.Abs(got.Precision-want.Precision) > 1e-12 || math.Abs(got.Recall-want.Recall) > 1e-12 {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	near(t, "rate", r.Rate, 60, 1e-9)
	near(t, "predicted rate", r.PredictedRate, 80, 1e-9)
	near(t, "rate error", r.RateError, 20, 1e-9)
}

func TestThresholds(t *testing.T) {
	validation, test := binormal(1, 30, 1000, 0.02, 4, 0), binormal(2, 30, 1000, 0.02, 4, 0)
	at, err := BestThreshold(validation)
	if err != nil {
		t.Fatal(err)
	}
	f1 := func(e []Episode, at float64) float64 {
		return score(t, e, Options{Threshold: &at, Resamples: -1}).F1[1].F1
	}
	best := f1(validation, at)
	for x := -1.0; x < 5; x += 0.05 {
		// 200 tries over a factor 25 leave steps of 1.6 % in the count of predicted spikes
		if other := f1(validation, x); other > best+0.01 {
			t.Errorf("F1 %v at %v, more than %v at the best threshold %v", other, x, best, at)
		}
	}
	near(t, "F1 on test", f1(test, at), best, 0.05)
	r := score(t, test, Options{Threshold: &at, Resamples: -1})
	if r.Threshold != at || r.ThresholdFrom != "validation" {
		t.Errorf("threshold %v from %s, want %v", r.Threshold, r.ThresholdFrom, at)
	}
	r = score(t, test, Options{Rate: 25, Resamples: -1})
	near(t, "predicted rate", r.PredictedRate, 25, 0.05) // 30,000 bins: a bin is 0.03 Hz
	if r = score(t, test, Options{Resamples: -1}); r.Threshold != 0 || r.ThresholdFrom != "probability 1/2" {
		t.Errorf("default threshold %v from %s", r.Threshold, r.ThresholdFrom)
	}
	if _, err := BestThreshold([]Episode{{Logit: []float32{1}, TrueSpike: []float32{0}}}); err == nil {
		t.Error("a threshold without spikes")
	}
}

// TestVoltageByHand: truth -70 -60 -50 -60 (mean -60, SST 200), errors 1 -1 2 0 (SSE 6).
func TestVoltageByHand(t *testing.T) {
	e := Episode{
		Logit: []float32{0, 0, 1, 0}, TrueSpike: []float32{0, 0, 1, 0},
		TrueV: []float32{-70, -60, -50, -60}, Voltage: []float32{-69, -61, -48, -60},
	}
	split := func(a, b int) Episode {
		return Episode{Logit: e.Logit[a:b], TrueSpike: e.TrueSpike[a:b], TrueV: e.TrueV[a:b], Voltage: e.Voltage[a:b]}
	}
	for _, episodes := range [][]Episode{{e}, {split(0, 1), split(1, 4)}, {split(0, 2), split(2, 4)}} {
		r := score(t, episodes, Options{})
		near(t, "RMSE", r.RMSE, math.Sqrt(6./4), 1e-12)
		near(t, "explained variance", r.ExplainedVariance, 1-6./200, 1e-12)
	}
	// a surrogate that is off by a constant is not forgiven: nothing is rescaled
	for i := range e.Voltage {
		e.Voltage[i] = e.TrueV[i] + 10
	}
	near(t, "explained variance of an offset", score(t, []Episode{e}, Options{}).ExplainedVariance, 1-400./200, 1e-12)
}
