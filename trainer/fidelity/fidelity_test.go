package fidelity

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"neq/internal/philox"
)

// episode makes one from scores and labels; voltages follow the scores so that both kinds are exercised.
func episode(scores []float64, labels []int) Episode {
	e := Episode{}
	for i, s := range scores {
		e.Logit = append(e.Logit, float32(s))
		e.TrueSpike = append(e.TrueSpike, float32(labels[i]))
		e.TrueV = append(e.TrueV, float32(-70+labels[i]*10))
		e.Voltage = append(e.Voltage, float32(-70+s))
	}
	return e
}

// binormal draws episodes whose logits are N(shift + gain*spike, 1), shift ~ N(0, between) by episode.
func binormal(seed uint64, episodes, bins int, rate, gain, between float64) []Episode {
	var all []Episode
	for i := range episodes {
		r := philox.New(seed, uint64(i), 0)
		shift := between * r.Normal()
		e := Episode{}
		for range bins {
			y := 0.0
			if r.Float64() < rate {
				y = 1
			}
			v := -65 + 5*r.Normal()
			e.Logit = append(e.Logit, float32(shift+gain*y+r.Normal()))
			e.TrueSpike = append(e.TrueSpike, float32(y))
			e.TrueV = append(e.TrueV, float32(v))
			e.Voltage = append(e.Voltage, float32(v+2*r.Normal()))
		}
		all = append(all, e)
	}
	return all
}

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s is %.9g, want %.9g within %g", what, got, want, tol)
	}
}

func score(t *testing.T, e []Episode, o Options) Result {
	t.Helper()
	r, err := Score(e, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestFigures compares with numbers from an independent script, whole and cut into episodes.
func TestFigures(t *testing.T) {
	b, err := os.ReadFile("testdata/figures.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Name   string
			Scores []float64
			Labels []int
			AUC    float64
			AP     float64 `json:"average_precision"`
			TPR25  float64 `json:"tpr_at_0.0025"`
			TPR100 float64 `json:"tpr_at_0.01"`
		}
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	for _, c := range file.Cases {
		for _, parts := range []int{1, 3} {
			var e []Episode
			for p := range parts {
				a, z := p*len(c.Scores)/parts, (p+1)*len(c.Scores)/parts
				e = append(e, episode(c.Scores[a:z], c.Labels[a:z]))
			}
			r := score(t, e, Options{Resamples: 10})
			// both sides are sums of at most 2,000 float64 terms
			near(t, c.Name+" AUC", r.AUC, c.AUC, 1e-12)
			near(t, c.Name+" average precision", r.AveragePrecision, c.AP, 1e-12)
			near(t, c.Name+" TPR at 0.25 %", r.Operating[0].TruePositives, c.TPR25, 1e-12)
			near(t, c.Name+" TPR at 1 %", r.Operating[1].TruePositives, c.TPR100, 1e-12)
			for _, o := range r.Operating {
				hits, alarms := 0, 0
				for i, s := range c.Scores {
					if float64(float32(s)) >= o.Threshold {
						hits += c.Labels[i]
						alarms += 1 - c.Labels[i]
					}
				}
				near(t, c.Name+" hits at the threshold", float64(hits), o.TruePositives*float64(r.Spikes), 1e-9)
				if float64(alarms) > o.FalsePositives*float64(r.Bins-r.Spikes) {
					t.Errorf("%s: %d false positives at threshold %v, more than %v", c.Name, alarms, o.Threshold, o.FalsePositives)
				}
			}
		}
	}
}

// TestAUCBruteForce counts all pairs, at resamples too: coarse scores make many ties across episodes.
func TestAUCBruteForce(t *testing.T) {
	for seed := range uint64(20) {
		e := binormal(seed, 5, 60, 0.2, 1, 0.5)
		for i := range e {
			for j := range e[i].Logit {
				e[i].Logit[j] = float32(math.Round(float64(e[i].Logit[j]*2)) / 2)
			}
		}
		s := NewScorer(Options{})
		for _, x := range e {
			s.Add(x)
		}
		k := s.rank()
		for _, draws := range [][]float64{nil, {1, 1, 1, 1, 1}, {0, 2, 1, 0, 2}, {5, 0, 0, 0, 0}} {
			var right, pairs float64
			for a := range e {
				for b := range e {
					c := 1.0
					if draws != nil {
						c = draws[a] * draws[b]
					}
					for i, p := range e[a].Logit {
						for j, n := range e[b].Logit {
							if e[a].TrueSpike[i] == 1 && e[b].TrueSpike[j] == 0 {
								pairs += c
								switch {
								case p > n:
									right += c
								case p == n:
									right += c / 2
								}
							}
						}
					}
				}
			}
			near(t, "AUC", k.auc(draws), right/pairs, 1e-13)
		}
	}
}

// TestBinormal: the AUC of N(gain, 1) against N(0, 1) is Phi(gain / sqrt 2).
func TestBinormal(t *testing.T) {
	for _, gain := range []float64{0, 0.5, 1.5, 3} {
		r := score(t, binormal(7, 100, 1000, 0.02, gain, 0), Options{Resamples: -1})
		want := 0.5 * math.Erfc(-gain/2)
		// standard error with 2,000 spikes is at most sqrt(1/12/2000) = 0.0065; four of them
		near(t, "AUC", r.AUC, want, 0.026)
		if r.AUCInterval != nil {
			t.Error("an interval without resamples")
		}
	}
}

// TestCoverage: the nominal 95 % interval holds the true value about 95 % of the time, also where episodes
// differ, so that their bins are far from independent.
func TestCoverage(t *testing.T) {
	for _, c := range []struct {
		name    string
		between float64
	}{{"episodes alike", 0}, {"episodes differ", 0.7}} {
		const sims, episodes = 300, 50
		// two bins of different episodes differ by N(gain, 2 (1 + between^2)), of the same by N(gain, 2)
		other := 0.5 * math.Erfc(-1.5/math.Sqrt(2*(1+c.between*c.between))/math.Sqrt2)
		same := 0.5 * math.Erfc(-1.5/2)
		truth := other + (same-other)/episodes
		auc, explained := 0, 0
		for sim := range uint64(sims) {
			r := score(t, binormal(1000+sim, episodes, 100, 0.05, 1.5, c.between), Options{Resamples: 200, Seed: sim})
			if r.AUCInterval.Low <= truth && truth <= r.AUCInterval.High {
				auc++
			}
			// errors of 2 mV on voltages of 5 mV: 1 - 4/25
			if r.ExplainedInterval.Low <= 0.84 && 0.84 <= r.ExplainedInterval.High {
				explained++
			}
		}
		// 300 simulations at 0.95 have a standard error of 0.0126: three of them below, and one more for the
		// percentile bootstrap's known shortfall with 50 units
		for what, n := range map[string]int{"AUC": auc, "explained variance": explained} {
			if share := float64(n) / sims; share < 0.90 || share > 0.985 {
				t.Errorf("%s: the 95 %% interval of %s covers %.3f", c.name, what, share)
			}
		}
	}
}

// TestInvariance: a strictly increasing map of the logits changes nothing that ranks; the order of the
// episodes changes nothing at all but the bootstrap's luck.
func TestInvariance(t *testing.T) {
	e := binormal(3, 8, 200, 0.1, 1.5, 0.3)
	want := score(t, e, Options{Resamples: 50, Seed: 9})
	mapped := binormal(3, 8, 200, 0.1, 1.5, 0.3)
	for _, x := range mapped {
		for i, l := range x.Logit {
			x.Logit[i] = 4*l - 100 // by powers of two and rounding alike, it keeps the order and makes few ties
		}
	}
	got := score(t, mapped, Options{Resamples: 50, Seed: 9})
	// -100 costs 7 bits of the mantissa: pairs closer than 1e-5 may tie
	near(t, "AUC", got.AUC, want.AUC, 1e-5)
	near(t, "average precision", got.AveragePrecision, want.AveragePrecision, 1e-3)
	near(t, "interval", got.AUCInterval.Low, want.AUCInterval.Low, 1e-5)
	for i, j := 0, len(e)-1; i < j; i, j = i+1, j-1 {
		e[i], e[j] = e[j], e[i]
	}
	turned := score(t, e, Options{Resamples: -1})
	near(t, "AUC of turned episodes", turned.AUC, want.AUC, 1e-12)
	near(t, "RMSE of turned episodes", turned.RMSE, want.RMSE, 1e-12)
	near(t, "F1 of turned episodes", turned.F1[1].F1, want.F1[1].F1, 1e-12)
}

// TestReproducible: the same seed gives the same bytes, another seed another interval.
func TestReproducible(t *testing.T) {
	e := binormal(5, 20, 100, 0.1, 1, 0.5)
	a, _ := json.Marshal(score(t, e, Options{Seed: 1, Resamples: 100}))
	b, _ := json.Marshal(score(t, e, Options{Seed: 1, Resamples: 100}))
	c, _ := json.Marshal(score(t, e, Options{Seed: 2, Resamples: 100}))
	if string(a) != string(b) || string(a) == string(c) {
		t.Errorf("seed 1: %s\nagain: %s\nseed 2: %s", a, b, c)
	}
}

func TestGroupsBeyondTheMatrix(t *testing.T) {
	e := binormal(11, maxGroups+500, 10, 0.2, 1.5, 0.3)
	r := score(t, e, Options{Resamples: 20})
	var joined Episode
	for _, x := range e {
		joined.Logit = append(joined.Logit, x.Logit...)
		joined.TrueSpike = append(joined.TrueSpike, x.TrueSpike...)
		joined.TrueV = append(joined.TrueV, x.TrueV...)
		joined.Voltage = append(joined.Voltage, x.Voltage...)
	}
	one := score(t, []Episode{joined}, Options{})
	near(t, "AUC", r.AUC, one.AUC, 1e-12)
	near(t, "explained variance", r.ExplainedVariance, one.ExplainedVariance, 1e-9)
	if one.AUCInterval != nil || one.ExplainedInterval != nil || one.F1[0].Interval != nil {
		t.Error("one episode has an interval")
	}
	if r.AUCInterval == nil || r.AUCInterval.Low >= r.AUC || r.AUCInterval.High <= r.AUC {
		t.Errorf("interval %+v around %v", r.AUCInterval, r.AUC)
	}
}

// TestEdges: nothing that a neuron or a diverged training can do makes a NaN or a silent wrong number.
func TestEdges(t *testing.T) {
	flat := func(y, v float32) Episode {
		return Episode{Logit: []float32{-1, 0, 1}, TrueSpike: []float32{y, y, y}, Voltage: []float32{v, v, v}, TrueV: []float32{-70, -70, -70}}
	}
	for _, c := range []struct {
		name           string
		episodes       []Episode
		spikes, volts  string // what the reasons say
		f1, rmse, rate float64
	}{
		{"no spikes", []Episode{flat(0, -70), flat(0, -70)}, "never spikes", "never changes", 0, 0, 0},
		{"all spikes", []Episode{flat(1, -68), flat(1, -68)}, "every ms", "never changes", 0.8, 2, 1000},
		{"no voltage", []Episode{{Logit: []float32{-1, 1}, TrueSpike: []float32{0, 1}}}, "", "no voltage", 1, 0, 500},
	} {
		r := score(t, c.episodes, Options{})
		b, err := json.Marshal(r)
		if err != nil {
			t.Errorf("%s: %v", c.name, err) // a NaN
		}
		if !strings.Contains(r.SpikesUndefined, c.spikes) || (c.spikes == "") != (r.SpikesUndefined == "") {
			t.Errorf("%s: spikes undefined %q, want %q", c.name, r.SpikesUndefined, c.spikes)
		}
		if !strings.Contains(r.VoltageUndefined, c.volts) {
			t.Errorf("%s: voltage undefined %q, want %q", c.name, r.VoltageUndefined, c.volts)
		}
		near(t, c.name+" F1", r.F1[0].F1, c.f1, 1e-12)
		near(t, c.name+" RMSE", r.RMSE, c.rmse, 1e-12)
		near(t, c.name+" rate", r.Rate, c.rate, 1e-9)
		if _, _, err := r.Metric("auc"); (err != nil) != (c.spikes != "") {
			t.Errorf("%s: auc: %v in %s", c.name, err, b)
		}
		if _, _, err := r.Metric("explained_variance"); err == nil {
			t.Errorf("%s: explained variance is defined", c.name)
		}
	}
}

func TestBadEpisodes(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	good := episode([]float64{0, 1, 2}, []int{0, 1, 0})
	for _, c := range []struct {
		change func(e *Episode)
		want   string
	}{
		{func(e *Episode) { e.Logit = []float32{0, nan, 0} }, "episode 1, 1 ms: predicted spike logit is NaN"},
		{func(e *Episode) { e.Voltage = []float32{0, 0, inf} }, "episode 1, 2 ms: predicted voltage is +Inf"},
		{func(e *Episode) { e.TrueV = []float32{nan, 0, 0} }, "episode 1, 0 ms: true voltage is NaN"},
		{func(e *Episode) { e.Logit = e.Logit[:2] }, "episode 1: 2 logits but 3 ms of true spikes"},
		{func(e *Episode) { e.TrueV = nil }, "both needed"},
		{func(e *Episode) { e.Voltage = e.Voltage[:1] }, "1 predicted"},
		{func(e *Episode) { e.TrueSpike = []float32{0, 2, 0} }, "true spike is 2"},
		{func(e *Episode) { *e = Episode{} }, "episode 1 is empty"},
	} {
		bad := good
		c.change(&bad)
		if _, err := Score([]Episode{good, bad, good}, Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
	if _, err := Score(nil, Options{}); err == nil {
		t.Error("no episodes scored")
	}
	notANumber := math.NaN()
	if _, err := Score([]Episode{good}, Options{Threshold: &notANumber}); err == nil {
		t.Error("a threshold that is NaN was taken")
	}
	if _, _, err := (Result{}).Metric("accuracy"); err == nil || !strings.Contains(err.Error(), "choose from") {
		t.Errorf("unknown measure: %v", err)
	}
}

func TestBaselines(t *testing.T) {
	e := binormal(21, 40, 2000, 0.02, 3, 0)
	all, err := Baselines(20, -65, e, Options{Resamples: 200})
	if err != nil {
		t.Fatal(err)
	}
	constant, random := all[0].Fidelity, all[1].Fidelity
	if constant.AUC != 0.5 {
		t.Errorf("AUC of a constant is %v", constant.AUC)
	}
	near(t, "average precision of a constant", constant.AveragePrecision, constant.Rate/1000, 1e-12)
	near(t, "predicted rate of a constant", constant.PredictedRate, 0, 0)
	// 1,600 spikes among 80,000 bins: standard error sqrt(1/12/1600) = 0.0072
	near(t, "AUC of chance", random.AUC, 0.5, 0.03)
	near(t, "rate of chance", random.PredictedRate, 20, 2)
	// a random spike has another within 2 ms with probability near 1 - 0.98^5
	near(t, "F1 of chance", random.F1[1].F1, 1-math.Pow(0.98, 5), 0.02)
	for _, b := range all {
		// the training mean is the true mean of these voltages: nothing explained, 5 mV off
		near(t, b.Name+" explained variance", b.Fidelity.ExplainedVariance, 0, 0.001)
		near(t, b.Name+" RMSE", b.Fidelity.RMSE, 5, 0.1)
	}
	if _, err := Baselines(2000, -65, e, Options{}); err == nil {
		t.Error("2000 Hz at 1 ms was taken")
	}
}

// BenchmarkScore is a test set of 1,000 episodes of 6 s with 1,000 resamples.
func BenchmarkScore(b *testing.B) {
	e := binormal(1, 1000, 6000, 0.001, 3, 0.3)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Score(e, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
