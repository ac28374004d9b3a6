// Package equivalence turns a sweep of trained surrogates into the answer: how many parameters it takes to
// be equivalent to one neuron, how sure that is, and a report a person can read and share.
//
// A sweep leaves a folder that LoadStudy reads:
//
//	sweep/study.json                 what was studied (WriteStudyHeader)
//	sweep/trials/NAME/row.json       a trained surrogate and its fidelity (WriteRow)
//	sweep/trials/NAME/example.json   a few seconds of the neuron and the surrogate (WriteExample), optional
//	sweep/trials/NAME/filters.json   the first layer by group of synapses (WriteFilters), optional
package equivalence

import (
	"encoding/json"
	"time"

	"neq/trainer/fidelity"
)

// Study is everything a report says.
type Study struct {
	Title     string              `json:"title"`
	Neuron    Neuron              `json:"neuron"`
	Stimulus  string              `json:"stimulus"` // in words
	Data      Data                `json:"data"`
	Metric    string              `json:"metric"`    // fidelity measure of the answer, as fidelity.Metrics; "" is "auc"
	Threshold float64             `json:"threshold"` // the fidelity asked for; 0 is 0.99
	Baselines []fidelity.Baseline `json:"baselines,omitempty"`
	Version   string              `json:"version"` // of neq
	Device    string              `json:"device"`
	Created   time.Time           `json:"created"`
	Facts     []Fact              `json:"facts,omitempty"` // anything else worth a line under "Provenance"

	Trials   []string  `json:"trials,omitempty"`   // folders of this study's trials; nil: all that are there
	Rows     []Row     `json:"rows,omitempty"`     // from trials/NAME/row.json
	Examples []Example `json:"examples,omitempty"` // from trials/NAME/example.json
	Filters  []Filters `json:"filters,omitempty"`  // from trials/NAME/filters.json
}

// Neuron is the neuron model that was studied.
type Neuron struct {
	Model     string     `json:"model"`
	Set       string     `json:"set,omitempty"`
	Threshold float64    `json:"threshold_mv"`
	Tau       float64    `json:"membrane_tau_ms,omitempty"` // time constant, to compare a learned filter with; 0 where there is no single one
	Synapses  []Synapses `json:"synapses"`
	Picture   string     `json:"picture,omitempty"` // of a cell with dendrites: SVG, a file of its own
	Colours   string     `json:"colours,omitempty"` // what they show, in words
}

// Synapses is a group of synapses of one kind.
type Synapses struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Count  int    `json:"count"`
	Weight string `json:"weight,omitempty"` // in words, with unit
}

// Data is the size of the data set.
type Data struct {
	Train      int     `json:"train"` // episodes
	Validation int     `json:"validation"`
	Test       int     `json:"test"`
	Duration   int     `json:"duration_ms"` // of an episode
	BurnIn     int     `json:"burn_in_ms"`  // at the start of an episode, not scored
	InputRate  float64 `json:"input_rate_hz,omitempty"`
	Seed       uint64  `json:"seed"`
}

// Fact is a line of provenance: "Simulation": "3,000 neuron-seconds in 2.1 s".
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Row is one trained surrogate.
type Row struct {
	Name           string          `json:"name"`
	Family         string          `json:"family"`
	Spec           json.RawMessage `json:"spec,omitempty"`     // architecture, as in the configuration, without name
	Training       json.RawMessage `json:"training,omitempty"` // how it was trained, without the seed; rows that differ in it are not averaged
	Seed           uint64          `json:"seed"`
	Parameters     int             `json:"parameters"`         // all that training set
	Synaptic       int             `json:"synaptic"`           // those of the first layer that touch an input
	Core           int             `json:"core"`               // the others
	MACs           float64         `json:"macs_per_ms"`        // at the data set's mean input rate: an event costs one for each weight it meets
	State          float64         `json:"state_per_ms"`       // values computed per ms
	ReceptiveField int             `json:"receptive_field_ms"` // 0: all of the past
	Fidelity       fidelity.Result `json:"fidelity"`
	TrainSeconds   float64         `json:"train_seconds"`
	Steps          int             `json:"steps"`
	BioSeconds     float64         `json:"bio_seconds"`     // of neuron time trained on
	Error          string          `json:"error,omitempty"` // why there is no fidelity
	Trial          string          `json:"-"`               // folder it was read from
}

// Example is a stretch of one held-out episode, one value per ms from Start on.
type Example struct {
	Surrogate   string    `json:"surrogate"` // name
	Sample      int       `json:"sample"`    // in the data set
	Start       int       `json:"start_ms"`
	V           []float32 `json:"v_mv"`                // the neuron's
	PredictedV  []float32 `json:"predicted_v_mv"`      // the surrogate's
	Probability []float32 `json:"probability"`         // of a spike, 0..1
	Spikes      []float64 `json:"spikes_ms"`           // of the neuron, from the start of the episode
	Threshold   float64   `json:"threshold,omitempty"` // decision threshold as a probability
	Inputs      []Raster  `json:"inputs"`              // by group of synapses
	Trial       string    `json:"-"`
}

// Raster is the input events of a group of synapses in an Example.
type Raster struct {
	Name    string    `json:"name"`
	Count   int       `json:"count"`   // synapses in the group
	Time    []float32 `json:"time_ms"` // from the start of the episode
	Synapse []int32   `json:"synapse"` // 0 <= s < Count
}

// Filters are the first layer's weights over time, by group of synapses. Tap k weighs the events of k ms ago.
type Filters struct {
	Surrogate string        `json:"surrogate"` // name
	Channels  int           `json:"channels"`  // of the first layer; 1 is a single filter, whose decay is the membrane's
	Groups    []GroupFilter `json:"groups"`
	Trial     string        `json:"-"`
}

// GroupFilter is one group's filter. With several channels Mean is the root mean square over synapses and
// channels.
type GroupFilter struct {
	Name   string    `json:"name"`
	Kind   string    `json:"kind"`
	Count  int       `json:"count"`
	Mean   []float64 `json:"mean"`   // [tap] over the group's synapses
	Spread []float64 `json:"spread"` // [tap] standard deviation over the group's synapses
}
