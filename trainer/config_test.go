package trainer

import (
	"math"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"neq/surrogates"
)

func TestValidateNamesTheKey(t *testing.T) {
	for _, c := range []struct{ yaml, want string }{
		{"optimiser: sgd", "training.optimiser"},
		{"schedule: sometimes", "training.schedule"},
		{"learning_rate: -1", "training.learning_rate"},
		{"learning_rate: .nan", "training.learning_rate"},
		{"steps: -3", "training.steps"},
		{"batch: -3", "training.batch"},
		{"steps: 10\nwarm_up: 11", "training.warm_up"},
		{"final_rate: 2", "training.final_rate"},
		{"schedule: steps", "training.drops"},
		{"drops: [{at: 0.5, factor: 0.1}]", "training.drops"},
		{"schedule: steps\ndrops: [{at: 2, factor: 0.1}]", "training.drops[0].at"},
		{"schedule: steps\ndrops: [{at: 0.5, factor: 0}]", "training.drops[0].factor"},
		{"burn_in_ms: -1", "training.burn_in_ms"},
		{"voltage: {clip_mv: .inf}", "training.voltage.clip_mv"},
		{"loss: {spike: -1}", "training.loss.spike"},
		{"loss: {voltage: .nan}", "training.loss.voltage"},
		{"loss: {auxiliary: {w: -1}}", "training.loss.auxiliary.w"},
		{"loss: {stages: [{spike: 1}]}", "training.loss.stages[0]"},
		{"loss: {stages: [{from_step: 1, from_fraction: 0.1}]}", "training.loss.stages[0]"},
		{"loss: {stages: [{from_fraction: 1.5}]}", "training.loss.stages[0].from_fraction"},
		{"loss: {stages: [{from_step: 5, spike: -2}]}", "training.loss.stages[0].spike"},
		{"loss: {stages: [{from_step: 5, auxiliary: {w: 1}}]}", "training.loss.stages[0].auxiliary.w"},
		{"steps: 100\nloss: {stages: [{from_fraction: 0.5}, {from_step: 10}]}", "training.loss.stages[1]"},
	} {
		var cfg Config
		if err := yaml.UnmarshalWithOptions([]byte(c.yaml), &cfg, yaml.Strict()); err != nil {
			t.Errorf("%s: %v", c.yaml, err)
			continue
		}
		if err := cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), c.want+":") {
			t.Errorf("%q: %v, want %s", c.yaml, err, c.want)
		}
	}
}

func TestFillDefaultsAreValid(t *testing.T) {
	var c Config
	c.Fill(43, 300)
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if c.Window != 300 || *c.BurnIn != 42 || c.ValidateEvery != c.Steps/20 || *c.Loss.Spike != 1 {
		t.Errorf("%+v", c)
	}
	d := Config{Loss: Loss{Spike: ptr(0.0)}, BurnIn: ptr(0), Steps: 5}
	d.Fill(43, 300)
	if *d.Loss.Spike != 0 || *d.BurnIn != 0 || d.Steps != 5 || d.ValidateEvery != 1 {
		t.Errorf("what was given changed: %+v", d)
	}
}

func TestRate(t *testing.T) {
	base := Config{LearningRate: 2, Steps: 101, FinalRate: 0.1}
	with := func(schedule string, warm int, drops ...Drop) *Config {
		c := base
		c.Schedule, c.WarmUp, c.Drops = schedule, warm, drops
		return &c
	}
	for _, c := range []struct {
		name string
		cfg  *Config
		step int
		want float64
	}{
		{"constant", with("constant", 0), 100, 2},
		{"warm-up starts above 0", with("constant", 10), 0, 0.2},
		{"warm-up ends at the peak", with("constant", 10), 9, 2},
		{"after warm-up", with("constant", 10), 10, 2},
		{"cosine starts at the peak", with("cosine", 0), 0, 2},
		{"cosine in the middle", with("cosine", 0), 50, 2 * (0.1 + 0.9*0.5)},
		{"cosine a quarter in", with("cosine", 0), 25, 2 * (0.1 + 0.9*0.5*(1+math.Sqrt2/2))},
		{"cosine ends at the final rate", with("cosine", 0), 100, 0.2},
		{"cosine after warm-up", with("cosine", 20), 20, 2},
		{"linear in the middle", with("linear", 0), 50, 2 * 0.55},
		{"linear after warm-up", with("linear", 20), 60, 2 * 0.55},
		{"linear ends", with("linear", 20), 100, 0.2},
		{"before a drop", with("steps", 0, Drop{0.5, 0.1}, Drop{0.75, 0.5}), 50, 2},
		{"after a drop", with("steps", 0, Drop{0.5, 0.1}, Drop{0.75, 0.5}), 51, 0.2},
		{"after both", with("steps", 0, Drop{0.5, 0.1}, Drop{0.75, 0.5}), 76, 0.1},
	} {
		if got := c.cfg.Rate(c.step); math.Abs(got-c.want) > 1e-12 { // rounding of a few operations
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestStages(t *testing.T) {
	var c Config
	text := `
steps: 100
loss:
  spike: 1
  voltage: 0.5
  auxiliary: {b: 3, a: 2}
  stages:
    - {from_step: 10, voltage: 0}
    - {from_fraction: 0.5, spike: 4, auxiliary: {b: 0}}
`
	if err := yaml.UnmarshalWithOptions([]byte(text), &c, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	c.Fill(1, 100)
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct {
		step int
		want surrogates.LossWeights
	}{
		{0, surrogates.LossWeights{Spike: 1, Voltage: 0.5, Auxiliary: []float32{2, 3}}}, // in the order of the names
		{9, surrogates.LossWeights{Spike: 1, Voltage: 0.5, Auxiliary: []float32{2, 3}}},
		{10, surrogates.LossWeights{Spike: 1, Voltage: 0, Auxiliary: []float32{2, 3}}},
		{50, surrogates.LossWeights{Spike: 4, Voltage: 0, Auxiliary: []float32{2, 0}}},
	} {
		got := c.Weights(s.step)
		if got.Spike != s.want.Spike || got.Voltage != s.want.Voltage || got.Auxiliary[0] != s.want.Auxiliary[0] || got.Auxiliary[1] != s.want.Auxiliary[1] {
			t.Errorf("step %d: %+v, want %+v", s.step, got, s.want)
		}
	}
}
