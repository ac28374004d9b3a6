package neuron

import (
	"context"
	"math"
	"syscall"
	"testing"

	"neq/cuda"
	"neq/internal/philox"
)

// drive is the input of a benchmark: one group of Poisson synapses, or a constant current.
type drive struct {
	kind   string
	weight float64
	rate   float64 // events per ms
	amp    float64 // injected current, in the model's unit
}

// benchmark runs 1024 neurons for 1 s on one thread, the voltage recorded every ms.
func benchmark(b *testing.B, isa string, cfg Config, o Options, in drive) {
	const lanes, ms = 1024, 1000
	if in.kind != "" {
		cfg.Synapses = []SynapseGroup{{Name: "exc", Kind: in.kind, Count: 1, Weight: Weight{Constant: in.weight}}}
		if in.kind == "ampa" {
			cfg.Synapses[0].Parameters = map[string]float64{"rise_ms": 0, "decay_ms": 2}
		}
	}
	cell, err := Compile(cfg, o)
	if err != nil {
		b.Fatal(err)
	}
	dt := cell.Program.Dt
	every := max(1, int(1/dt+0.5))
	bt := &cuda.Batch{Lanes: lanes, Steps: ms * every, Every: every, Record: []int{0}}
	bt.Events.Offset = []int64{0}
	for l := range lanes {
		s := philox.New(1, uint64(l), 0)
		for at := 0.0; in.rate > 0; {
			at -= math.Log(s.Float64()) / in.rate
			step := int32(at / dt)
			if int(step) >= bt.Steps {
				break
			}
			bt.Events.Step = append(bt.Events.Step, step)
			bt.Events.Receptor = append(bt.Events.Receptor, 0)
			bt.Events.Weight = append(bt.Events.Weight, cell.Synapses[0].Device)
		}
		bt.Events.Offset = append(bt.Events.Offset, int64(len(bt.Events.Step)))
	}
	if in.amp != 0 {
		amp := make([]float32, lanes)
		for l := range amp {
			amp[l] = float32(in.amp * cell.CurrentScale * (0.9 + 0.2*float64(l)/lanes))
		}
		bt.Current = []cuda.Current{{From: 0, To: int32(bt.Steps), Amp: amp}}
	}
	d, err := cuda.NewCPU(cuda.CPUOptions{Threads: 1, ISA: isa})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	start := cpuSeconds(b)
	for b.Loop() {
		if err := d.Run(context.Background(), &cell.Program, bt); err != nil {
			b.Fatal(err)
		}
	}
	perRun := float64(lanes) * float64(bt.Steps)
	b.ReportMetric(perRun*float64(b.N)/(cpuSeconds(b)-start), "neuron-steps/s")
	b.ReportMetric(float64(len(bt.SpikeTime))/lanes*1000/ms, "spikes/s")
	b.ReportMetric(0, "ns/op")
}

// cpuSeconds is the processor time of this process: on a machine that others use too, wall time measures them.
func cpuSeconds(b *testing.B) float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
}

// BenchmarkModels measures neuron-steps per second of one core's time. hh/synapse is bench/neuron_vs_neuron.sh's case:
// one Poisson synapse at 500 events/s.
func BenchmarkModels(b *testing.B) {
	likeHH := Options{Dt: 0.025} // the models that reset at the step and under the drive of hh; -0.1ms: their own step
	hhSynapse := drive{"ampa", 2, 0.5, 0}
	for _, c := range []struct {
		name string
		isa  string
		cfg  Config
		o    Options
		in   drive
	}{
		{"hh/synapse", "", Config{Model: "hh"}, Options{}, hhSynapse},
		{"hh/synapse-staggered", "", Config{Model: "hh"}, Options{Solver: cuda.Staggered}, hhSynapse},
		{"hh/synapse-avx2", "avx2", Config{Model: "hh"}, Options{}, hhSynapse},
		{"hh/synapse-portable", "portable", Config{Model: "hh"}, Options{}, hhSynapse},
		{"hh/synapse-float64", "", Config{Model: "hh"}, Options{Precision: cuda.Float64}, hhSynapse},
		{"hh/current", "", Config{Model: "hh"}, Options{}, drive{amp: 0.12}},
		{"hh/nmda", "", Config{Model: "hh"}, Options{}, drive{"nmda", 2, 0.5, 0}},
		{"lif/synapse", "", Config{Model: "lif"}, likeHH, drive{"ampa", 8, 0.5, 0}},
		{"lif/delta", "", Config{Model: "lif"}, likeHH, drive{"delta", 2, 0.5, 0}},
		{"lif/current", "", Config{Model: "lif"}, likeHH, drive{amp: 300}},
		{"lif/delta-1ms", "", Config{Model: "lif"}, Options{}, drive{"delta", 2, 0.3, 0}},
		{"izhikevich/synapse", "", Config{Model: "izhikevich"}, likeHH, drive{"ampa", 0.06, 0.5, 0}},
		{"izhikevich/current", "", Config{Model: "izhikevich"}, likeHH, drive{amp: 10}},
		{"izhikevich/synapse-0.1ms", "", Config{Model: "izhikevich"}, Options{}, drive{"ampa", 0.06, 0.5, 0}},
		{"adex/synapse", "", Config{Model: "adex"}, likeHH, drive{"ampa", 12, 0.5, 0}},
		{"adex/current", "", Config{Model: "adex"}, likeHH, drive{amp: 1000}},
		{"adex/synapse-0.1ms", "", Config{Model: "adex"}, Options{}, drive{"ampa", 12, 0.5, 0}},
		{"pospischil-rs/current", "", Config{Model: "pospischil-rs"}, Options{}, drive{amp: 0.75}},
		{"pospischil-ib/current", "", Config{Model: "pospischil-ib"}, Options{}, drive{amp: 0.15}},
		{"pospischil-lts/current", "", Config{Model: "pospischil-lts"}, Options{}, drive{amp: 0.15}},
	} {
		b.Run(c.name, func(b *testing.B) { benchmark(b, c.isa, c.cfg, c.o, c.in) })
	}
}
