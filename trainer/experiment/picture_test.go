package experiment

import (
	"math"
	"strings"
	"testing"
)

const ball = `
neuron: {model: ball-and-stick}
stimulus: {protocol: none}
simulation: {duration_ms: 100, samples: {train: 1}}
`

// A cell with dendrites is drawn in the report, coloured as asked; a point neuron has no picture.
func TestPicture(t *testing.T) {
	for _, c := range []struct{ text, set, colours, err string }{
		{ball, "report.fidelity=auc", "the regions", ""},
		{ball, "report.colours=region", "the regions", ""},
		{ball, "report.colours=pas", "the maximal conductance of pas", ""},
		{ball, "report.colours=past", "", `report.colours: "past": ball-and-stick has no such mechanism with a conductance (did you mean "pas"?)`},
		{strings.Replace(ball, "ball-and-stick", "hh", 1), "report.fidelity=auc", "", ""},
		{strings.Replace(ball, "ball-and-stick", "hh", 1), "report.colours=hh", "", "hh is a point neuron"},
	} {
		x, err := load(t, c.text, c.set)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: error %v, want %q", c.set, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.set, err)
			continue
		}
		s := x.study().Neuron
		if s.Colours != c.colours || strings.HasPrefix(s.Picture, "<svg ") != (c.colours != "") {
			t.Errorf("%s: picture %.20q coloured by %q, want colours %q", c.set, s.Picture, s.Colours, c.colours)
		}
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		v    []float64
		want bool
	}{{nil, false}, {[]float64{1, 2, 30}, false}, {[]float64{math.NaN(), 0, 1, 31}, true}, {[]float64{0, 0}, false}} {
		if got := spread(c.v); got != c.want {
			t.Errorf("spread(%v) = %v", c.v, got)
		}
	}
}
