package neuron

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"

	"neq/internal/philox"

	"github.com/goccy/go-yaml"
)

// Weight is the strength of a group's synapses: one number for all, or a distribution they are drawn from. In a
// configuration it is `weight: 0.5` or `weight: {distribution: lognormal, mean: 0.5, sd: 0.3}`.
type Weight struct {
	Constant     float64 // where Distribution is ""
	Distribution string  // "", "lognormal", "normal", "uniform"
	Mean, SD     float64 // of the weights themselves; lognormal, normal
	Low, High    float64 // uniform
}

// weightFields is the form of a drawn weight on paper.
type weightFields struct {
	Distribution string   `yaml:"distribution" json:"distribution"`
	Mean         *float64 `yaml:"mean,omitempty" json:"mean,omitempty"`
	SD           *float64 `yaml:"sd,omitempty" json:"sd,omitempty"`
	Low          *float64 `yaml:"low,omitempty" json:"low,omitempty"`
	High         *float64 `yaml:"high,omitempty" json:"high,omitempty"`
}

func (w Weight) fields() any {
	switch w.Distribution {
	case "":
		return w.Constant
	case "uniform":
		return weightFields{Distribution: w.Distribution, Low: &w.Low, High: &w.High}
	}
	return weightFields{Distribution: w.Distribution, Mean: &w.Mean, SD: &w.SD}
}

func (w *Weight) set(f weightFields) error {
	given := func(name string, v *float64, want bool, to *float64) error {
		switch {
		case want && v == nil:
			return fmt.Errorf("weight: distribution %s wants %s", f.Distribution, name)
		case !want && v != nil:
			return fmt.Errorf("weight: distribution %s takes no %s", f.Distribution, name)
		case v != nil:
			*to = *v
		}
		return nil
	}
	*w = Weight{Distribution: f.Distribution}
	var moments bool
	switch f.Distribution {
	case "lognormal", "normal":
		moments = true
	case "uniform":
	case "":
		return fmt.Errorf("weight: want a number or {distribution: lognormal|normal|uniform, ...}")
	default:
		return fmt.Errorf("weight: no distribution %q%s: there are lognormal, normal (mean, sd) and uniform (low, high)",
			f.Distribution, suggest(f.Distribution, []string{"lognormal", "normal", "uniform"}))
	}
	for _, x := range []struct {
		name string
		v    *float64
		want bool
		to   *float64
	}{{"mean", f.Mean, moments, &w.Mean}, {"sd", f.SD, moments, &w.SD}, {"low", f.Low, !moments, &w.Low}, {"high", f.High, !moments, &w.High}} {
		if err := given(x.name, x.v, x.want, x.to); err != nil {
			return err
		}
	}
	return nil
}

// UnmarshalYAML reads a number or a distribution.
func (w *Weight) UnmarshalYAML(b []byte) error {
	var x float64
	if yaml.Unmarshal(b, &x) == nil {
		*w = Weight{Constant: x}
		return nil
	}
	var f weightFields
	if err := yaml.UnmarshalWithOptions(b, &f, yaml.Strict()); err != nil {
		return err
	}
	return w.set(f)
}

// MarshalYAML writes what UnmarshalYAML reads.
func (w Weight) MarshalYAML() (any, error) { return w.fields(), nil }

// UnmarshalJSON reads a number or a distribution.
func (w *Weight) UnmarshalJSON(b []byte) error {
	var x float64
	if json.Unmarshal(b, &x) == nil {
		*w = Weight{Constant: x}
		return nil
	}
	var f weightFields
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return err
	}
	return w.set(f)
}

// MarshalJSON writes what UnmarshalJSON reads.
func (w Weight) MarshalJSON() ([]byte, error) { return json.Marshal(w.fields()) }

// check says what is wrong with a weight of a group.
func (w Weight) check(key string, delta bool) error {
	for _, v := range []float64{w.Constant, w.Mean, w.SD, w.Low, w.High} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return keyError(key, "%v is not a number", v)
		}
	}
	switch w.Distribution {
	case "":
		if w.Constant < 0 && !delta {
			return keyError(key, "%v is below 0: a conductance cannot be; inhibition is a receptor's reversal potential", w.Constant)
		}
	case "lognormal":
		if w.Mean <= 0 {
			return keyError(key+".mean", "%v: a lognormal's mean is above 0", w.Mean)
		}
	case "normal":
	case "uniform":
		if w.Low > w.High {
			return keyError(key+".low", "%v is above high, %v", w.Low, w.High)
		}
		if w.Low < 0 && !delta {
			return keyError(key+".low", "%v is below 0: a conductance cannot be", w.Low)
		}
	default:
		return keyError(key+".distribution", "no distribution %q: there are lognormal, normal and uniform", w.Distribution)
	}
	if w.SD < 0 {
		return keyError(key+".sd", "%v is below 0", w.SD)
	}
	return nil
}

// weightStream is the philox stream of drawn weights: the group's index is added to it, the sample is the synapse
// within its group. It is apart from the streams of stimuli, which count from 0.
const weightStream = 0x57000000

// draw returns the weight of synapse i of group g. A normal weight that would be a negative conductance is 0.
func (w Weight) draw(seed uint64, g, i int, delta bool) float64 {
	if w.Distribution == "" {
		return w.Constant
	}
	s := philox.New(seed, uint64(i), weightStream+uint32(g))
	switch w.Distribution {
	case "lognormal": // mu and sigma of the logarithm from the mean and sd of the weight
		v := math.Log1p(w.SD * w.SD / (w.Mean * w.Mean))
		return w.Mean * math.Exp(math.Sqrt(v)*s.Normal()-v/2)
	case "uniform":
		return w.Low + (w.High-w.Low)*s.Float64()
	}
	x := w.Mean + w.SD*s.Normal()
	if x < 0 && !delta {
		return 0
	}
	return x
}
