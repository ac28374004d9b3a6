package trainer

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"neq/surrogates/ops"
)

// Config is the `training:` section of a configuration. Zero values of fields that have a default mean the
// default; Fill puts them in.
type Config struct {
	Optimiser    string  `yaml:"optimiser,omitempty" json:"optimiser"`         // nadam (default; Dozat 2016), adam (Kingma & Ba 2015) or adamw (Loshchilov & Hutter 2019)
	LearningRate float64 `yaml:"learning_rate,omitempty" json:"learning_rate"` // peak, > 0; default 0.002
	Schedule     string  `yaml:"schedule,omitempty" json:"schedule"`           // constant, cosine (default), linear or steps
	WarmUp       int     `yaml:"warm_up,omitempty" json:"warm_up"`             // steps over which the rate rises linearly from 0; 0..steps, default 0
	FinalRate    float64 `yaml:"final_rate,omitempty" json:"final_rate"`       // cosine, linear: the last rate as a fraction of the peak, 0..1; default 0.01
	Drops        []Drop  `yaml:"drops,omitempty" json:"drops,omitempty"`       // schedule steps: where the rate falls

	// adamw: in every step weights lose this fraction of the learning rate's part of themselves, w -= rate*decay*w; >= 0,
	// default 0.01 as PyTorch's. Synaptic weights and matrices decay; biases, norms and time constants do not.
	WeightDecay *float64 `yaml:"weight_decay,omitempty" json:"weight_decay,omitempty"`

	Steps int `yaml:"steps,omitempty" json:"steps"` // optimiser steps, > 0; default 2000
	Batch int `yaml:"batch,omitempty" json:"batch"` // windows computed at once, > 0; default 16

	// Batches whose mean gradient a step takes, > 0; default 1. Without batch normalisation 4 of 16 windows are as one of
	// 64, in the memory of 16.
	Accumulate int `yaml:"accumulate,omitempty" json:"accumulate,omitempty"`

	Window int  `yaml:"window_ms,omitempty" json:"window_ms"`   // scored part of a window, ms, 1..duration; default 400, or the duration if shorter
	BurnIn *int `yaml:"burn_in_ms,omitempty" json:"burn_in_ms"` // history given before it, not scored, ms, >= 0; default receptive field - 1, as much as matters; 150 where that is all of the past (Spieler et al. 2024)

	Loss         Loss          `yaml:"loss,omitempty" json:"loss"`
	Voltage      VoltageTarget `yaml:"voltage,omitempty" json:"voltage"`
	GradientClip float64       `yaml:"gradient_clip,omitempty" json:"gradient_clip"` // largest global norm of a gradient, >= 0; 0 (default) is no clipping

	ValidateEvery     int `yaml:"validate_every,omitempty" json:"validate_every"`         // steps between validations, > 0; default steps/20
	ValidationSamples int `yaml:"validation_samples,omitempty" json:"validation_samples"` // at most so many episodes of the validation split, > 0; default 64
	Patience          int `yaml:"patience,omitempty" json:"patience"`                     // validations without a better AUC before stopping, >= 0; 0 (default) never stops

	// What the factors of dense convolutions are rounded to: float32 (default, nothing), tf32 (on a GPU; a CPU computes in
	// float32) or bf16 (a CPU needs AMX or AVX512-BF16). Weights and sums are float32 in each.
	Precision string `yaml:"precision,omitempty" json:"precision,omitempty"`

	ShardsInMemory  int     `yaml:"shards_in_memory,omitempty" json:"shards_in_memory"`     // shards windows are drawn from at a time, > 0; default 8. The next ones load meanwhile; what was read stays in memory while there is room, a quarter of what is free
	CheckpointEvery float64 `yaml:"checkpoint_every_s,omitempty" json:"checkpoint_every_s"` // seconds between checkpoints, > 0; default 60
	LogEvery        int     `yaml:"log_every,omitempty" json:"log_every"`                   // steps between lines of metrics, > 0; default 20
	TensorBoard     bool    `yaml:"tensorboard,omitempty" json:"tensorboard,omitempty"`     // write the metrics as TensorBoard's event files too
	Seed            uint64  `yaml:"seed,omitempty" json:"seed"`                             // of the initial weights and the windows
}

// Drop multiplies the learning rate by Factor from a fraction At of all steps on.
type Drop struct {
	At     float64 `yaml:"at" json:"at"`         // fraction of all steps, 0..1
	Factor float64 `yaml:"factor" json:"factor"` // > 0
}

// Loss weighs the parts of the loss. Voltage and auxiliary targets are divided by their standard deviation
// over the training split, so their squared errors have no unit: 1 is the error of always saying the mean.
type Loss struct {
	Spike     *float64           `yaml:"spike,omitempty" json:"spike"`                   // of the cross-entropy per ms, >= 0; default 1
	Voltage   *float64           `yaml:"voltage,omitempty" json:"voltage"`               // of the voltage's squared error per ms, >= 0; default 0.1
	Auxiliary map[string]float64 `yaml:"auxiliary,omitempty" json:"auxiliary,omitempty"` // recorded variable: weight of its squared error, >= 0
	Stages    []Stage            `yaml:"stages,omitempty" json:"stages,omitempty"`       // other weights later on, in order
}

// Stage changes loss weights from a step, or from a fraction of all steps, on. What it leaves out stays as it was.
type Stage struct {
	FromStep     *int               `yaml:"from_step,omitempty" json:"from_step,omitempty"`         // >= 0
	FromFraction *float64           `yaml:"from_fraction,omitempty" json:"from_fraction,omitempty"` // 0..1
	Spike        *float64           `yaml:"spike,omitempty" json:"spike,omitempty"`
	Voltage      *float64           `yaml:"voltage,omitempty" json:"voltage,omitempty"`
	Auxiliary    map[string]float64 `yaml:"auxiliary,omitempty" json:"auxiliary,omitempty"`
}

// VoltageTarget says what is done to the voltage before it is a target.
type VoltageTarget struct {
	Clip *float64 `yaml:"clip_mv,omitempty" json:"clip_mv,omitempty"` // mV; higher voltages (spikes) are cut to it; default: none
}

// Fill puts the defaults in, for a surrogate of a receptive field (ms; 0: all of the past) and episodes of a duration (ms).
func (c *Config) Fill(receptiveField, duration int) {
	def(&c.Optimiser, "nadam")
	def(&c.LearningRate, 0.002)
	def(&c.Schedule, "cosine")
	if c.Schedule == "cosine" || c.Schedule == "linear" {
		def(&c.FinalRate, 0.01)
	}
	if c.Precision == ops.Float32.String() { // as it is left out, so that older fits are the same
		c.Precision = ""
	}
	if c.Optimiser == "adamw" && c.WeightDecay == nil {
		c.WeightDecay = ptr(0.01)
	}
	if c.Accumulate == 1 { // as above
		c.Accumulate = 0
	}
	def(&c.Steps, 2000)
	def(&c.Batch, 16)
	def(&c.Window, min(400, duration))
	if c.BurnIn == nil {
		c.BurnIn = ptr(receptiveField - 1)
		if receptiveField == 0 {
			c.BurnIn = ptr(recurrentBurnIn)
		}
	}
	if c.Loss.Spike == nil {
		c.Loss.Spike = ptr(1.0)
	}
	if c.Loss.Voltage == nil {
		c.Loss.Voltage = ptr(0.1)
	}
	def(&c.ValidateEvery, max(1, c.Steps/20))
	def(&c.ValidationSamples, 64)
	def(&c.ShardsInMemory, 8)
	def(&c.CheckpointEvery, 60)
	def(&c.LogEvery, 20)
}

// recurrentBurnIn is the default burn-in, in ms, of a surrogate that remembers all of the past.
const recurrentBurnIn = 150

func def[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

func ptr[T any](v T) *T { return &v }

// batches is how many a step takes.
func (c *Config) batches() int { return max(1, c.Accumulate) }

// Validate checks every field that does not depend on the data set, before or after Fill; the error names the key.
func (c *Config) Validate() error {
	bad := func(key string, got any, want string) error {
		return fmt.Errorf("training.%s: %v, want %s", key, got, want)
	}
	switch c.Optimiser {
	case "", "nadam", "adam", "adamw":
	default:
		return bad("optimiser", fmt.Sprintf("%q", c.Optimiser), "nadam, adam or adamw")
	}
	if d := c.WeightDecay; d != nil && (!(*d >= 0) || math.IsInf(*d, 0)) {
		return bad("weight_decay", *d, "a number not below 0")
	}
	if c.WeightDecay != nil && c.Optimiser != "adamw" {
		return bad("weight_decay", *c.WeightDecay, "optimiser: adamw with it")
	}
	switch c.Schedule {
	case "", "constant", "cosine", "linear", "steps":
	default:
		return bad("schedule", fmt.Sprintf("%q", c.Schedule), "constant, cosine, linear or steps")
	}
	if _, err := ops.ParsePrecision(c.Precision); err != nil {
		return fmt.Errorf("training.precision: %w", err)
	}
	for _, f := range []struct {
		key   string
		value float64
	}{{"learning_rate", c.LearningRate}, {"gradient_clip", c.GradientClip}, {"checkpoint_every_s", c.CheckpointEvery}} {
		if !(f.value >= 0) || math.IsInf(f.value, 0) {
			return bad(f.key, f.value, "a number above 0")
		}
	}
	if !(c.FinalRate >= 0 && c.FinalRate <= 1) {
		return bad("final_rate", c.FinalRate, "a fraction of the peak, 0..1")
	}
	for _, f := range []struct {
		key   string
		value int
	}{{"warm_up", c.WarmUp}, {"steps", c.Steps}, {"batch", c.Batch}, {"accumulate", c.Accumulate}, {"window_ms", c.Window}, {"validate_every", c.ValidateEvery},
		{"validation_samples", c.ValidationSamples}, {"patience", c.Patience}, {"shards_in_memory", c.ShardsInMemory}, {"log_every", c.LogEvery}} {
		if f.value < 0 {
			return bad(f.key, f.value, "not below 0")
		}
	}
	if c.Steps > 0 && c.WarmUp > c.Steps {
		return bad("warm_up", c.WarmUp, fmt.Sprintf("no more than the %d steps", c.Steps))
	}
	if c.BurnIn != nil && *c.BurnIn < 0 {
		return bad("burn_in_ms", *c.BurnIn, "not below 0")
	}
	if c.Schedule == "steps" && len(c.Drops) == 0 {
		return bad("drops", "none", "at least one {at, factor} with schedule steps")
	}
	if c.Schedule != "steps" && len(c.Drops) > 0 {
		return bad("drops", "given", "schedule: steps with them")
	}
	for i, d := range c.Drops {
		if !(d.At >= 0 && d.At <= 1) {
			return bad(fmt.Sprintf("drops[%d].at", i), d.At, "a fraction of all steps, 0..1")
		}
		if !(d.Factor > 0) || math.IsInf(d.Factor, 0) {
			return bad(fmt.Sprintf("drops[%d].factor", i), d.Factor, "a number above 0")
		}
	}
	if v := c.Voltage.Clip; v != nil && (math.IsNaN(*v) || math.IsInf(*v, 0)) {
		return bad("voltage.clip_mv", *v, "a voltage in mV")
	}
	return c.Loss.validate(c.Steps, bad)
}

// maxLossWeight keeps a weighted loss and its gradient within float32.
const maxLossWeight = 1e9

func (l *Loss) validate(steps int, bad func(key string, got any, want string) error) error {
	weights := func(at string, spike, voltage *float64, auxiliary map[string]float64) error {
		weight := func(key string, v float64) error {
			if !(v >= 0 && v <= maxLossWeight) {
				return bad(at+key, v, fmt.Sprintf("a weight from 0 to %g", maxLossWeight))
			}
			return nil
		}
		if spike != nil {
			if err := weight("spike", *spike); err != nil {
				return err
			}
		}
		if voltage != nil {
			if err := weight("voltage", *voltage); err != nil {
				return err
			}
		}
		for _, name := range slices.Sorted(maps.Keys(auxiliary)) {
			if _, known := l.Auxiliary[name]; !known {
				return bad(at+"auxiliary."+name, "a stage's", "the same name in training.loss.auxiliary too")
			}
			if err := weight("auxiliary."+name, auxiliary[name]); err != nil {
				return err
			}
		}
		return nil
	}
	if err := weights("loss.", l.Spike, l.Voltage, l.Auxiliary); err != nil {
		return err
	}
	last := -1
	for i, s := range l.Stages {
		at := fmt.Sprintf("loss.stages[%d].", i)
		switch {
		case (s.FromStep == nil) == (s.FromFraction == nil):
			return bad(strings.TrimSuffix(at, "."), "a stage", "either from_step or from_fraction")
		case s.FromStep != nil && *s.FromStep < 0:
			return bad(at+"from_step", *s.FromStep, "not below 0")
		case s.FromFraction != nil && !(*s.FromFraction >= 0 && *s.FromFraction <= 1):
			return bad(at+"from_fraction", *s.FromFraction, "0..1")
		}
		if err := weights(at, s.Spike, s.Voltage, s.Auxiliary); err != nil {
			return err
		}
		if steps > 0 {
			from := s.from(steps)
			if from < last {
				return bad(strings.TrimSuffix(at, "."), fmt.Sprintf("from step %d", from), fmt.Sprintf("stages in order, the one before is from step %d", last))
			}
			last = from
		}
	}
	return nil
}

func (s *Stage) from(steps int) int {
	if s.FromStep != nil {
		return *s.FromStep
	}
	return int(math.Round(*s.FromFraction * float64(steps)))
}

// AuxiliaryNames are the names of the auxiliary targets in the order of the surrogate's auxiliary heads.
func (l *Loss) AuxiliaryNames() []string { return slices.Sorted(maps.Keys(l.Auxiliary)) }
