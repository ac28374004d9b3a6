package trainer

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"neq/data/traces"
	"neq/internal/philox"
)

// synthetic describes a data set of leaky integrate-and-fire neurons: tau 20 ms, delta synapses of +-4 mV,
// threshold -55 mV, rest and reset -75 mV, as in Beniaguev, Segev & London 2021, figure 1, with few and strong synapses.
type synthetic struct {
	excitatory, inhibitory  int
	duration, perShard      int
	train, validation, test int
	rate                    float64 // of every input, events per ms
	record                  bool    // the voltage's trace without spikes, as "drive"
	seed                    uint64
}

func small() synthetic {
	return synthetic{excitatory: 8, inhibitory: 3, duration: 500, perShard: 8, train: 40, validation: 8, test: 10, rate: 0.018, seed: 1}
}

func (c synthetic) info() traces.Info {
	info := traces.Info{
		Samples: c.train + c.validation + c.test, SamplesPerShard: c.perShard, Duration: c.duration,
		Synapses: []traces.SynapseInfo{{Name: "exc", Kind: "delta", First: 0, Count: c.excitatory}, {Name: "inh", Kind: "delta", First: c.excitatory, Count: c.inhibitory}},
		Inputs:   c.excitatory + c.inhibitory, EventCapacity: 1000 + 2*int(c.rate*float64(c.perShard*c.duration*(c.excitatory+c.inhibitory))), SpikeCapacity: c.perShard * c.duration,
		Neuron: "lif", Threshold: -55, Seed: c.seed, Configuration: map[string]any{"made_for": "tests"},
	}
	first := 0
	for _, s := range []traces.Split{{Name: "train", Count: c.train}, {Name: "validation", Count: c.validation}, {Name: "test", Count: c.test}} {
		if s.Count > 0 {
			s.First = first
			info.Splits = append(info.Splits, s)
			first += s.Count
		}
	}
	if c.record {
		info.Record = []traces.Variable{{Name: "drive", Unit: "mV"}}
	}
	return info
}

// shard integrates the samples first <= i < first+n.
func (c synthetic) shard(first, n int) *traces.Shard {
	s := &traces.Shard{First: first, Samples: n, InputStart: []int64{0}, SpikeStart: []int64{0}}
	var drives []float32
	decay := math.Exp(-1.0 / 20)
	for i := first; i < first+n; i++ {
		rnd := philox.New(c.seed, uint64(i), 0)
		v, drive := -75.0, 0.0
		for t := range c.duration {
			v, drive = -75+(v+75)*decay, drive*decay
			var at []float64
			for range c.excitatory + c.inhibitory {
				if u := rnd.Float64(); u < c.rate {
					at = append(at, u/c.rate)
				} else {
					at = append(at, -1)
				}
			}
			type event struct {
				time    float32
				synapse int32
			}
			var events []event
			for y, u := range at {
				if u < 0 {
					continue
				}
				events = append(events, event{traces.Time32(float64(t) + 0.999*u), int32(y)})
				w := 4.0
				if y >= c.excitatory {
					w = -4
				}
				v, drive = v+w, drive+w
			}
			slices.SortFunc(events, func(a, b event) int {
				switch {
				case a.time < b.time:
					return -1
				case a.time > b.time:
					return 1
				}
				return int(a.synapse - b.synapse)
			})
			for _, e := range events {
				s.InputTime, s.InputSynapse = append(s.InputTime, e.time), append(s.InputSynapse, e.synapse)
			}
			s.SomaV = append(s.SomaV, float32(v))
			drives = append(drives, float32(drive))
			if v > -55 {
				s.SpikeTime = append(s.SpikeTime, float32(t)+0.5)
				v = -75
			}
		}
		s.InputStart = append(s.InputStart, int64(len(s.InputTime)))
		s.SpikeStart = append(s.SpikeStart, int64(len(s.SpikeTime)))
	}
	if c.record {
		s.Extra = [][]float32{drives}
	}
	return s
}

// write makes the data set in a new folder.
func (c synthetic) write(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "traces")
	info := c.info()
	w, err := traces.Create(dir, info, traces.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for k := range info.Shards() {
		first, n := info.ShardSamples(k)
		if err := w.WriteShard(k, c.shard(first, n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// memory is a data set that is not on disk, counting how many shards are read.
type memory struct {
	synthetic
	reads chan int
}

func (m memory) Info() traces.Info { return m.info() }

func (m memory) Shard(k int) (*traces.Shard, error) {
	if m.reads != nil {
		m.reads <- k
	}
	info := m.info()
	first, n := info.ShardSamples(k)
	return m.shard(first, n), nil
}
