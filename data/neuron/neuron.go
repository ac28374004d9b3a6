// Package neuron knows the neuron models: their equations' parameters with unit, range and source, their
// published parameter sets, the kinds of synapse, and how to compile them to a program a device can run.
package neuron

import (
	"neq/cuda"
	"neq/data/neuron/morphology"
)

// Config is the `neuron:` section of a configuration.
type Config struct {
	Model      string             `yaml:"model" json:"model"`
	Set        string             `yaml:"set,omitempty" json:"set,omitempty"`               // a published parameter set; "" is the model's first
	Parameters map[string]float64 `yaml:"parameters,omitempty" json:"parameters,omitempty"` // overrides, by parameter name
	Synapses   []SynapseGroup     `yaml:"synapses,omitempty" json:"synapses,omitempty"`

	Description `yaml:",inline"` // of a cell with dendrites
}

// SynapseGroup is a number of synapses of one kind.
type SynapseGroup struct {
	Name       string             `yaml:"name" json:"name"`
	Kind       string             `yaml:"kind" json:"kind"` // delta, ampa, nmda, gaba_a, gaba_b; on dendrites also several on one event: ampa+nmda
	Count      int                `yaml:"count,omitempty" json:"count,omitempty"`
	On         *Placement         `yaml:"on,omitempty" json:"on,omitempty"` // where, on a cell with dendrites
	Weight     Weight             `yaml:"weight" json:"weight"`
	Release    *float64           `yaml:"release_probability,omitempty" json:"release_probability,omitempty"` // default 1
	Parameters map[string]float64 `yaml:"parameters,omitempty" json:"parameters,omitempty"`                   // of the kind: rise_ms, decay_ms, reversal_mv, magnesium_mm, slope_per_mv; of several nmda_decay_ms, nmda_ratio, ...
}

// Options say how a cell is to be integrated.
type Options struct {
	Dt        float64 // ms; 0 is the model's own default
	Solver    cuda.Solver
	Precision cuda.Precision
	Seed      uint64   // for weights and places that are drawn
	Dir       string   // where relative file names are looked up
	Record    []string // of a cell with dendrites, what Program.States names beside v: see Cell.record
}

// Synapse is one synapse of a compiled cell.
type Synapse struct {
	Group    int     // index into Config.Synapses
	Receptor uint16  // index into Program.Receptors, or into Program.Tree.Receptors
	Weight   float64 // as the user gave it: mV for delta, nS (or the model's own unit) otherwise
	Device   float32 // the same as a device wants it: mV, 1/ms, or uS on dendrites
	Release  float64 // probability that an event is delivered, 0..1
	Segment  int     // index into Cable.Segments
	Share    float64 // of its group's events, relative to others'; length of the segment + 10 um on dendrites, 1 on a point neuron
}

// Cell is a compiled neuron model.
type Cell struct {
	Config          Config // with all that the model says, and the number of synapses of every group
	Program         cuda.Program
	Cable           *morphology.Cable // of a cell with dendrites, else nil
	Synapses        []Synapse         // in the order of the groups: the order of the data set's inputs
	CurrentUnit     string            // unit of injected current for this model: "nA", "pA", "uA/cm2", "mV/ms"
	CurrentScale    float64           // multiplies a current in CurrentUnit into what the device wants: mV/ms, or nA on dendrites
	ConductanceUnit string            // unit of synaptic weights for this model: "nS" or "1/ms"
	StateUnits      []string          // of Program.States: those of the model, then conductances (1/ms)
}
