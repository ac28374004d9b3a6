// Package probe applies named experiments to a neuron - which current makes it fire, whether it tells one input from
// two, what it makes of the order of its inputs, how far a synapse is heard - and draws what it did.
//
// A probe is deterministic: it depends on the subject, the options and the seed alone.
package probe

import (
	"context"
	"fmt"
	"math"
	"strings"
)

// Subject is what can be probed: a neuron model, or anything that maps input events to a voltage and spikes.
type Subject interface {
	About() About
	// Run shows every trial to a fresh copy of the subject, at rest at time 0.
	Run(ctx context.Context, s Session) ([]Response, error)
}

// About describes a subject.
type About struct {
	Name        string    `json:"name"`
	Words       string    `json:"description"`
	Dt          float64   `json:"dt_ms"`
	CurrentUnit string    `json:"current_unit,omitempty"` // "" of a subject that takes no current
	Groups      []Group   `json:"groups"`
	Synapses    []Synapse `json:"-"`      // all, group by group
	States      []State   `json:"states"` // what Session.States may name; the first is the voltage
	Nodes       int       `json:"nodes"`  // what a step costs, in units of one compartment; 1 of a point neuron
	Device      string    `json:"device"`
	Facts       []Fact    `json:"facts,omitempty"` // whatever else a reader should know

	// Picture draws the subject as an svg element with words at some of its synapses; nil where there is no shape.
	Picture func(marks map[int]string, alone bool) string `json:"-"`
}

// pictures is the subject's shape as a figure, if it has one.
func (a *About) pictures(words string, marks map[int]string) []Figure {
	if a.Picture == nil {
		return nil
	}
	return []Figure{{"Where they are", words, func(alone bool) string { return a.Picture(marks, alone) }}}
}

// Group is a run of synapses of one kind.
type Group struct {
	Name       string `json:"name"`
	Kind       string `json:"kind"`
	First      int    `json:"first"`
	Count      int    `json:"count"`
	Excitatory bool   `json:"excitatory"`
}

// Synapse is an input of the subject and where it is.
type Synapse struct {
	Group    int     // index into About.Groups
	Weight   float64 // its own, in the unit of its kind
	Site     string  // "apic[50](0.9)"; the same for synapses at one place, "" on a point neuron
	Region   string  // "apic"; "" on a point neuron
	Section  string  // "apic[50]"; "" on a point neuron
	Distance float64 // um along the tree from the soma
	Node     int     // of the cell; equal for synapses at one place
	Parent   int     // index into About.Synapses of one further in on the same path, -1 if there is none
}

// State is a variable of the subject that can be recorded.
type State struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
}

// Session is a set of trials under one clock.
type Session struct {
	Duration float64 // ms
	Every    float64 // ms between two values recorded; the first is that of time 0
	Trials   []Trial
	States   []int // indices into About.States, recorded besides the voltage
	Sites    []int // indices into About.Synapses: the voltage where they are is recorded
}

// Trial is what one copy of the subject receives.
type Trial struct {
	Events  []Event // in any order
	Current []Step
}

// Event is a spike arriving at a synapse.
type Event struct {
	Time    float64 // ms
	Synapse int
	Scale   float64 // multiplies the synapse's own weight
}

// Step is a current injected into the soma from one time to another, in About.CurrentUnit.
type Step struct{ From, To, Amp float64 }

// Response is what one copy of the subject did.
type Response struct {
	V      []float32   // mV, every Session.Every ms
	State  [][]float32 // by Session.States
	Local  [][]float32 // mV, by Session.Sites
	Spikes []float64   // ms
}

// Options change what a probe does.
type Options struct {
	Seed     uint64
	A, B     string                        // xor, pairs: the two inputs: a synapse group, a region or a section; "" is chosen by the subject
	Rate     float64                       // xor: events a second at a synapse; 0 is 20
	Progress func(done, total int)         // of the sessions a probe runs; may be nil
	Log      func(msg string, args ...any) // remarks; may be nil
}

// Experiment is a named probe.
type Experiment struct {
	Name  string `json:"name"`
	Words string `json:"description"`
	run   func(context.Context, Subject, Options) (*Report, error)
}

// Experiments are all probes, in the order in which they are listed.
func Experiments() []Experiment {
	return []Experiment{
		{"fi", "firing rate against injected current, and the least current that makes it fire", fi},
		{"xor", "two inputs on one cell, each alone and both: does the output tell one from two?", xor},
		{"pairs", "two inputs in either order at varying delay, and a sequence along a dendrite in either direction", pairs},
		{"distance", "one synapse at a time: its potential where it is and at the soma, against its distance", distance},
	}
}

// Run applies the experiment of that name.
func Run(ctx context.Context, name string, s Subject, o Options) (*Report, error) {
	var names []string
	for _, e := range Experiments() {
		names = append(names, e.Name)
		if e.Name != name {
			continue
		}
		if o.Progress == nil {
			o.Progress = func(int, int) {}
		}
		r, err := e.run(ctx, s, o)
		if err != nil {
			return nil, fmt.Errorf("probe %s: %w", name, err)
		}
		r.Experiment, r.Subject = name, s.About()
		return r, nil
	}
	return nil, fmt.Errorf("probe: no experiment %q: there are %s", name, strings.Join(names, ", "))
}

// every is the step between recorded values nearest to the one wanted that the subject's own step divides.
func (a *About) every(want float64) float64 { return a.Dt * math.Max(1, math.Round(want/a.Dt)) }

// peak is the largest rise of v above what it was in the control, from a time on, and when; both recorded every ms.
func peak(v, control []float32, every, from float64) (mv, at float64) {
	at = from
	for k := max(0, int(from/every)); k < len(v) && k < len(control); k++ {
		if d := float64(v[k]) - float64(control[k]); d > mv {
			mv, at = d, float64(k)*every
		}
	}
	return mv, at
}

// count is the number of spikes from one time up to another.
func count(spikes []float64, from, to float64) int {
	n := 0
	for _, t := range spikes {
		if t >= from && t < to {
			n++
		}
	}
	return n
}
