package traces

import (
	"math"
	"slices"
)

// Stats is what a data set amounts to.
type Stats struct {
	Neuron          string       `json:"neuron"`
	Samples         int          `json:"samples"`
	Duration        int          `json:"duration_ms"`
	Shards          int          `json:"shards"`
	NeuronSeconds   float64      `json:"neuron_seconds"` // samples times duration
	Splits          []Split      `json:"splits"`
	Inputs          int          `json:"inputs"`
	Events          int64        `json:"input_events"`
	Groups          []GroupStats `json:"groups"`
	Spikes          int64        `json:"output_spikes"`
	RateMean        float64      `json:"output_rate_mean_hz"` // over samples
	RateSD          float64      `json:"output_rate_sd_hz"`   // between samples
	Silent          float64      `json:"silent_fraction"`     // of samples
	Voltage         Summary      `json:"soma_v_mv"`
	Record          []Summary    `json:"record"` // in the order of Info.Record, those of one state at several sites as one
	Windows         []Window     `json:"windows,omitempty"`
	SpikeRule       string       `json:"spike_rule,omitempty"`
	Cell            *CellStats   `json:"cell,omitempty"`
	Bytes           int64        `json:"bytes"`
	BytesPerSecond  float64      `json:"bytes_per_neuron_second"`
	Seed            uint64       `json:"seed"`
	Threshold       float64      `json:"threshold_mv"`
	Devices         []string     `json:"devices"`  // that made its shards
	Versions        []string     `json:"versions"` // of neq that made its shards
	SamplesPerShard int          `json:"samples_per_shard"`
}

// GroupStats is what a group of synapses received.
type GroupStats struct {
	Name   string  `json:"name"`
	Kind   string  `json:"kind"`
	Count  int     `json:"count"`
	Events int64   `json:"events"`
	Rate   float64 `json:"rate_hz"` // of one synapse, mean
}

// Summary is the distribution of a recorded variable over all samples and times.
type Summary struct {
	Name string  `json:"name"`
	Unit string  `json:"unit"`
	Mean float64 `json:"mean"`
	SD   float64 `json:"sd"`
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`

	Sites []string `json:"sites,omitempty"` // of a cell with dendrites
}

// CellStats is a cell's shape in numbers.
type CellStats struct {
	Morphology string        `json:"morphology"`
	SHA256     string        `json:"sha256,omitempty"`
	Segments   int           `json:"segments"`
	Regions    []RegionStats `json:"regions"` // in the order they begin
}

// RegionStats is a region of a cell.
type RegionStats struct {
	Name     string  `json:"name"`
	Segments int     `json:"segments"`
	Length   float64 `json:"length_um"`
	Synapses int     `json:"synapses"`
}

func (c *Cell) stats() *CellStats {
	if c == nil {
		return nil
	}
	out := &CellStats{Morphology: c.Morphology, SHA256: c.SHA256, Segments: len(c.Segments)}
	at := map[string]int{}
	for _, s := range c.Segments {
		if _, ok := at[s.Region]; !ok {
			at[s.Region] = len(out.Regions)
			out.Regions = append(out.Regions, RegionStats{Name: s.Region})
		}
		r := &out.Regions[at[s.Region]]
		r.Segments++
		r.Length += s.Length
	}
	for _, s := range c.Synapses {
		out.Regions[at[c.Segments[s].Region]].Synapses++
	}
	return out
}

// Inspect reads a data set shard by shard and sums it up. progress, in shards, may be nil.
func Inspect(dir string, progress func(done, total int)) (*Stats, error) {
	s, err := Open(dir)
	if err != nil {
		return nil, err
	}
	in := s.Info()
	st := &Stats{Neuron: in.Neuron, Samples: in.Samples, Duration: in.Duration, Shards: s.Shards(), Splits: in.Splits,
		Inputs: in.Inputs, Bytes: s.Bytes(), Seed: in.Seed, Threshold: in.Threshold, SamplesPerShard: in.SamplesPerShard,
		NeuronSeconds: float64(in.Samples) * float64(in.Duration) / 1000, Groups: []GroupStats{}, Record: []Summary{},
		Windows: in.Windows, SpikeRule: in.SpikeRule, Cell: in.Cell.stats()}
	group := make([]int32, in.Inputs)
	for g, sy := range in.Synapses {
		st.Groups = append(st.Groups, GroupStats{Name: sy.Name, Kind: sy.Kind, Count: sy.Count})
		for j := range sy.Count {
			group[sy.First+j] = int32(g)
		}
	}
	var rate, voltage moments
	blocks := in.blocks()
	record := make([]moments, len(blocks))
	silent := 0
	for k := range s.Shards() {
		sh, err := s.Shard(k)
		if err != nil {
			return nil, err
		}
		for _, syn := range sh.InputSynapse {
			st.Groups[group[syn]].Events++
		}
		rates := make([]float32, sh.Samples)
		for i := range sh.Samples {
			n := sh.SpikeStart[i+1] - sh.SpikeStart[i]
			if n == 0 {
				silent++
			}
			rates[i] = float32(float64(n) * 1000 / float64(in.Duration))
		}
		st.Events += int64(len(sh.InputTime))
		st.Spikes += int64(len(sh.SpikeTime))
		rate.add(rates)
		voltage.add(sh.SomaV)
		for i, b := range blocks {
			for _, v := range sh.Extra[b.first : b.first+b.count] {
				record[i].add(v)
			}
		}
		if d := s.shards[k].Device; !slices.Contains(st.Devices, d) {
			st.Devices = append(st.Devices, d)
		}
		if v := s.shards[k].Version; !slices.Contains(st.Versions, v) {
			st.Versions = append(st.Versions, v)
		}
		if progress != nil {
			progress(k+1, s.Shards())
		}
	}
	for i := range st.Groups {
		if g := &st.Groups[i]; g.Count > 0 {
			g.Rate = float64(g.Events) / float64(g.Count) / st.NeuronSeconds
		}
	}
	st.RateMean, st.RateSD = rate.mean, rate.sd()
	st.Silent = float64(silent) / float64(in.Samples)
	st.Voltage = voltage.summary(Variable{Name: "soma_v", Unit: "mV"})
	for i, b := range blocks {
		sum := record[i].summary(Variable{Name: b.state, Unit: b.unit})
		for _, v := range in.Record[b.first : b.first+b.count] {
			if b.sited {
				sum.Sites = append(sum.Sites, v.Site)
			}
		}
		st.Record = append(st.Record, sum)
	}
	st.BytesPerSecond = float64(st.Bytes) / st.NeuronSeconds
	return st, nil
}

// moments are those of a set of numbers, gathered run by run (Chan, Golub & LeVeque 1979, eq. 2.1): no sum of
// squares whose difference would lose the variance.
type moments struct {
	n, mean, m2, min, max float64
}

func (m *moments) add(v []float32) {
	if len(v) == 0 {
		return
	}
	if m.n == 0 {
		m.min, m.max = math.Inf(1), math.Inf(-1)
	}
	sum := 0.0
	for _, x := range v {
		sum += float64(x)
	}
	n := float64(len(v))
	mean := sum / n
	m2 := 0.0
	for _, x := range v {
		d := float64(x) - mean
		m2 += d * d
	}
	m.min, m.max = min(m.min, float64(slices.Min(v))), max(m.max, float64(slices.Max(v)))
	d := mean - m.mean
	m.m2 += m2 + d*d*m.n*n/(m.n+n)
	m.mean += d * n / (m.n + n)
	m.n += n
}

// sd is the sample standard deviation, 0 for a single number.
func (m *moments) sd() float64 {
	if m.n < 2 {
		return 0
	}
	return math.Sqrt(m.m2 / (m.n - 1))
}

func (m *moments) summary(v Variable) Summary {
	return Summary{Name: v.Name, Unit: v.Unit, Mean: m.mean, SD: m.sd(), Min: m.min, Max: m.max}
}
