package cuda

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"neq/internal/philox"
)

// programs is one program of every kernel, with every kind of receptor, driven hard enough to fire.
func programs() map[string]Program {
	exc := Receptor{Kind: Conductance, Decay: 2}
	receptors := []Receptor{{Kind: Delta}, exc, {Kind: Blocked, Rise: 2, Decay: 70, Magnesium: 1, Slope: 0.062},
		{Kind: Conductance, Rise: 0.5, Decay: 8, Reversal: -80}}
	hh := Program{Kernel: "hh", Dt: 0.025, Params: []float64{120, 36, 0.3, 50, -77, -54.3, 1},
		States: []string{"v", "m", "h", "n"}, Initial: []float64{-65, 0.0529, 0.5961, 0.3177}, Receptors: []Receptor{exc}}
	staggered := hh
	staggered.Solver = Staggered
	rich := hh
	rich.Receptors = receptors
	rich.States = append(rich.States, "g_ampa", "g_nmda", "g_gaba")
	cortical := []float64{50, 5, 0.07, 0.17, 0.3, 0.05, 50, -100, -75, -55, 2, 1000, 5.18e-5, 5, 2.4e-4, 2, 13.3, 120}
	return map[string]Program{
		"hh": hh, "hh-staggered": staggered, "hh-receptors": rich,
		"lif": {Kernel: "lif", Dt: 0.1, Params: []float64{0.05, -70, -72, 20}, States: []string{"v", "hold"},
			Initial: []float64{-70, 0}, Receptors: receptors[:1], Threshold: -55},
		"lif-receptors": {Kernel: "lif", Dt: 0.1, Params: []float64{0.05, -70, -72, 20}, States: []string{"v", "hold", "a", "b", "c"},
			Initial: []float64{-70, 0}, Receptors: receptors, Threshold: -55},
		"izhikevich": {Kernel: "izhikevich", Dt: 0.1, Params: []float64{0.02, 0.2, -65, 8, 0.04, 5, 140}, States: []string{"v", "u"},
			Initial: []float64{-65, -13}, Receptors: []Receptor{exc}, Threshold: 30},
		"adex": {Kernel: "adex", Dt: 0.1, Params: []float64{0.107, -70.6, -50.4, 2, 0.0142, 144, 0.286, -70.6},
			States: []string{"v", "w"}, Initial: []float64{-70.6, 0}, Receptors: []Receptor{exc}, Threshold: 20},
		"pospischil": {Kernel: "pospischil", Dt: 0.025, Params: cortical,
			States:    []string{"v", "m", "h", "n", "p", "q", "r", "u", "ca", "g"},
			Initial:   []float64{-75, 0.01, 0.9, 0.05, 0.02, 0.001, 0.5, 0.2, 2.4e-4},
			Receptors: []Receptor{exc}},
	}
}

// batch makes lanes whose events depend on their own number alone: first is that of lane 0.
func batch(p *Program, first, lanes, ms int) *Batch {
	every := int(math.Round(1 / p.Dt))
	b := &Batch{Lanes: lanes, Steps: ms * every, Every: every, Record: []int{0, len(p.States) - 1}}
	b.Events.Offset = []int64{0}
	amp := make([]float32, lanes)
	for l := range lanes {
		s := philox.New(7, uint64(first+l), 1)
		for step := range b.Steps {
			if s.Float64() < 0.5*p.Dt {
				r := s.Intn(len(p.Receptors))
				b.Events.Step = append(b.Events.Step, int32(step))
				b.Events.Receptor = append(b.Events.Receptor, uint16(r))
				b.Events.Weight = append(b.Events.Weight, []float32{2, 0.06, 0.02}[p.Receptors[r].Kind])
			}
		}
		b.Events.Offset = append(b.Events.Offset, int64(len(b.Events.Step)))
		amp[l] = 1 + 0.05*float32((first+l)%100)
	}
	b.Current = []Current{{From: 10, To: int32(b.Steps), Amp: amp}, {From: 300, To: 500, Amp: amp}}
	return b
}

func runOn(t *testing.T, o CPUOptions, p Program, b *Batch) {
	t.Helper()
	d, err := NewCPU(o)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Run(context.Background(), &p, b); err != nil {
		t.Fatal(err)
	}
}

// lane returns everything recorded of one lane.
func lane(b *Batch, l int) ([][]float32, []float64) {
	n := b.Steps / b.Every
	var trace [][]float32
	for _, tr := range b.Trace {
		trace = append(trace, tr[l*n:(l+1)*n])
	}
	return trace, b.SpikeTime[b.SpikeStart[l]:b.SpikeStart[l+1]]
}

// TestBytesDependOnTheLaneAlone wants the same bytes whatever the threads, the batch and the lane's place in it.
func TestBytesDependOnTheLaneAlone(t *testing.T) {
	eachDevice(t, func(t *testing.T, d Device) { bytesDependOnTheLaneAlone(t, d) })
}

func bytesDependOnTheLaneAlone(t *testing.T, d Device) {
	run := func(t *testing.T, p Program, b *Batch) {
		t.Helper()
		if err := d.Run(context.Background(), &p, b); err != nil {
			t.Fatal(err)
		}
	}
	const lanes, ms = 150, 60
	for name, p := range programs() {
		for _, precision := range []Precision{Float32, Float64} {
			t.Run(fmt.Sprintf("%s/float%d", name, 32+32*precision), func(t *testing.T) {
				p.Precision = precision
				whole := batch(&p, 0, lanes, ms)
				run(t, p, whole)
				if len(whole.SpikeTime) < lanes/10 {
					t.Errorf("%d spikes of %d lanes: too few to tell anything", len(whole.SpikeTime), lanes)
				}
				again := batch(&p, 0, lanes, ms)
				run(t, p, again)
				if !reflect.DeepEqual(whole, again) {
					t.Error("a second run gives other bytes")
				}
				if strings.HasPrefix(d.Name(), "cpu") {
					again = batch(&p, 0, lanes, ms)
					runOn(t, CPUOptions{Threads: 3}, p, again)
					if !reflect.DeepEqual(whole, again) {
						t.Error("three threads give other bytes than one")
					}
				}
				for _, part := range [][2]int{{0, 1}, {3, 1}, {17, 70}, {149, 1}} {
					b := batch(&p, part[0], part[1], ms)
					run(t, p, b)
					for l := range part[1] {
						gotTrace, gotSpikes := lane(b, l)
						wantTrace, wantSpikes := lane(whole, part[0]+l)
						if !reflect.DeepEqual(gotTrace, wantTrace) || !slices.Equal(gotSpikes, wantSpikes) {
							t.Fatalf("cell %d alone or in a batch from %d gives other bytes", part[0]+l, part[0])
						}
					}
				}
			})
		}
	}
}

// TestBuildsAgree runs every build of this machine: they differ in how operations are fused, so spikes move by
// microseconds, and where a cell hesitates at its threshold, one in fifty by more; but none may be lost.
func TestBuildsAgree(t *testing.T) {
	const lanes, ms = 64, 50
	for name, p := range programs() {
		for _, precision := range []Precision{Float32, Float64} {
			p.Precision = precision
			// 1e-5 mV, what float32 keeps of a voltage, at the slowest approach to a threshold, a few mV per ms.
			tol := map[Precision]float64{Float32: 5e-3, Float64: 1e-8}[precision]
			want := batch(&p, 0, lanes, ms)
			runOn(t, CPUOptions{ISA: "portable"}, p, want)
			for _, isa := range CPUISAs() {
				got := batch(&p, 0, lanes, ms)
				runOn(t, CPUOptions{ISA: isa}, p, got)
				if !reflect.DeepEqual(got.SpikeStart, want.SpikeStart) {
					t.Errorf("%s/%s/float%d: %d spikes, portable %d", name, isa, 32+32*precision, len(got.SpikeTime), len(want.SpikeTime))
					continue
				}
				moved := 0
				for i := range got.SpikeTime {
					if math.Abs(got.SpikeTime[i]-want.SpikeTime[i]) > tol {
						moved++
					}
				}
				if moved > len(got.SpikeTime)/50 {
					t.Errorf("%s/%s/float%d: %d of %d spikes moved by more than %v ms", name, isa, 32+32*precision, moved, len(got.SpikeTime), tol)
				}
			}
		}
	}
}

func TestRunRefuses(t *testing.T) {
	eachDevice(t, runRefuses)
}

func runRefuses(t *testing.T, d Device) {
	for _, c := range []struct {
		name   string
		change func(p *Program, b *Batch)
		want   string
	}{
		{"kernel", func(p *Program, b *Batch) { p.Kernel = "squid" }, `no kernel "squid"`},
		{"parameters", func(p *Program, b *Batch) { p.Params = p.Params[:3] }, "takes 7 parameters, got 3"},
		{"dt", func(p *Program, b *Batch) { p.Dt = math.NaN() }, "dt NaN"},
		{"decay", func(p *Program, b *Batch) { p.Receptors = []Receptor{{Kind: Conductance, Rise: 3, Decay: 2}} }, "0 <= rise < decay"},
		{"offsets", func(p *Program, b *Batch) { b.Events.Offset = b.Events.Offset[1:] }, "want one more than lanes"},
		{"order", func(p *Program, b *Batch) { b.Events.Step[0] = 1 << 20 }, "want steps that rise"},
		{"receptor", func(p *Program, b *Batch) { b.Events.Receptor[0] = 9 }, "receptor 9 of 1"},
		{"record", func(p *Program, b *Batch) { b.Record = []int{5} }, "recorded state 5"},
		{"current", func(p *Program, b *Batch) { b.Current[0].Amp = nil }, "0 amplitudes for 3 lanes"},
		{"nan", func(p *Program, b *Batch) { b.Current[0].Amp[1] = float32(math.NaN()) }, "lane 1: v is NaN at 1 ms"},
		{"infinite", func(p *Program, b *Batch) { b.Current[0].Amp[2] = math.MaxFloat32 }, "lane 2"},
		{"no time", func(p *Program, b *Batch) { b.Steps = 0 }, "want 1 or more"},
	} {
		p := programs()["hh"]
		b := batch(&p, 0, 3, 20)
		c.change(&p, b)
		if err := d.Run(context.Background(), &p, b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestTooManySpikes: a cell that fires more than once a ms on average has left its model.
func TestTooManySpikes(t *testing.T) {
	eachDevice(t, func(t *testing.T, d Device) {
		p := programs()["lif"]
		p.Params = []float64{0.05, -70, -72, 1}
		for _, lanes := range []int{3, 1} { // one alone fills the GPU's buffer
			bad := lanes / 2
			b := batch(&p, 0, lanes, 20)
			b.Current[0].Amp[bad] = 1e4
			var lane *LaneError
			if err := d.Run(context.Background(), &p, b); !errors.As(err, &lane) || lane.Lane != bad {
				t.Errorf("%v, want an error of lane %d", err, bad)
			}
		}
	})
}

func TestNewCPURefuses(t *testing.T) {
	for _, o := range []CPUOptions{{ISA: "mmx"}, {Threads: -1}} {
		if d, err := NewCPU(o); err == nil {
			t.Errorf("%+v gave %s", o, d.Name())
		}
	}
}
