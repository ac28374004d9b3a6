package neuron

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func TestWeightForms(t *testing.T) {
	for _, c := range []struct {
		yaml string
		want Weight
		err  string
	}{
		{"0.5", Weight{Constant: 0.5}, ""},
		{"-2", Weight{Constant: -2}, ""},
		{"{distribution: lognormal, mean: 0.5, sd: 0.3}", Weight{Distribution: "lognormal", Mean: 0.5, SD: 0.3}, ""},
		{"{distribution: uniform, low: 0, high: 2}", Weight{Distribution: "uniform", High: 2}, ""},
		{"{distribution: gamma}", Weight{}, `no distribution "gamma"`},
		{"{distribution: normal, mean: 1}", Weight{}, "distribution normal wants sd"},
		{"{distribution: uniform, low: 1, high: 2, sd: 1}", Weight{}, "distribution uniform takes no sd"},
		{"{distribution: normal, mean: 1, std: 1}", Weight{}, "std"},
		{"heavy", Weight{}, "heavy"},
	} {
		var g SynapseGroup
		err := yaml.Unmarshal([]byte("weight: "+c.yaml), &g)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %q", c.yaml, err, c.err)
			}
			continue
		}
		if err != nil || g.Weight != c.want {
			t.Errorf("%s: %+v, %v; want %+v", c.yaml, g.Weight, err, c.want)
		}
		out, err := yaml.Marshal(g)
		var again SynapseGroup
		if err == nil {
			err = yaml.Unmarshal(out, &again)
		}
		if err != nil || again.Weight != c.want {
			t.Errorf("%s: written as %s and read as %+v, %v", c.yaml, out, again.Weight, err)
		}
		js, err := json.Marshal(g)
		again = SynapseGroup{}
		if err == nil {
			err = json.Unmarshal(js, &again)
		}
		if err != nil || again.Weight != c.want {
			t.Errorf("%s: JSON %s read as %+v, %v", c.yaml, js, again.Weight, err)
		}
	}
}

// TestDrawnWeights checks mean and sd of 20,000 draws: their standard errors are sd/141 and about sd/100.
func TestDrawnWeights(t *testing.T) {
	const n = 20000
	for _, c := range []struct {
		w        Weight
		mean, sd float64
	}{
		{Weight{Distribution: "lognormal", Mean: 0.5, SD: 0.3}, 0.5, 0.3},
		{Weight{Distribution: "normal", Mean: 2, SD: 0.4}, 2, 0.4},
		{Weight{Distribution: "uniform", Low: 1, High: 3}, 2, 2 / math.Sqrt(12)},
		{Weight{Constant: 0.7}, 0.7, 0},
	} {
		var sum, square float64
		for i := range n {
			x := c.w.draw(1, 0, i, false)
			if x < 0 {
				t.Fatalf("%+v drew %v", c.w, x)
			}
			sum, square = sum+x, square+x*x
		}
		mean := sum / n
		sd := math.Sqrt(max(0, square/n-mean*mean))
		if math.Abs(mean-c.mean) > 4*c.sd/math.Sqrt(n)+1e-9 || math.Abs(sd-c.sd) > 0.06*c.sd+1e-6 {
			t.Errorf("%+v: mean %.4f sd %.4f, want %.4f and %.4f", c.w, mean, sd, c.mean, c.sd)
		}
	}
	if (Weight{Distribution: "normal", Mean: -1, SD: 0.1}).draw(1, 0, 0, false) != 0 {
		t.Error("a negative conductance was drawn")
	}
}

func FuzzWeight(f *testing.F) {
	f.Add([]byte("0.5"))
	f.Add([]byte("{distribution: uniform, low: 1, high: 2}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var w Weight
		if err := w.UnmarshalYAML(b); err != nil {
			return
		}
		out, err := json.Marshal(w)
		if err != nil {
			return // NaN and infinity, which check refuses
		}
		var again Weight
		if err := json.Unmarshal(out, &again); err != nil || again != w {
			t.Fatalf("%q read as %+v, written %s, read as %+v (%v)", b, w, out, again, err)
		}
	})
}
