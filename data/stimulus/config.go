// Package stimulus makes what a neuron receives: the input events of its synapses and the current injected
// into its soma. All of it comes from counter-based random numbers, so a sample's input depends on the
// configuration, the seed and the sample's index alone.
package stimulus

import (
	"fmt"
	"slices"
	"strings"

	"neq/cuda/kernels/inputs"
)

// Config is the `stimulus:` section of a configuration.
type Config struct {
	Protocol string `yaml:"protocol" json:"protocol"` // modulated, poisson, replay or none

	// modulated: the protocol of Beniaguev, Segev & London 2021.
	Trees           []Tree    `yaml:"trees,omitempty" json:"trees,omitempty"`
	Interval        []float64 `yaml:"interval_ms,omitempty" json:"interval_ms,omitempty"`                 // a sample draws one
	IntervalJitter  float64   `yaml:"interval_jitter_ms,omitempty" json:"interval_jitter_ms,omitempty"`   // and adds U[-jitter, jitter]
	Smoothing       []float64 `yaml:"smoothing_ms,omitempty" json:"smoothing_ms,omitempty"`               // sigma of the Gaussian; a sample draws one
	SmoothingJitter float64   `yaml:"smoothing_jitter_ms,omitempty" json:"smoothing_jitter_ms,omitempty"` // and adds U[-jitter, jitter]
	Spread          []float64 `yaml:"spread,omitempty" json:"spread,omitempty"`                           // a synapse's share of the rate is multiplied by U[low, high] in every interval
	Share           string    `yaml:"share,omitempty" json:"share,omitempty"`                             // of its group's events that a synapse receives: equal (default), or by the length of its segment
	ShareOffset     float64   `yaml:"share_offset_um,omitempty" json:"share_offset_um,omitempty"`         // added to that length

	// poisson: events at any time, at a constant rate (Hz) a synapse, by group.
	Rates map[string]float64 `yaml:"rates_hz,omitempty" json:"rates_hz,omitempty"`

	// replay: a CSV file with a header and the columns time_ms, synapse and, optionally, segment and sample: see ReadReplay.
	File string `yaml:"file,omitempty" json:"file,omitempty"`

	// Current is injected whatever the protocol.
	Current *CurrentStep `yaml:"current,omitempty" json:"current,omitempty"`
}

// Tree is a part of the neuron whose excitation and inhibition are drawn together.
type Tree struct {
	Excitatory string    `yaml:"excitatory" json:"excitatory"`                                   // name of a synapse group
	Inhibitory string    `yaml:"inhibitory,omitempty" json:"inhibitory,omitempty"`               // name of a synapse group
	PerTree    []float64 `yaml:"excitatory_per_100ms" json:"excitatory_per_100ms"`               // events on the whole group, exc ~ U[low, high]
	Offset     []float64 `yaml:"inhibitory_offset,omitempty" json:"inhibitory_offset,omitempty"` // inh ~ U[max(0, exc + low), exc + high], none where that is negative
}

// CurrentStep is a current from one time to another.
type CurrentStep struct {
	Start     float64   `yaml:"start_ms" json:"start_ms"`
	Stop      float64   `yaml:"stop_ms" json:"stop_ms"`
	Site      string    `yaml:"site,omitempty" json:"site,omitempty"` // of a cell with dendrites: apic[50](0.9); default: the soma
	Amplitude []float64 `yaml:"amplitude" json:"amplitude"`           // in the model's current unit; two values are a range a sample draws from
}

// Group is a run of synapses that share a name.
type Group struct {
	Name         string
	First, Count int
	Length       []float64 // [Count] um, of the segment that each synapse is on; nil of a point neuron
}

// shares is the part of its group's events that each synapse of a group receives on average: they add up to 1.
func (c Config) shares(g Group) []float64 {
	shares, sum := make([]float64, g.Count), 0.
	for i := range shares {
		shares[i] = 1
		if c.Share == shareLength {
			shares[i] = g.Length[i] + c.ShareOffset
		}
		sum += shares[i]
	}
	for i := range shares {
		shares[i] /= sum
	}
	return shares
}

const (
	shareEqual  = "equal"
	shareLength = "length"
)

// defaults fills what a modulated protocol leaves out, from the figures of the paper's integrate-and-fire experiment.
func (c Config) defaults() Config {
	if c.Protocol != "modulated" {
		return c
	}
	if c.Interval == nil {
		c.Interval, c.IntervalJitter = []float64{25, 30, 35, 40, 50, 60, 70, 80, 90, 100}, 20
	}
	if c.Smoothing == nil {
		c.Smoothing, c.SmoothingJitter = []float64{40, 60, 80, 100}, 20
	}
	if c.Spread == nil {
		c.Spread = []float64{0.5, 1.5}
	}
	return c
}

var protocols = []string{"modulated", "poisson", "replay", "none"}

func interval(key string, v []float64, low, high float64) error {
	if len(v) != 2 || !(v[0] <= v[1]) || !(v[0] >= low) || !(v[1] <= high) {
		return fmt.Errorf("stimulus.%s: %v: want [low, high] with %g <= low <= high <= %g", key, v, low, high)
	}
	return nil
}

func (c Config) validate(groups []Group, duration int) error {
	if duration < 1 || duration > MaxDuration {
		return fmt.Errorf("simulation.duration_ms: %d: want 1 to %d", duration, MaxDuration)
	}
	if !slices.Contains(protocols, c.Protocol) {
		return fmt.Errorf("stimulus.protocol: %q: one of %s", c.Protocol, strings.Join(protocols, ", "))
	}
	names := map[string]bool{}
	for _, g := range groups {
		names[g.Name] = true
	}
	known := func(key, name string) error {
		if names[name] {
			return nil
		}
		var all []string
		for _, g := range groups {
			all = append(all, g.Name)
		}
		return fmt.Errorf("stimulus.%s: no synapse group %q in neuron.synapses: there are %s", key, name, strings.Join(all, ", "))
	}
	for _, u := range []struct {
		key, protocol string
		set           bool
	}{
		{"trees", "modulated", c.Trees != nil}, {"interval_ms", "modulated", c.Interval != nil}, {"smoothing_ms", "modulated", c.Smoothing != nil},
		{"spread", "modulated", c.Spread != nil}, {"share", "modulated", c.Share != ""}, {"share_offset_um", "modulated", c.ShareOffset != 0},
		{"rates_hz", "poisson", c.Rates != nil}, {"file", "replay", c.File != ""},
	} {
		if u.set && c.Protocol != u.protocol {
			return fmt.Errorf("stimulus.%s: belongs to protocol %s, not to %q", u.key, u.protocol, c.Protocol)
		}
	}
	switch c.Protocol {
	case "modulated":
		if len(c.Trees) == 0 {
			return fmt.Errorf("stimulus.trees: protocol modulated needs at least one tree of synapse groups")
		}
		var used []string
		for i, t := range c.Trees {
			key := fmt.Sprintf("trees[%d]", i)
			if err := known(key+".excitatory", t.Excitatory); err != nil {
				return err
			}
			if err := interval(key+".excitatory_per_100ms", t.PerTree, 0, 1e6); err != nil {
				return err
			}
			if t.Inhibitory != "" {
				if err := known(key+".inhibitory", t.Inhibitory); err != nil {
					return err
				}
				if err := interval(key+".inhibitory_offset", t.Offset, -1e6, 1e6); err != nil {
					return err
				}
				used = append(used, t.Inhibitory)
			} else if t.Offset != nil {
				return fmt.Errorf("stimulus.%s.inhibitory_offset: this tree has no inhibitory group", key)
			}
			used = append(used, t.Excitatory)
		}
		for i, n := range used {
			if slices.Contains(used[:i], n) {
				return fmt.Errorf("stimulus.trees: synapse group %q is used twice", n)
			}
		}
		if len(c.Interval) == 0 || len(c.Smoothing) == 0 {
			return fmt.Errorf("stimulus.interval_ms: neither it nor smoothing_ms may be empty: give values, or leave the key out for the default")
		}
		for _, v := range c.Interval {
			if !(v-c.IntervalJitter >= 1 && v <= 1e5) || c.IntervalJitter < 0 {
				return fmt.Errorf("stimulus.interval_ms: %g with interval_jitter_ms %g: an interval must last at least 1 ms", v, c.IntervalJitter)
			}
		}
		for _, v := range c.Smoothing {
			if !(v-c.SmoothingJitter >= 1 && v <= 1e4) || c.SmoothingJitter < 0 {
				return fmt.Errorf("stimulus.smoothing_ms: %g with smoothing_jitter_ms %g: want at least 1 ms, at most 10000", v, c.SmoothingJitter)
			}
		}
		if err := interval("spread", c.Spread, 0, 100); err != nil {
			return err
		}
		if err := c.checkShares(groups, used); err != nil {
			return err
		}
	case "poisson":
		if len(c.Rates) == 0 {
			return fmt.Errorf("stimulus.rates_hz: protocol poisson needs a rate for at least one synapse group")
		}
		for n, r := range c.Rates {
			if err := known("rates_hz", n); err != nil {
				return err
			}
			if !(r >= 0 && r <= MaxPoisson) {
				return fmt.Errorf("stimulus.rates_hz.%s: %g: want 0 to %d Hz a synapse", n, r, MaxPoisson)
			}
		}
	case "replay":
		if c.File == "" {
			return fmt.Errorf("stimulus.file: protocol replay needs a CSV file with the columns time_ms, synapse and, optionally, sample")
		}
	}
	if s := c.Current; s != nil {
		if !(s.Start >= 0 && s.Start < s.Stop && s.Stop <= float64(duration)) {
			return fmt.Errorf("stimulus.current: from %g to %g ms: want 0 <= start_ms < stop_ms <= the sample's %d ms", s.Start, s.Stop, duration)
		}
		if n := len(s.Amplitude); n != 1 && n != 2 || slices.ContainsFunc(s.Amplitude, func(a float64) bool { return !(a >= -1e9 && a <= 1e9) }) {
			return fmt.Errorf("stimulus.current.amplitude: %v: want one value, or two between which a sample draws", s.Amplitude)
		}
	}
	n := 0
	for _, g := range groups {
		n += g.Count
	}
	if n > inputs.MaxSynapses {
		return fmt.Errorf("neuron.synapses: %d synapses: at most %d", n, inputs.MaxSynapses)
	}
	return nil
}

// checkShares looks at how events are shared out among the synapses of the groups that receive any.
func (c Config) checkShares(groups []Group, used []string) error {
	switch {
	case c.Share != "" && c.Share != shareEqual && c.Share != shareLength:
		return fmt.Errorf("stimulus.share: %q: one of %s, %s", c.Share, shareEqual, shareLength)
	case c.Share != shareLength && c.ShareOffset != 0:
		return fmt.Errorf("stimulus.share_offset_um: belongs to share: %s", shareLength)
	case !(c.ShareOffset >= 0 && c.ShareOffset <= 1e6):
		return fmt.Errorf("stimulus.share_offset_um: %g: want 0 to 1e6 um", c.ShareOffset)
	case c.Share != shareLength:
		return nil
	}
	for _, g := range groups {
		if !slices.Contains(used, g.Name) {
			continue
		}
		if len(g.Length) != g.Count {
			return fmt.Errorf("stimulus.share: %s: synapse group %q is on no segment with a length: use %s", shareLength, g.Name, shareEqual)
		}
		for i, l := range g.Length {
			if !(l >= 0 && l+c.ShareOffset > 0 && l <= 1e9) {
				return fmt.Errorf("stimulus.share: %s: synapse %d of group %q is on a segment %g um long", shareLength, i, g.Name, l)
			}
		}
	}
	return nil
}

// MaxSynapses is how many synapses an input can have.
const MaxSynapses = inputs.MaxSynapses

// MaxDuration is the longest sample (ms): event times are float32, good to 0.008 ms there.
const MaxDuration = 100_000

// MaxPoisson is the highest rate of a constant Poisson input, Hz.
const MaxPoisson = 5000
