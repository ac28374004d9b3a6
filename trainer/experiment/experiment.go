// Package experiment reads a configuration file, the whole of an experiment: which neuron, under which input,
// simulated how, imitated by which surrogates, trained how, and which fidelity is asked for.
package experiment

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"neq/data/neuron"
	"neq/data/simulate"
	"neq/data/traces"
	"neq/internal/config"
	"neq/surrogates"
	"neq/trainer"
	"neq/trainer/equivalence"
	"neq/trainer/fidelity"
)

// Config is a configuration file. Every section has the type of the room that uses it.
type Config struct {
	Title           string `yaml:"title,omitempty" json:"title"`
	simulate.Config `yaml:",inline"`
	Surrogates      []trainer.Entry `yaml:"surrogates,omitempty" json:"surrogates"`
	Training        trainer.Config  `yaml:"training,omitempty" json:"training"`
	Report          Report          `yaml:"report,omitempty" json:"report"`

	file *config.File
}

// Report is the `report:` section: the question.
type Report struct {
	Fidelity  string  `yaml:"fidelity,omitempty" json:"fidelity"`   // a measure of fidelity.Metrics; default auc
	Threshold float64 `yaml:"threshold,omitempty" json:"threshold"` // what a surrogate must reach to be equivalent; default 0.99
	Colours   string  `yaml:"colours,omitempty" json:"colours"`     // of the picture of a cell with dendrites: region (default), or a mechanism, for its conductance
}

// Load reads a configuration file, changes single keys of it ("training.steps=100"), and checks what can be
// checked without the data. Errors name the file and, where they can, the line.
func Load(path string, sets []string) (*Config, error) {
	c := &Config{}
	file, err := config.Load(path, sets, c)
	if err != nil {
		return nil, err
	}
	c.file = file
	for _, e := range c.Surrogates {
		numbers(e.Training)
		for _, values := range e.Grid {
			for i := range values {
				values[i] = number(values[i])
			}
		}
	}
	if c.Title == "" {
		c.Title = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	}
	if c.Report.Fidelity == "" {
		c.Report.Fidelity = "auc"
	}
	if c.Report.Threshold == 0 {
		c.Report.Threshold = 0.99
	}
	return c, file.Explain(c.check())
}

func (c *Config) check() error {
	if !(c.Report.Threshold > 0 && c.Report.Threshold <= 1) {
		return fmt.Errorf("report.threshold: %g: want more than 0 and at most 1", c.Report.Threshold)
	}
	known := fidelity.Metrics()
	zero := func(w *float64) bool { return w != nil && *w == 0 }
	if l := c.Training.Loss; zero(l.Spike) && zero(l.Voltage) && len(l.Auxiliary) == 0 && len(l.Stages) == 0 {
		return fmt.Errorf("training.loss: every weight is 0: there is nothing to learn")
	}
	if slices.Contains(known, c.Report.Fidelity) {
		if err := c.checkColours(); err != nil {
			return err
		}
		return c.Training.Validate()
	}
	return fmt.Errorf("report.fidelity: %q: one of %s", c.Report.Fidelity, strings.Join(known, ", "))
}

// Plan compiles the neuron and plans its data set. Relative files are looked up beside the configuration.
func (c *Config) Plan(version string) (*simulate.Plan, error) {
	p, err := simulate.NewPlan(c.Config, version, filepath.Dir(c.file.Path))
	return p, c.file.Explain(err)
}

// compile makes the neuron, with files looked up beside the configuration.
func (c *Config) compile() (*neuron.Cell, error) {
	dir := "."
	if c.file != nil {
		dir = filepath.Dir(c.file.Path)
	}
	return neuron.Compile(c.Neuron, neuron.Options{Seed: c.Seed, Dir: dir})
}

// inputs is the number of synapses: of a cell with dendrites it follows from its rules.
func (c *Config) inputs() (int, error) {
	cell, err := c.compile()
	if err != nil {
		return 0, err
	}
	return len(cell.Synapses), nil
}

// Trials lists what a sweep would train.
func (c *Config) Trials() ([]trainer.Trial, error) {
	inputs := 0
	var err error
	if c.Neuron.Model != "" { // else the data set says how many there are
		if inputs, err = c.inputs(); err != nil {
			return nil, c.file.Explain(err)
		}
	}
	t, err := trainer.Trials(c.Surrogates, c.Training, inputs)
	for _, trial := range t {
		if err == nil {
			err = fits(trial, inputs, c.Simulation.Duration)
		}
	}
	return t, c.file.Explain(err)
}

// CheckRun tells whether surrogates can be trained on and scored with the data that the configuration simulates.
func (c *Config) CheckRun() error {
	trials, err := c.Trials()
	if err != nil {
		return err
	}
	s := c.Simulation.Samples
	if s.Train < 1 || s.Test < 1 {
		err = fmt.Errorf("simulation.samples: %d train and %d test samples: want at least one of each", s.Train, s.Test)
	} else if i := slices.IndexFunc(trials, func(t trainer.Trial) bool { return t.Config.Window > c.Simulation.Duration }); i >= 0 {
		err = fmt.Errorf("training.window_ms: %d is longer than simulation.duration_ms, %d", trials[i].Config.Window, c.Simulation.Duration)
	}
	return c.file.Explain(err)
}

// Blame finds the error about a key of the training or the surrogates in what an error wraps, and adds where that key
// stands; nil where there is none.
func (c *Config) Blame(err error) error {
	for ; err != nil; err = errors.Unwrap(err) {
		for _, section := range []string{"training", "surrogates["} {
			if strings.HasPrefix(err.Error(), section) {
				return c.file.Explain(err)
			}
		}
	}
	return nil
}

// Surrogate returns the architecture and the training of one trial, by name; "" is the first.
func (c *Config) Surrogate(name string) (surrogates.Spec, trainer.Config, error) {
	trials, err := c.Trials()
	if err != nil {
		return surrogates.Spec{}, trainer.Config{}, err
	}
	var names []string
	for _, t := range trials {
		if t.Name == name || t.Title == name || name == "" {
			return t.Spec, t.Config, nil
		}
		names = append(names, t.Name)
	}
	return surrogates.Spec{}, trainer.Config{}, fmt.Errorf("%s has no surrogate %q: it has %s", c.file.Path, name, strings.Join(names, ", "))
}

// Sweep is the options of a sweep over the configuration's surrogates; the caller adds folders and hooks.
func (c *Config) Sweep() trainer.SweepOptions {
	return trainer.SweepOptions{Surrogates: c.Surrogates, Config: c.Training, Study: c.study()}
}

// CheckData tells whether a data set was simulated from this configuration; the error names what differs.
func (c *Config) CheckData(info traces.Info) error {
	if c.Neuron.Model == "" {
		return nil
	}
	inputs, err := c.inputs()
	if err != nil {
		return c.file.Explain(err)
	}
	if c.Neuron.Model != info.Neuron || inputs != info.Inputs {
		return fmt.Errorf("%s describes a %s neuron with %d synapses, the data set holds a %s neuron with %d",
			c.file.Path, c.Neuron.Model, inputs, info.Neuron, info.Inputs)
	}
	return nil
}

// study describes the experiment for the report.
func (c *Config) study() equivalence.Study {
	s := equivalence.Study{Title: c.Title, Stimulus: c.stimulus(), Metric: c.Report.Fidelity, Threshold: c.Report.Threshold,
		Neuron: equivalence.Neuron{Model: c.Neuron.Model, Set: c.Neuron.Set}}
	m, err := neuron.Lookup(c.Neuron.Model)
	if err != nil {
		return s
	}
	if s.Neuron.Set == "" {
		s.Neuron.Set = m.Sets[0].Name
	}
	groups := c.Neuron.Synapses
	if cell, err := c.compile(); err == nil {
		s.Neuron.Threshold, groups = cell.Program.Threshold, cell.Config.Synapses
		if cell.Cable != nil {
			s.Neuron.Picture, s.Neuron.Colours = c.picture(cell)
		}
	}
	if tau, err := neuron.MembraneTau(c.Neuron); err == nil {
		s.Neuron.Tau = tau
	}
	for _, g := range groups {
		unit := m.ConductanceUnit
		if g.Kind == "delta" {
			unit = "mV"
		}
		s.Neuron.Synapses = append(s.Neuron.Synapses, equivalence.Synapses{Name: g.Name, Kind: g.Kind, Count: g.Count, Weight: weight(g.Weight, unit)})
	}
	return s
}

// weight says in words how strong a group's synapses are.
func weight(w neuron.Weight, unit string) string {
	switch w.Distribution {
	case "":
		return fmt.Sprintf("%g %s", w.Constant, unit)
	case "uniform":
		return fmt.Sprintf("%g to %g %s", w.Low, w.High, unit)
	}
	return fmt.Sprintf("%g +- %g %s (%s)", w.Mean, w.SD, unit, w.Distribution)
}

// stimulus says in words what the neuron receives.
func (c *Config) stimulus() string {
	var s string
	switch st := c.Stimulus; st.Protocol {
	case "modulated":
		s = "modulated Poisson input (Beniaguev, Segev & London 2021)"
	case "poisson":
		s = "Poisson input at constant rates"
	case "replay":
		s = "events replayed from " + filepath.Base(st.File)
	default:
		s = "no synaptic input"
	}
	if i := c.Stimulus.Current; i != nil {
		s += fmt.Sprintf(", and a current of %v from %g to %g ms", i.Amplitude, i.Start, i.Stop)
	}
	return s
}
