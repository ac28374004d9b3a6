package compress

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"neq/data/traces"
	"neq/trainer"
)

// Options say what to compress, how far, and where to.
type Options struct {
	Model, Data string // folders of the fit and of the data set
	Out         string
	Split       string // scored; default "test"

	Prune string    // "magnitude", "structured", "synapses"; "": nothing is pruned
	Scope string    // magnitude: "network" (default) or "tensor"
	Keep  []float64 // fractions, a level each, in any order; default 0.5, 0.25, 0.1
	Steps int       // of fine-tuning a level; < 0: a quarter of the model's training. 0 is none
	Rate  float64   // its learning rate; 0: the model's, from its peak on (Renda, Frankle & Carbin 2020, rewinding the rate)
	Seed  *uint64   // of its windows; nil: the model's

	Bits []int  // every level, and the model, is rounded to each of these as well
	Per  string // of a scale: "channel" (default) or "tensor"

	Tolerance float64 // loss of fidelity that is none, for the report's answer
	Resamples int     // of the bootstrap, 0: 1,000

	Threads   int // cores, 0: all; the result does not depend on it
	Resume    bool
	Overwrite bool
	Version   string
	Hooks     []func(trainer.Progress) // of the fine-tuning
	Done      func(Row)                // after every level; may be nil
}

var (
	prunes = []string{"magnitude", "structured", "synapses"}
	scopes = []string{"network", "tensor"}
	pers   = []string{"channel", "tensor"}
)

// maxLevels bounds a request, so that a slip is an error and not a week.
const maxLevels = 100

// Fill puts the defaults in that do not depend on the model, and says what is wrong with the rest, naming the flag.
func (o *Options) Fill() error {
	one := func(flag string, v *string, list []string) error {
		if *v == "" {
			*v = list[0]
		}
		if !slices.Contains(list, *v) {
			return fmt.Errorf("--%s %q: want %s", flag, *v, strings.Join(list, ", "))
		}
		return nil
	}
	if o.Split == "" {
		o.Split = "test"
	}
	switch {
	case o.Prune == "" && len(o.Keep) > 0:
		return fmt.Errorf("--keep %v without --prune: want --prune %s", o.Keep, strings.Join(prunes, "|"))
	case o.Prune == "" && len(o.Bits) == 0:
		return fmt.Errorf("nothing to do: give --prune %s, --bits, or both", strings.Join(prunes, "|"))
	case o.Prune != "" && len(o.Keep) == 0:
		o.Keep = []float64{0.5, 0.25, 0.1}
	}
	if o.Prune != "" {
		if err := one("prune", &o.Prune, prunes); err != nil {
			return err
		}
	}
	if o.Scope != "" && o.Prune != "magnitude" {
		return fmt.Errorf("--scope %s is for --prune magnitude", o.Scope)
	}
	if o.Prune == "magnitude" {
		if err := one("scope", &o.Scope, scopes); err != nil {
			return err
		}
	}
	if err := one("per", &o.Per, pers); err != nil {
		return err
	}
	for _, k := range o.Keep {
		if !(k > 0 && k <= 1) {
			return fmt.Errorf("--keep %v: want fractions above 0, at most 1", k)
		}
	}
	for _, b := range o.Bits {
		if b < 2 || b > 16 {
			return fmt.Errorf("--bits %d: want 2 to 16; %d, what a weight has, stands in the table anyway", b, Full)
		}
	}
	o.Keep, o.Bits = slices.Clone(o.Keep), slices.Clone(o.Bits)
	slices.SortFunc(o.Keep, func(a, b float64) int { // the largest first
		if a > b {
			return -1
		} else if a < b {
			return 1
		}
		return 0
	})
	slices.Sort(o.Bits)
	slices.Reverse(o.Bits)
	o.Keep, o.Bits = slices.Compact(o.Keep), slices.Compact(o.Bits)
	if n := (len(o.Keep) + 1) * (len(o.Bits) + 1); n > maxLevels {
		return fmt.Errorf("--keep and --bits: %d levels: want at most %d", n, maxLevels)
	}
	if !(o.Rate >= 0) || math.IsInf(o.Rate, 0) {
		return fmt.Errorf("--learning-rate %v: want a number above 0", o.Rate)
	}
	if !(o.Tolerance >= 0 && o.Tolerance < 1) {
		return fmt.Errorf("--tolerance %v: want 0 to 1", o.Tolerance)
	}
	return nil
}

// Request is request.json, what the levels of a folder answer.
type Request struct {
	Model     string    `json:"model_sha256"` // of its weights
	Title     string    `json:"title"`
	Data      string    `json:"data_sha256"` // of its description
	Split     string    `json:"split"`
	Prune     string    `json:"prune,omitempty"`
	Scope     string    `json:"scope,omitempty"`
	Keep      []float64 `json:"keep,omitempty"`
	Steps     int       `json:"steps"`
	Rate      float64   `json:"learning_rate"`
	Seed      uint64    `json:"seed"`
	Bits      []int     `json:"bits,omitempty"`
	Per       string    `json:"scale_per"`
	Resamples int       `json:"resamples"`
}

// request is what filled options mean for a model and a data set.
func (o *Options) request(m *trainer.Model, info traces.Info) (Request, error) {
	info.Device, info.Version = "", ""
	b, err := json.Marshal(info)
	if err != nil {
		return Request{}, fmt.Errorf("compress: %w", err)
	}
	h := sha256.Sum256(b)
	r := Request{Model: m.Weights.SHA256, Title: m.Title, Data: hex.EncodeToString(h[:]), Split: o.Split, Prune: o.Prune, Scope: o.Scope,
		Keep: o.Keep, Steps: o.Steps, Rate: o.Rate, Seed: m.Config.Seed, Bits: o.Bits, Per: o.Per, Resamples: o.Resamples}
	if r.Steps < 0 {
		r.Steps = max(1, m.Config.Steps/4)
	}
	if r.Rate == 0 {
		r.Rate = m.Config.LearningRate
	}
	if o.Seed != nil {
		r.Seed = *o.Seed
	}
	if r.Prune == "" {
		r.Steps, r.Rate = 0, 0
	}
	return r, nil
}

// differs names the first key of two requests that is not the same, "" where there is none.
func (r Request) differs(other Request) (key, was, is string) {
	fields := func(r Request) map[string]json.RawMessage {
		m := map[string]json.RawMessage{}
		b, _ := json.Marshal(r) // of plain, finite values
		_ = json.Unmarshal(b, &m)
		return m
	}
	a, b := fields(r), fields(other)
	for _, k := range []string{"model_sha256", "title", "data_sha256", "split", "prune", "scope", "keep", "steps", "learning_rate", "seed", "bits", "scale_per", "resamples"} {
		if string(a[k]) != string(b[k]) {
			say := func(v json.RawMessage) string {
				if v == nil {
					return "nothing"
				}
				return string(v)
			}
			return k, say(a[k]), say(b[k])
		}
	}
	return "", "", ""
}

// tuning is the training of a level: the model's, shorter and at another rate, its last loss weights throughout.
func (r Request) tuning(c trainer.Config) trainer.Config {
	last := c.Weights(c.Steps)
	spike, voltage := float64(last.Spike), float64(last.Voltage)
	loss := trainer.Loss{Spike: &spike, Voltage: &voltage}
	for i, name := range c.Loss.AuxiliaryNames() {
		if loss.Auxiliary == nil {
			loss.Auxiliary = map[string]float64{}
		}
		loss.Auxiliary[name] = float64(last.Auxiliary[i])
	}
	c.Loss, c.Steps, c.LearningRate, c.Seed = loss, r.Steps, r.Rate, r.Seed
	c.WarmUp, c.Patience, c.ValidateEvery = 0, 0, max(1, r.Steps/10)
	return c
}
