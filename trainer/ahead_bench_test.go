package trainer

import (
	"math"
	"path/filepath"
	"syscall"
	"testing"

	"neq/data/traces"
	"neq/internal/philox"
	"neq/surrogates"
)

// noise is a data set of Poisson events on as many synapses as the layer 5 cell has, at the mean rate of its published
// protocol; no neuron is behind it.
type noise struct {
	inputs, duration, perShard, samples int
	rate                                float64 // Hz
	shards                              map[int]*traces.Shard
}

func layer5() noise {
	n := noise{inputs: 1278, duration: 6000, perShard: 8, samples: 32, rate: 11, shards: map[int]*traces.Shard{}}
	for k := range n.samples / n.perShard {
		n.shards[k] = n.draw(k)
	}
	return n
}

func (n noise) Info() traces.Info {
	return traces.Info{Samples: n.samples, SamplesPerShard: n.perShard, Duration: n.duration, Inputs: n.inputs, Neuron: "noise",
		Splits: []traces.Split{{Name: "train", Count: n.samples}}}
}

func (n noise) Shard(k int) (*traces.Shard, error) { return n.shards[k], nil }

func (n noise) draw(k int) *traces.Shard {
	s := &traces.Shard{First: k * n.perShard, Samples: n.perShard, InputStart: []int64{0}, SpikeStart: []int64{0}, SomaV: make([]float32, n.perShard*n.duration)}
	for i := range n.perShard {
		r := philox.New(7, uint64(k*n.perShard+i), 0)
		for t := 0.0; ; {
			t -= math.Log(1-r.Float64()) / (n.rate / 1000 * float64(n.inputs))
			if t >= float64(n.duration) {
				break
			}
			s.InputTime, s.InputSynapse = append(s.InputTime, float32(t)), append(s.InputSynapse, int32(r.Intn(n.inputs)))
		}
		s.InputStart = append(s.InputStart, int64(len(s.InputTime)))
		s.SpikeStart = append(s.SpikeStart, 0)
	}
	return s
}

// cpuSeconds is the processor time of the program: what else runs on the machine does not count.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + 1e-6*float64(u.Utime.Usec+u.Stime.Usec)
}

// BenchmarkBatches is how many seconds of biology a core windows, fills and sorts per second, for what a first layer takes
// its events in: batches of 16 x 400 ms.
func BenchmarkBatches(b *testing.B) {
	src := layer5()
	for _, spec := range []surrogates.Spec{
		{Family: "elm", Memory: 15, Branches: 45, BranchSize: 65},
		{Family: "filter", Window: 80},
		{Family: "fcn", Window: 43, Width: 128},
		{Family: "lstm", Width: 32},
	} {
		b.Run(spec.Title(), func(b *testing.B) {
			net, err := surrogates.New(spec, surrogates.PlainInputs(src.inputs), 0, 1)
			if err != nil {
				b.Fatal(err)
			}
			burn := max(0, net.ReceptiveField()-1)
			l, c := loaderOf(b, src, func(c *Config) { c.Batch, c.Window, c.BurnIn, c.ShardsInMemory = 16, 400, &burn, 8 })
			g, err := net.Graph(surrogates.GraphOptions{Batch: c.Batch, Time: burn + c.Window, BurnIn: burn, Train: true, Threads: 1})
			if err != nil {
				b.Fatal(err)
			}
			defer g.Close()
			f, e := newFiller(Normalisation{SD: 1}, nil, c.Batch, burn, c.Window, src.duration), g.Events()
			rows := make([]window, c.Batch)
			b.ReportAllocs()
			b.ResetTimer()
			events := 0
			began := cpuSeconds()
			for step := range b.N {
				if err := l.windows(step, 0, rows); err != nil {
					b.Fatal(err)
				}
				f.fill(rows, e)
				if err := e.Prepare(); err != nil {
					b.Fatal(err)
				}
				events += len(e.Bin)
			}
			took := cpuSeconds() - began
			b.ReportMetric(float64(b.N*c.Batch*c.Window)/1000/took, "bio-s/core-s")
			b.ReportMetric(1e9*took/float64(events), "core-ns/event")
		})
	}
}

// BenchmarkShards is how many seconds of biology a core reads and decompresses from disk per second.
func BenchmarkShards(b *testing.B) {
	src := layer5()
	info := src.Info()
	dir := filepath.Join(b.TempDir(), "traces")
	info.Synapses = []traces.SynapseInfo{{Name: "exc", Kind: "ampa", First: 0, Count: info.Inputs}}
	info.EventCapacity, info.SpikeCapacity, info.Threshold, info.Configuration = 750_000, 1000, -55, map[string]any{"made_for": "tests"}
	w, err := traces.Create(dir, info, traces.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for k := range info.Shards() {
		if err := w.WriteShard(k, src.shards[k]); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		b.Fatal(err)
	}
	set, err := traces.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	began := cpuSeconds()
	for i := range b.N {
		if _, err := set.Shard(i % info.Shards()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*src.perShard*src.duration)/1000/(cpuSeconds()-began), "bio-s/core-s")
}
