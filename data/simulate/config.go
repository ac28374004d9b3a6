// Package simulate turns a configuration into a trace data set: it plans the shards, draws their input, runs
// them on a device and writes what comes out.
package simulate

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"neq/cuda"
	"neq/data/neuron"
	"neq/data/stimulus"
	"neq/data/traces"
	"neq/internal/memory"
)

// Config is the part of a configuration that a data set follows from.
type Config struct {
	Seed       uint64          `yaml:"seed" json:"seed"`
	Neuron     neuron.Config   `yaml:"neuron" json:"neuron"`
	Stimulus   stimulus.Config `yaml:"stimulus" json:"stimulus"`
	Simulation Simulation      `yaml:"simulation" json:"simulation"`
}

// Simulation is the `simulation:` section of a configuration.
type Simulation struct {
	Dt              float64  `yaml:"dt_ms,omitempty" json:"dt_ms,omitempty"`         // default: the model's own
	Solver          string   `yaml:"solver,omitempty" json:"solver,omitempty"`       // euler (default) or staggered
	Precision       string   `yaml:"precision,omitempty" json:"precision,omitempty"` // float32 (default) or float64
	Duration        int      `yaml:"duration_ms" json:"duration_ms"`
	Samples         Samples  `yaml:"samples" json:"samples"`
	SamplesPerShard int      `yaml:"samples_per_shard,omitempty" json:"samples_per_shard,omitempty"` // default 64
	Record          []string `yaml:"record,omitempty" json:"record,omitempty"`                       // other state variables, by name
}

// Samples says how many simulated cells there are for each purpose.
type Samples struct {
	Train      int `yaml:"train" json:"train"`
	Validation int `yaml:"validation" json:"validation"`
	Test       int `yaml:"test" json:"test"`
}

// maxSamples bounds a split: 2 billion.
const maxSamples = 1 << 31

// DefaultShard is the number of samples in a shard unless the configuration says otherwise.
const DefaultShard = 64

// Plan is a configuration made ready to run.
type Plan struct {
	Cell  *neuron.Cell
	Info  traces.Info
	steps int // integration steps of a sample
	every int // of which one in so many is recorded

	protocol *stimulus.Protocol
	record   []int // state variables recorded: the voltage, then Info.Record
	seed     uint64
}

// choice returns the index of value among names, the first where it is empty.
func choice(key, value string, names ...string) (int, error) {
	if value == "" {
		return 0, nil
	}
	if i := slices.Index(names, value); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("%s: %q: one of %s", key, value, strings.Join(names, ", "))
}

// NewPlan checks a configuration and compiles it. Relative file names are looked up in dir. Errors begin with
// the key they are about.
func NewPlan(c Config, version, dir string) (*Plan, error) {
	s := &c.Simulation
	solver, err := choice("simulation.solver", s.Solver, "euler", "staggered")
	if err != nil {
		return nil, err
	}
	precision, err := choice("simulation.precision", s.Precision, "float32", "float64")
	if err != nil {
		return nil, err
	}
	if s.SamplesPerShard == 0 {
		s.SamplesPerShard = DefaultShard
	}
	total := 0
	for _, n := range []struct {
		key   string
		count int
	}{{"train", s.Samples.Train}, {"validation", s.Samples.Validation}, {"test", s.Samples.Test}} {
		if n.count < 0 || n.count > maxSamples {
			return nil, fmt.Errorf("simulation.samples.%s: %d: want 0 to %d", n.key, n.count, maxSamples)
		}
		total += n.count
	}
	switch {
	case total == 0:
		return nil, fmt.Errorf("simulation.samples: no samples: set train, validation and test")
	case s.SamplesPerShard < 1 || s.SamplesPerShard > 1<<16:
		return nil, fmt.Errorf("simulation.samples_per_shard: %d: want 1 to %d", s.SamplesPerShard, 1<<16)
	case !(s.Dt >= 0):
		return nil, fmt.Errorf("simulation.dt_ms: %g: want a positive time step", s.Dt)
	}
	if s.Dt > 0 {
		if _, err := stepsPerMs(s.Dt); err != nil {
			return nil, err
		}
	}
	if err := checkCounts(c.Neuron.Synapses); err != nil {
		return nil, err
	}
	cell, err := neuron.Compile(c.Neuron, neuron.Options{Dt: s.Dt, Solver: cuda.Solver(solver), Precision: cuda.Precision(precision), Seed: c.Seed})
	var key *neuron.KeyError
	if errors.As(err, &key) && key.Key == "dt_ms" {
		return nil, fmt.Errorf("simulation.%w", err)
	}
	if err != nil {
		return nil, err
	}
	dt := cell.Program.Dt
	every, err := stepsPerMs(dt)
	if err != nil {
		return nil, err
	}
	p := &Plan{Cell: cell, steps: every * s.Duration, every: every, seed: c.Seed, record: []int{0}}
	if s.Duration > math.MaxInt32/every {
		return nil, fmt.Errorf("simulation.duration_ms: %d: too many steps of %g ms", s.Duration, dt)
	}
	groups := p.groups()
	if p.protocol, err = stimulus.New(c.Stimulus, groups, s.Duration, c.Seed, dir); err != nil {
		return nil, err
	}
	if err := p.describe(c, groups, total, version); err != nil {
		return nil, err
	}
	return p, nil
}

// checkCounts refuses more synapses than an input can have, before they are made.
func checkCounts(groups []neuron.SynapseGroup) error {
	total := 0
	for i, g := range groups {
		if g.Count > stimulus.MaxSynapses || total+g.Count > stimulus.MaxSynapses {
			return fmt.Errorf("neuron.synapses[%d].count: %d: a neuron has at most %d synapses", i, g.Count, stimulus.MaxSynapses)
		}
		total += max(0, g.Count)
		if !groupName.MatchString(g.Name) {
			return fmt.Errorf("neuron.synapses[%d].name: %q: want a letter, then letters, digits, _, . or -", i, g.Name)
		}
	}
	return nil
}

// groupName keeps names fit for tables, plots and Zarr attributes.
var groupName = regexp.MustCompile(`^\pL[\pL\pN_.-]{0,63}$`)

// stepsPerMs is how many integration steps make the ms of a recorded value.
func stepsPerMs(dt float64) (int, error) {
	n := math.Round(1 / dt)
	if !(math.Abs(n*dt-1) < 1e-9 && n >= 1 && n <= 1e6) {
		return 0, fmt.Errorf("simulation.dt_ms: %g: traces have one value per ms, so 1 ms must be a whole number of steps", dt)
	}
	return int(n), nil
}

// groups are the runs of synapses that share a name.
func (p *Plan) groups() []stimulus.Group {
	var groups []stimulus.Group
	first := 0
	for _, g := range p.Cell.Config.Synapses {
		groups = append(groups, stimulus.Group{Name: g.Name, First: first, Count: g.Count})
		first += g.Count
	}
	return groups
}

// describe fills what the data set says of itself.
func (p *Plan) describe(c Config, groups []stimulus.Group, total int, version string) error {
	s := c.Simulation
	p.Info = traces.Info{
		Samples: total, SamplesPerShard: min(s.SamplesPerShard, total), Duration: s.Duration, Inputs: len(p.Cell.Synapses),
		Neuron: c.Neuron.Model, Threshold: p.Cell.Program.Threshold, Seed: c.Seed, Version: version,
	}
	first := 0
	for _, sp := range []traces.Split{{Name: "train", Count: s.Samples.Train}, {Name: "validation", Count: s.Samples.Validation}, {Name: "test", Count: s.Samples.Test}} {
		sp.First = first
		first += sp.Count
		p.Info.Splits = append(p.Info.Splits, sp)
	}
	for i, g := range groups {
		p.Info.Synapses = append(p.Info.Synapses, traces.SynapseInfo{Name: g.Name, Kind: c.Neuron.Synapses[i].Kind, First: g.First, Count: g.Count})
	}
	states := p.Cell.Program.States
	for i, name := range s.Record {
		k := slices.Index(states, name)
		if k < 1 || slices.Contains(p.record, k) {
			return fmt.Errorf("simulation.record[%d]: %q: %s has the state variables %s, each recorded once and v always", i, name, c.Neuron.Model, strings.Join(states[1:], ", "))
		}
		p.record = append(p.record, k)
		p.Info.Record = append(p.Info.Record, traces.Variable{Name: name, Unit: p.Cell.StateUnits[k]})
	}
	p.Info.EventCapacity = p.protocol.Capacity(p.Info.SamplesPerShard)
	p.Info.SpikeCapacity = max(1, p.Info.SamplesPerShard*s.Duration/2)
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	if err := json.Unmarshal(text, &p.Info.Configuration); err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	if r := p.protocol.Replay(); r != nil {
		p.Info.Configuration["replay_sha256"] = r.SHA256
	}
	if err := p.Info.Check(); err != nil {
		return fmt.Errorf("simulation: %s", strings.TrimPrefix(err.Error(), "traces: "))
	}
	held := 3.0 // shards: one drawn, one integrated, one written
	if n := p.Info.Shards(); n < 3 {
		held = float64(n)
	}
	shard := 4*float64(p.Info.SamplesPerShard)*float64(s.Duration)*float64(1+len(s.Record)) + 18*float64(p.Info.EventCapacity)
	if have := memory.Physical(); have > 0 && held*shard > have {
		return fmt.Errorf("simulation.samples_per_shard: %d: the shards in hand would take %.3g GB of memory, this machine has %.3g: use fewer",
			p.Info.SamplesPerShard, held*shard/1e9, have/1e9)
	}
	return nil
}
