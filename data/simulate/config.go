// Package simulate turns a configuration into a trace data set: it plans the shards, draws their input, runs
// them on a device and writes what comes out.
package simulate

import (
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
	Solver          string   `yaml:"solver,omitempty" json:"solver,omitempty"`       // euler, staggered or two-stage; default: the model's own
	Precision       string   `yaml:"precision,omitempty" json:"precision,omitempty"` // float32 (default) or float64
	Duration        int      `yaml:"duration_ms" json:"duration_ms"`
	Samples         Samples  `yaml:"samples" json:"samples"`
	SamplesPerShard int      `yaml:"samples_per_shard,omitempty" json:"samples_per_shard,omitempty"` // default 64, or as many as make 256 MB of recorded values
	Record          []string `yaml:"record,omitempty" json:"record,omitempty"`                       // other state variables, by name; on dendrites by site: v@apic[50](0.9), v@*
	RecordPrecision string   `yaml:"record_precision,omitempty" json:"record_precision,omitempty"`   // of those in mV and gates: float32 (default) or float16
	Windows         []Window `yaml:"windows,omitempty" json:"windows,omitempty"`                     // kept at more than one value per ms
}

// Window is a time within every sample that is recorded more finely.
type Window struct {
	Start float64 `yaml:"start_ms" json:"start_ms"`
	Stop  float64 `yaml:"stop_ms" json:"stop_ms"`
	Every float64 `yaml:"every_ms" json:"every_ms"` // from one value to the next
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
	perMs int // integration steps of a ms, a multiple of every

	protocol *stimulus.Protocol
	record   []int // state variables recorded: the voltage, then Info.Record
	node     int32 // of a cell with dendrites: where current is injected
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
	solver, err := choice("simulation.solver", s.Solver, "euler", "staggered", "two-stage")
	if err != nil {
		return nil, err
	}
	precision, err := choice("simulation.precision", s.Precision, "float32", "float64")
	if err != nil {
		return nil, err
	}
	if _, err := choice("simulation.record_precision", s.RecordPrecision, "float32", "float16"); err != nil {
		return nil, err
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
	case s.SamplesPerShard < 0 || s.SamplesPerShard > 1<<16:
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
	o := neuron.Options{Dt: s.Dt, Solver: cuda.Solver(solver), Precision: cuda.Precision(precision), Seed: c.Seed, Dir: dir, Record: s.Record}
	if m, err := neuron.Lookup(c.Neuron.Model); err == nil && s.Solver == "" {
		o.Solver = m.DefaultSolver
	}
	cell, err := neuron.Compile(c.Neuron, o)
	var key *neuron.KeyError
	if errors.As(err, &key) && !strings.HasPrefix(key.Key, "neuron.") {
		return nil, fmt.Errorf("simulation.%w", err)
	}
	if err != nil {
		return nil, err
	}
	dt := cell.Program.Dt
	perMs, err := stepsPerMs(dt)
	if err != nil {
		return nil, err
	}
	p := &Plan{Cell: cell, steps: perMs * s.Duration, every: perMs, perMs: perMs, seed: c.Seed, record: []int{0}}
	if s.Duration > math.MaxInt32/perMs {
		return nil, fmt.Errorf("simulation.duration_ms: %d: too many steps of %g ms", s.Duration, dt)
	}
	if p.protocol, err = stimulus.New(c.Stimulus, p.groups(), s.Duration, c.Seed, dir); err != nil {
		return nil, err
	}
	if site := p.protocol.Site(); site != "" {
		if p.node, err = cell.Node(site); err != nil {
			return nil, fmt.Errorf("stimulus.current.site: %w", err)
		}
	}
	if err := p.describe(c, total, version); err != nil {
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
		group := stimulus.Group{Name: g.Name, First: first, Count: g.Count}
		if p.Cell.Cable != nil {
			for _, s := range p.Cell.Synapses[first : first+g.Count] {
				group.Length = append(group.Length, p.Cell.Cable.Segments[s.Segment].Length)
			}
		}
		groups = append(groups, group)
		first += g.Count
	}
	return groups
}
