package simulate

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"neq/data/neuron/morphology"
	"neq/data/traces"
	"neq/internal/memory"
)

// describe fills what the data set says of itself.
func (p *Plan) describe(c Config, total int, version string) error {
	s := &c.Simulation
	program := &p.Cell.Program
	p.Info = traces.Info{
		Samples: total, Duration: s.Duration, Inputs: len(p.Cell.Synapses), Precision: s.RecordPrecision,
		Neuron: c.Neuron.Model, Threshold: program.Threshold, Seed: c.Seed, Version: version,
		SpikeRule: fmt.Sprintf("an upward crossing of %g mV", program.Threshold),
	}
	if program.Tree != nil && program.Tree.Peak {
		p.Info.SpikeRule = fmt.Sprintf("a local maximum above %g mV at 8 samples per ms", program.Threshold)
	}
	first := 0
	for _, sp := range []traces.Split{{Name: "train", Count: s.Samples.Train}, {Name: "validation", Count: s.Samples.Validation}, {Name: "test", Count: s.Samples.Test}} {
		sp.First = first
		first += sp.Count
		p.Info.Splits = append(p.Info.Splits, sp)
	}
	first = 0
	for _, g := range p.Cell.Config.Synapses {
		p.Info.Synapses = append(p.Info.Synapses, traces.SynapseInfo{Name: g.Name, Kind: g.Kind, First: first, Count: g.Count})
		first += g.Count
	}
	p.Info.Cell = p.shape()
	if err := p.recorded(s); err != nil {
		return err
	}
	if err := p.windows(s); err != nil {
		return err
	}
	if s.SamplesPerShard == 0 {
		s.SamplesPerShard = DefaultShard
		if most := int(shardValues / p.denseBytes()); most < DefaultShard {
			s.SamplesPerShard = max(1, most)
			if tree, whole := program.Tree != nil, most/vector*vector; tree && most >= vector {
				s.SamplesPerShard = whole
			}
		}
	}
	p.Info.SamplesPerShard = min(s.SamplesPerShard, total)
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
	return p.fits()
}

// shardValues is what a shard's recorded values take where its size is left to neq: 256 MB.
const shardValues = 256e6

// vector is how many cells with dendrites a core integrates at once: fewer take as long.
const vector = 16

// denseBytes is what the recorded values of a sample take in memory: as a device gives them, and those that are picked
// out of them.
func (p *Plan) denseBytes() float64 {
	columns := float64(len(p.record))
	n := float64(p.Info.Duration)
	if p.every < p.perMs {
		n += float64(p.steps / p.every)
		for _, w := range p.Info.Windows {
			n += float64(w.Values())
		}
	}
	return 4 * columns * n
}

// fits tells whether the machine can hold the shards in hand.
func (p *Plan) fits() error {
	// Shards: one drawn, two integrated, one written; as many traces. A shard's events are there as stored and as a device
	// takes them; the largest array is encoded in order, shuffled, compressed.
	held := min(4, float64(p.Info.Shards()))
	values := float64(p.Info.SamplesPerShard) * p.denseBytes()
	encoding := 12 * float64(p.Info.SamplesPerShard) * float64(p.Info.Duration*p.mostSites())
	if need, have := held*(18*float64(p.Info.EventCapacity)+values)+encoding, memory.Physical(); have > 0 && need > have {
		return fmt.Errorf("simulation.samples_per_shard: %d: the shards in hand would take %.3g GB of memory, this machine has %.3g: use fewer, or record less",
			p.Info.SamplesPerShard, need/1e9, have/1e9)
	}
	return nil
}

// mostSites is the number of sites of the largest array.
func (p *Plan) mostSites() int {
	count, most := map[string]int{}, 1
	for _, v := range p.Info.Record {
		if v.Site != "" {
			state, _, _ := strings.Cut(v.Name, "@")
			count[state]++
			most = max(most, count[state])
		}
	}
	return most
}

// shape describes a cell with dendrites; nil of a point neuron.
func (p *Plan) shape() *traces.Cell {
	cable := p.Cell.Cable
	if cable == nil {
		return nil
	}
	c := &traces.Cell{Morphology: filepath.Base(cable.Morphology.Name), SHA256: fingerprint(cable.Morphology), Synapses: make([]int32, len(p.Cell.Synapses))}
	for _, s := range cable.Segments {
		c.Segments = append(c.Segments, traces.Segment{Region: s.Region, Section: int32(s.Section), Index: int32(s.Index), X: s.X, Parent: int32(s.Parent),
			Distance: s.PathDistance, Length: s.Length, Diameter: s.Diam, Area: s.Area})
	}
	for i, s := range p.Cell.Synapses {
		c.Synapses[i] = int32(s.Segment)
	}
	return c
}

// fingerprint is the SHA-256 of a morphology's sections and points: the same shape has the same, wherever it came from.
func fingerprint(m *morphology.Morphology) string {
	h := sha256.New()
	number := func(v ...float64) {
		for _, x := range v {
			var b [8]byte
			binary.LittleEndian.PutUint64(b[:], math.Float64bits(x))
			h.Write(b[:])
		}
	}
	for i := range m.Sections {
		s := &m.Sections[i]
		fmt.Fprintf(h, "%s %d %d\n", s.Name(), s.Parent, len(s.Points))
		number(s.ParentX)
		for _, p := range s.Points {
			number(p.X, p.Y, p.Z, p.Diam)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
