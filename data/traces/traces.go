// Package traces is the trace data set on disk: what went into each simulated cell and what came out.
//
// A data set is a folder that is a Zarr v2 group; a chunk is a shard; a manifest beside it holds every
// file's length and checksum. Python opens it with xarray.open_zarr(folder) or zarr.open(folder).
package traces

// Info describes a data set: everything about it but the samples.
type Info struct {
	Samples         int            `json:"samples"`
	SamplesPerShard int            `json:"samples_per_shard"`
	Duration        int            `json:"duration_ms"`    // of a sample; soma_v has one value per ms
	Splits          []Split        `json:"splits"`         // in order, covering all samples
	Synapses        []SynapseInfo  `json:"synapses"`       // groups, in the order of the inputs
	Inputs          int            `json:"inputs"`         // number of synapses in all
	Record          []Variable     `json:"record"`         // other recorded state variables
	EventCapacity   int            `json:"event_capacity"` // most input events a shard can hold
	SpikeCapacity   int            `json:"spike_capacity"` // most output spikes a shard can hold
	Neuron          string         `json:"neuron"`         // neuron model
	Threshold       float64        `json:"threshold_mv"`
	Configuration   map[string]any `json:"configuration"` // what made it, as given; compared on resume
	Seed            uint64         `json:"seed"`
	Version         string         `json:"version"` // of neq
	Device          string         `json:"device"`  // provenance only: not compared
}

// Split is a named run of samples: train, validation, test.
type Split struct {
	Name  string `json:"name"`
	First int    `json:"first"`
	Count int    `json:"count"`
}

// SynapseInfo is a group of inputs.
type SynapseInfo struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	First int    `json:"first"`
	Count int    `json:"count"`
}

// Variable is a recorded state variable.
type Variable struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
}

// Shard is a run of samples in memory. Slices are owned by whoever made the shard.
type Shard struct {
	First        int         // index of its first sample in the data set
	Samples      int         // the last shard of a set may hold fewer
	InputStart   []int64     // [Samples+1] events of sample i: InputStart[i] <= e < InputStart[i+1]
	InputTime    []float32   // ms from the start of the sample, ascending in a sample
	InputSynapse []int32     // 0 <= s < Info.Inputs
	SomaV        []float32   // mV, [Samples*Duration]; value k of a sample is at time k ms
	SpikeStart   []int64     // [Samples+1]
	SpikeTime    []float32   // ms, ascending in a sample
	Extra        [][]float32 // one per Info.Record, each [Samples*Duration]
}
