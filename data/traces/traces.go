// Package traces is the trace data set on disk: what went into each simulated cell and what came out.
//
// A data set is a folder that is a Zarr v2 group; a chunk is a shard; a manifest beside it holds every
// file's length and checksum. Python opens it with xarray.open_zarr(folder) or zarr.open(folder).
package traces

import "math"

// Info describes a data set: everything about it but the samples.
type Info struct {
	Samples         int            `json:"samples"`
	SamplesPerShard int            `json:"samples_per_shard"`
	Duration        int            `json:"duration_ms"`                // of a sample; soma_v has one value per ms
	Splits          []Split        `json:"splits"`                     // in order, covering all samples
	Synapses        []SynapseInfo  `json:"synapses"`                   // groups, in the order of the inputs
	Inputs          int            `json:"inputs"`                     // number of synapses in all
	Record          []Variable     `json:"record"`                     // other recorded state variables; those of one state at several sites follow one another
	Precision       string         `json:"record_precision,omitempty"` // of Record where it can be float16: see Halved; "" is float32
	Windows         []Window       `json:"windows,omitempty"`          // recorded more finely
	EventCapacity   int            `json:"event_capacity"`             // most input events a shard can hold
	SpikeCapacity   int            `json:"spike_capacity"`             // most output spikes a shard can hold
	Neuron          string         `json:"neuron"`                     // neuron model
	Threshold       float64        `json:"threshold_mv"`
	SpikeRule       string         `json:"spike_rule,omitempty"` // what an output spike is, in words
	Cell            *Cell          `json:"cell,omitempty"`       // of a neuron with dendrites
	Configuration   map[string]any `json:"configuration"`        // what made it, as given; compared on resume
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

// Variable is a recorded state variable. One with a site is called STATE@SITE: "v@apic[50](0.9)".
type Variable struct {
	Name    string `json:"name"`
	Unit    string `json:"unit"`
	Site    string `json:"site,omitempty"`    // "" of a neuron without dendrites
	Segment int32  `json:"segment,omitempty"` // of the site, in Info.Cell.Segments
}

// Window is a time within every sample in which soma_v and Record are also kept at more than one value per ms, at
// Start, Start + Every and so on before Stop.
type Window struct {
	Start float64 `json:"start_ms"`
	Stop  float64 `json:"stop_ms"`
	Every float64 `json:"every_ms"`
}

// Values is the number of values that a window keeps.
func (w Window) Values() int { return int(math.Ceil((w.Stop-w.Start)/w.Every - 1e-6)) }

// Cell is a neuron's shape: what a surrogate needs to share weights as the dendrites do.
type Cell struct {
	Morphology string    `json:"morphology"` // file or name it came from
	SHA256     string    `json:"sha256,omitempty"`
	Segments   []Segment `json:"segments"`
	Synapses   []int32   `json:"synapse_segment"` // [Info.Inputs] the segment each synapse is on
}

// Segment is one isopotential compartment. Lengths are in um.
type Segment struct {
	Region   string  `json:"region"`  // soma, axon, dend, apic, ...
	Section  int32   `json:"section"` // of its region
	Index    int32   `json:"index"`   // in its section
	X        float64 `json:"x"`       // of its centre along the section, 0..1
	Parent   int32   `json:"parent"`  // segment; -1 of the first
	Distance float64 `json:"distance_um"`
	Length   float64 `json:"length_um"`
	Diameter float64 `json:"diameter_um"`
	Area     float64 `json:"area_um2"`
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
	Extra        [][]float32 // one per Info.Record, each [Samples*Duration]; nil where a Set leaves it out

	// Windows[w][0] is soma_v in Info.Windows[w], Windows[w][1+i] is Info.Record[i], each [Samples*Values]. Nil where a
	// Set leaves them out.
	Windows [][][]float32
}

// Bytes is the memory that the shard's arrays take.
func (s *Shard) Bytes() float64 {
	values := cap(s.InputTime) + cap(s.InputSynapse) + cap(s.SomaV) + cap(s.SpikeTime) + 2*(cap(s.InputStart)+cap(s.SpikeStart))
	for _, x := range s.Extra {
		values += cap(x)
	}
	for _, w := range s.Windows {
		for _, x := range w {
			values += cap(x)
		}
	}
	return 4 * float64(values)
}
