package simulate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"neq/cuda"
	"neq/data/neuron"
	"neq/data/stimulus"
	"neq/data/traces"
	"neq/internal/philox"
)

// integrateAndFire is the published experiment, with a few short samples.
func integrateAndFire(samples int) Config {
	return Config{
		Seed: 3,
		Neuron: neuron.Config{Model: "lif", Synapses: []neuron.SynapseGroup{
			{Name: "exc", Kind: "delta", Count: 80, Weight: neuron.Weight{Constant: 2}},
			{Name: "inh", Kind: "delta", Count: 20, Weight: neuron.Weight{Constant: -2}},
		}},
		Stimulus: stimulus.Config{Protocol: "modulated", Trees: []stimulus.Tree{
			{Excitatory: "exc", Inhibitory: "inh", PerTree: []float64{0, 50}, Offset: []float64{-50, -15}}}},
		Simulation: Simulation{Dt: 1, Duration: 1000, Samples: Samples{Train: samples - 2, Validation: 1, Test: 1}, SamplesPerShard: 5},
	}
}

func plan(t testing.TB, c Config) *Plan {
	t.Helper()
	p, err := NewPlan(c, "test", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func device(t testing.TB, threads int) cuda.Device {
	t.Helper()
	d, err := cuda.NewCPU(cuda.CPUOptions{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// write runs a plan into a new folder and returns the folder.
func write(t testing.TB, p *Plan, threads int, more ...cuda.Device) string {
	t.Helper()
	return writeOn(t, p, threads, append([]cuda.Device{device(t, threads)}, more...)...)
}

// writeOn runs a plan on devices into a new folder and returns the folder.
func writeOn(t testing.TB, p *Plan, threads int, devices ...cuda.Device) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "traces")
	w, err := traces.Create(dir, p.Info, traces.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(context.Background(), devices, w, Options{Threads: threads}); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func digest(t testing.TB, dir string) string {
	t.Helper()
	s, err := traces.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The published neuron, written again from its description: V(t) = -75 + 2 sum of +-exp(-(t - t_event)/20), the
// event's own ms included; above -55 it spikes, and is at -75 in the next ms. float32 leaves 1e-4 mV.
func TestIntegrateAndFireFollowsItsFormula(t *testing.T) {
	p := plan(t, integrateAndFire(20))
	spikes := 0
	for k := range p.Info.Shards() {
		s, err := p.Shard(context.Background(), device(t, 2), k, 2)
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.Samples {
			in := make([]float64, p.Info.Duration)
			for e := s.InputStart[i]; e < s.InputStart[i+1]; e++ {
				w := 2.0
				if s.InputSynapse[e] >= 80 {
					w = -2
				}
				in[int(s.InputTime[e])] += w
			}
			var want []float32
			v, above := -75.0, false
			for ms := range in {
				if above {
					v = -75
				} else {
					v = -75 + (v+75)*math.Exp(-1./20) + in[ms]
				}
				if got := s.SomaV[i*p.Info.Duration+ms]; math.Abs(float64(got)-v) > 1e-4 {
					t.Fatalf("sample %d, ms %d: %g mV, want %g", s.First+i, ms, got, v)
				}
				if above = v > -55; above {
					want = append(want, float32(ms))
				}
			}
			if got := s.SpikeTime[s.SpikeStart[i]:s.SpikeStart[i+1]]; !slices.Equal(got, want) {
				t.Fatalf("sample %d: spikes at %v, want %v", s.First+i, got, want)
			}
			spikes += len(want)
		}
	}
	if spikes < 5 {
		t.Errorf("only %d spikes: too few to test anything", spikes)
	}
}

// drawn weights, unreliable synapses, conductances: everything random that a shard can hold.
func everything(samples int) Config {
	half := 0.5
	c := integrateAndFire(samples)
	c.Neuron = neuron.Config{Model: "hh", Synapses: []neuron.SynapseGroup{
		{Name: "exc", Kind: "ampa", Count: 30, Weight: neuron.Weight{Constant: 2}, Release: &half},
		{Name: "inh", Kind: "gaba_a", Count: 10, Weight: neuron.Weight{Constant: 1}},
	}}
	c.Stimulus.Current = &stimulus.CurrentStep{Start: 10, Stop: 80, Amplitude: []float64{0, 0.1}}
	c.Simulation.Dt, c.Simulation.Duration, c.Simulation.Record = 0.1, 100, []string{"m"}
	return c
}

func TestSameBytes(t *testing.T) {
	for name, c := range map[string]Config{"lif": integrateAndFire(23), "hh": everything(23), "ball-and-stick": ballAndStick(63)} {
		t.Run(name, func(t *testing.T) {
			want := digest(t, write(t, plan(t, c), 1))
			t.Run("threads", func(t *testing.T) {
				if got := digest(t, write(t, plan(t, c), 3)); got != want {
					t.Error("three threads write other bytes than one")
				}
			})
			t.Run("devices", func(t *testing.T) {
				if got := digest(t, write(t, plan(t, c), 2, device(t, 1))); got != want {
					t.Error("two devices write other bytes than one")
				}
			})
			t.Run("parts", func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "traces")
				for _, part := range []int{2, 0, 1} {
					p := plan(t, c)
					w, err := traces.Create(dir, p.Info, traces.Options{Part: part, Parts: 3})
					if err != nil {
						t.Fatal(err)
					}
					if err := p.Run(context.Background(), []cuda.Device{device(t, 2)}, w, Options{Threads: 2}); err != nil {
						t.Fatal(err)
					}
				}
				if err := traces.Merge(dir); err != nil {
					t.Fatal(err)
				}
				if digest(t, dir) != want {
					t.Error("three parts write other bytes than one run")
				}
			})
			t.Run("interrupted", func(t *testing.T) {
				p := plan(t, c)
				dir := filepath.Join(t.TempDir(), "traces")
				w, err := traces.Create(dir, p.Info, traces.Options{})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(context.Background())
				err = p.Run(ctx, []cuda.Device{device(t, 1)}, w, Options{Threads: 1, Progress: func(int) { cancel() }})
				if !errors.Is(err, context.Canceled) {
					t.Fatalf("cancelled run: %v", err)
				}
				if w, err = traces.Create(dir, p.Info, traces.Options{Resume: true}); err != nil {
					t.Fatal(err)
				}
				if n := len(w.Missing()); n == 0 || n == p.Info.Shards() {
					t.Errorf("%d of %d shards missing after an interruption", n, p.Info.Shards())
				}
				if err := p.Run(context.Background(), []cuda.Device{device(t, 1)}, w, Options{}); err != nil {
					t.Fatal(err)
				}
				if err := w.Commit(); err != nil {
					t.Fatal(err)
				}
				if digest(t, dir) != want {
					t.Error("a resumed run writes other bytes than an uninterrupted one")
				}
			})
			t.Run("alone", func(t *testing.T) { // a sample does not know its neighbours
				one := c
				one.Simulation.SamplesPerShard = 1
				p, q := plan(t, c), plan(t, one)
				a, err := p.Shard(context.Background(), device(t, 1), 1, 1)
				if err != nil {
					t.Fatal(err)
				}
				for i := range a.Samples {
					b, err := q.Shard(context.Background(), device(t, 1), a.First+i, 1)
					if err != nil {
						t.Fatal(err)
					}
					if d := p.Info.Duration; !slices.Equal(a.SomaV[i*d:(i+1)*d], b.SomaV) {
						t.Errorf("sample %d differs when it is simulated alone", a.First+i)
					}
				}
			})
		})
	}
}

// Half of the events release, and which ones depends on the sample and the synapse alone.
func TestReleaseProbability(t *testing.T) {
	p := plan(t, everything(4))
	var all, kept float64
	var e stimulus.Events
	for sample := range uint64(40) {
		if err := p.protocol.Draw(sample, &e); err != nil {
			t.Fatal(err)
		}
		var out cuda.Events
		p.deliver(sample, &e, &out)
		for i, s := range e.Synapse {
			if s < 30 && int(e.Time[i]) < p.Info.Duration {
				all++
			}
		}
		for _, r := range out.Receptor {
			if r == p.Cell.Synapses[0].Receptor {
				kept++
			}
		}
	}
	if all < 400 || math.Abs(kept/all-0.5) > 5*math.Sqrt(0.25/all) {
		t.Errorf("%g of %g events released, want half", kept, all)
	}
}

// A replayed event acts at the step NEURON's fixed step would deliver it: due if before the step's middle.
func TestReplayDelivery(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "e.csv"), []byte("time_ms,synapse\n0,0\n1.04,1\n1.06,0\n99.99,1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := everything(3)
	c.Neuron.Synapses[0].Release = nil
	c.Stimulus = stimulus.Config{Protocol: "replay", File: "e.csv"}
	p, err := NewPlan(c, "test", dir)
	if err != nil {
		t.Fatal(err)
	}
	d, err := p.draw(context.Background(), 0, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if want := []int32{0, 10, 11}; !slices.Equal(d.batch.Events.Step, want) { // dt 0.1 ms; the last would act after the end
		t.Errorf("steps %v, want %v", d.batch.Events.Step, want)
	}
	if len(d.shard.InputTime) != 4 {
		t.Errorf("%d events kept, want all 4", len(d.shard.InputTime))
	}
	if p.Info.Configuration["replay_sha256"] == nil {
		t.Error("the data set does not know which file was replayed")
	}
}

func TestOverflowNamesTheSample(t *testing.T) {
	c := integrateAndFire(4)
	c.Neuron = neuron.Config{Model: "izhikevich", Synapses: []neuron.SynapseGroup{
		{Name: "exc", Kind: "delta", Count: 80, Weight: neuron.Weight{Constant: -1e6}}, {Name: "inh", Kind: "delta", Count: 20, Weight: neuron.Weight{Constant: -1e6}}}}
	c.Simulation.Dt, c.Simulation.Duration = 0.5, 200
	p, err := NewPlan(c, "test", "")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "traces")
	w, err := traces.Create(dir, p.Info, traces.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = p.Run(context.Background(), []cuda.Device{device(t, 1)}, w, Options{})
	if err == nil || !strings.Contains(err.Error(), "sample") {
		t.Errorf("error %v, want one that names a sample", err)
	}
	if n := len(w.Missing()); n != p.Info.Shards() {
		t.Errorf("%d of %d shards missing: a shard that overflowed was written", n, p.Info.Shards())
	}
}

func TestBadConfigurations(t *testing.T) {
	for key, spoil := range map[string]func(*Config){
		"simulation.solver":            func(c *Config) { c.Simulation.Solver = "rk4" },
		"simulation.precision":         func(c *Config) { c.Simulation.Precision = "half" },
		"simulation.samples:":          func(c *Config) { c.Simulation.Samples = Samples{} },
		"simulation.samples_per_shard": func(c *Config) { c.Simulation.SamplesPerShard = -1 },
		"simulation.dt_ms: 0.3":        func(c *Config) { c.Simulation.Dt = 0.3 },
		"simulation.dt_ms: -1":         func(c *Config) { c.Simulation.Dt = -1 },
		"simulation.duration_ms":       func(c *Config) { c.Simulation.Duration = 0 },
		"simulation.record[0]":         func(c *Config) { c.Simulation.Record = []string{"x"} },
		"neuron.model":                 func(c *Config) { c.Neuron.Model = "liff" },
		"neuron.synapses":              func(c *Config) { c.Neuron.Synapses[0].Kind = "apma" },
		"stimulus.":                    func(c *Config) { c.Stimulus.Trees[0].Inhibitory = "x" },
	} {
		c := integrateAndFire(4)
		spoil(&c)
		if _, err := NewPlan(c, "test", ""); err == nil || !strings.HasPrefix(err.Error(), key) {
			t.Errorf("error %q, want one about %s", err, key)
		}
	}
}

// A seed is a different data set, a larger data set begins like a smaller one.
func TestSeedAndPrefix(t *testing.T) {
	first := func(c Config) string {
		s, err := plan(t, c).Shard(context.Background(), device(t, 1), 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(s.SomaV, s.InputTime)
	}
	a, b := integrateAndFire(10), integrateAndFire(100)
	if first(a) != first(b) {
		t.Error("sample 0 depends on how many samples there are")
	}
	b.Seed = 4
	if first(a) == first(b) {
		t.Error("sample 0 does not depend on the seed")
	}
}

func TestStreamsAreApart(t *testing.T) {
	streams := []uint32{philox.StreamInput, philox.StreamDetail, philox.StreamRelease, philox.StreamSpread, philox.StreamProtocol, philox.StreamCurrent, philox.StreamWeight}
	slices.Sort(streams)
	for i := 1; i < len(streams); i++ {
		if streams[i]-streams[i-1] < 1<<16 {
			t.Errorf("streams %d and %d are closer than the largest number of synapses", streams[i-1], streams[i])
		}
	}
}

func BenchmarkIntegrateAndFire(b *testing.B) {
	c := integrateAndFire(100)
	c.Simulation.Duration, c.Simulation.SamplesPerShard = 6000, 100
	p, d := plan(b, c), device(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Shard(context.Background(), d, 0, 1); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*600/b.Elapsed().Seconds(), "neuron-s/s")
}
