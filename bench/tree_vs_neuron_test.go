// Package bench measures neq beside its peers; its scripts say how. This is neq's side of tree_vs_neuron.sh.
package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"neq/cuda"
	"neq/data/neuron"
	"neq/internal/philox"
)

// segments of the ball-and-stick of tree_vs_neuron.py.
const segments = 640

// ballAndStick is the cell of tree_vs_neuron.py: passive, active, synapses, or synapses with NMDA receptors beside AMPA.
func ballAndStick(which string) neuron.Config {
	soma, dend := neuron.Section{Name: "soma", Length: 20, Diameter: 20, Segments: 1}, neuron.Section{Name: "dend", Parent: "soma", Length: 1000, Diameter: 2, Segments: segments - 1}
	celsius, rest, threshold := 6.3, -65.0, -20.0
	squid := map[string]float64{"gna": 0.12, "gk": 0.036, "gl": 0.0003, "ena": 50, "ek": -77, "el": -54.3}
	c := neuron.Config{Model: neuron.Own, Description: neuron.Description{Sections: []neuron.Section{soma, dend}, Temperature: &celsius, Initial: &rest,
		Spike:    &neuron.SpikeRule{Threshold: &threshold},
		Membrane: []neuron.Membrane{{Regions: []string{"soma", "dend"}, Capacitance: 1, Resistivity: 100}}}}
	if which == "active" {
		c.Mechanisms = []neuron.Mechanism{{Mechanism: "hh", Regions: []string{"soma", "dend"}, Parameters: squid}}
		return c
	}
	c.Mechanisms = []neuron.Mechanism{{Mechanism: "hh", Regions: []string{"soma"}, Parameters: squid},
		{Mechanism: "pas", Regions: []string{"dend"}, Parameters: map[string]float64{"g": 1e-4, "e": -65}}}
	if which == "passive" {
		return c
	}
	on := &neuron.Placement{Regions: []string{"dend"}, PerSegment: 1}
	c.Synapses = []neuron.SynapseGroup{{Name: "exc", Kind: "ampa", Weight: neuron.Weight{Constant: 0.4}, On: on},
		{Name: "inh", Kind: "gaba_a", Weight: neuron.Weight{Constant: 1}, On: on}}
	if which == "nmda" {
		c.Synapses[0].Kind = "ampa+nmda"
	}
	return c
}

var currents = map[string]float32{"passive": 0.3, "active": 1} // nA

func compiled(t testing.TB, cfg neuron.Config, o neuron.Options) *neuron.Cell {
	t.Helper()
	c, err := neuron.Compile(cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// traces of NEURON, written by tree_vs_neuron.py check.
type traces struct {
	Case     string    `json:"case"`
	Dt       float64   `json:"dt_ms"`
	Current  float32   `json:"current_na"`
	Duration int       `json:"duration_ms"`
	Step     []int32   `json:"step"`
	Synapse  []int     `json:"synapse"`
	Spikes   []float64 `json:"spikes_ms"`
	Soma     []float64 `json:"soma_mv"`
	Tip      []float64 `json:"tip_mv"`
}

// TestSameAsNEURON: the same cell, input, step and method. Spikes within 0.01 ms and voltages within 0.1 mV RMS in
// float64, where nothing but the order of operations differs; within 0.1 ms in float32, which moves the upstrokes of
// hundreds of mV a ms: 2 mV RMS.
func TestSameAsNEURON(t *testing.T) {
	path := os.Getenv("NEQ_NEURON_TRACES")
	if path == "" {
		t.Skip("NEQ_NEURON_TRACES is not set: bench/tree_vs_neuron.sh sets it to what tree_vs_neuron.py check wrote")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []traces
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	d, err := cuda.NewCPU(cuda.CPUOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, x := range all {
		for _, p := range []struct {
			name      string
			precision cuda.Precision
			ms, mv    float64
		}{{"float64", cuda.Float64, 0.01, 0.1}, {"float32", cuda.Float32, 0.1, 2}} {
			tip := fmt.Sprintf("v@dend[0](%g)", 1-0.5/(segments-1))
			cell := compiled(t, ballAndStick(x.Case), neuron.Options{Dt: x.Dt, Precision: p.precision, Record: []string{tip}})
			every := int(math.Round(1 / x.Dt))
			b := &cuda.Batch{Lanes: 1, Steps: x.Duration * every, Every: every, Record: []int{0, 1}}
			b.Events.Offset = []int64{0, int64(len(x.Step))}
			for i, step := range x.Step {
				s := cell.Synapses[x.Synapse[i]]
				b.Events.Step, b.Events.Receptor, b.Events.Weight = append(b.Events.Step, step), append(b.Events.Receptor, s.Receptor), append(b.Events.Weight, s.Device)
			}
			if x.Current != 0 {
				b.Current = []cuda.Current{{From: 0, To: int32(b.Steps), Amp: []float32{x.Current}}}
			}
			if err := d.Run(context.Background(), &cell.Program, b); err != nil {
				t.Fatal(err)
			}
			apart := math.Inf(1)
			if len(b.SpikeTime) == len(x.Spikes) {
				apart = 0
				for i := range x.Spikes {
					apart = max(apart, math.Abs(b.SpikeTime[i]-x.Spikes[i]))
				}
			}
			soma, end := rms(b.Trace[0], x.Soma), rms(b.Trace[1], x.Tip)
			t.Logf("%-8s dt %-5g %s: %d spikes, NEURON %d, at most %.2g ms apart; soma %.2g mV RMS, tip %.2g mV RMS", x.Case, x.Dt, p.name, len(b.SpikeTime), len(x.Spikes), apart, soma, end)
			if len(x.Spikes) == 0 || apart > p.ms || soma > p.mv || end > p.mv {
				t.Errorf("%s dt %g %s: not NEURON's: want spikes, within %g ms, voltages within %g mV RMS\nours   %v\nNEURON %v", x.Case, x.Dt, p.name, p.ms, p.mv, b.SpikeTime, x.Spikes)
			}
		}
	}
}

func rms(a []float32, b []float64) float64 {
	sum := 0.0
	for k := range b {
		sum += (float64(a[k]) - b[k]) * (float64(a[k]) - b[k])
	}
	return math.Sqrt(sum / float64(len(b)))
}

func processorTime(b *testing.B) float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
}

// BenchmarkTrees is neq's rate on the cases of tree_vs_neuron.py and on the layer 5 cell, on one core, in segment-steps
// per second of processor time.
func BenchmarkTrees(b *testing.B) {
	for _, which := range []string{"passive", "synapses", "nmda", "active", "l5pc"} {
		for _, dt := range []float64{0.025, 0.1} {
			b.Run(fmt.Sprintf("%s/dt=%g", which, dt), func(b *testing.B) {
				cfg := neuron.Config{Model: which}
				if which != "l5pc" {
					cfg = ballAndStick(which)
				}
				cell := compiled(b, cfg, neuron.Options{Dt: dt})
				d, err := cuda.NewCPU(cuda.CPUOptions{Threads: 1})
				if err != nil {
					b.Fatal(err)
				}
				defer d.Close()
				const lanes = 64
				ms := 50
				if dt > 0.05 {
					ms = 100
				}
				batch := drive(cell, lanes, ms)
				if amp := currents[which]; amp != 0 {
					batch.Current = []cuda.Current{{From: 0, To: int32(batch.Steps), Amp: slices.Repeat([]float32{amp}, lanes)}}
				}
				began := processorTime(b)
				for b.Loop() {
					if err := d.Run(context.Background(), &cell.Program, batch); err != nil {
						b.Fatal(err)
					}
				}
				rate := float64(lanes) * float64(batch.Steps) * float64(len(cell.Cable.Segments)) * float64(b.N) / (processorTime(b) - began)
				b.ReportMetric(rate, "segment-steps/s")
				b.ReportMetric(float64(len(batch.SpikeTime))/float64(lanes)/float64(ms)*1000, "Hz")
			})
		}
	}
}

// BenchmarkCores is the layer 5 cell by wall clock, on one core and on all, which other work on the machine disturbs.
func BenchmarkCores(b *testing.B) {
	cell := compiled(b, neuron.Config{Model: "l5pc"}, neuron.Options{Dt: 0.1})
	for _, threads := range slices.Compact([]int{1, runtime.NumCPU()}) {
		b.Run(fmt.Sprintf("%d", threads), func(b *testing.B) {
			d, err := cuda.NewCPU(cuda.CPUOptions{Threads: threads})
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			batch := drive(cell, 64*threads, 50)
			for b.Loop() {
				if err := d.Run(context.Background(), &cell.Program, batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(batch.Lanes)*float64(batch.Steps)*float64(len(cell.Cable.Segments))*float64(b.N)/b.Elapsed().Seconds(), "segment-steps/s")
		})
	}
}

// drive is a batch under Poisson events at the paper's mean rates, 12 Hz an excitatory and 9.5 Hz an inhibitory synapse.
func drive(cell *neuron.Cell, lanes, ms int) *cuda.Batch {
	dt := cell.Program.Dt
	every := int(math.Round(1 / dt))
	b := &cuda.Batch{Lanes: lanes, Steps: ms * every, Every: every, Record: []int{0}}
	b.Events.Offset = append(b.Events.Offset, 0)
	type event struct {
		step    int32
		synapse int
	}
	var of []event
	for l := range lanes {
		of = of[:0]
		for i, s := range cell.Synapses {
			hz, r := 12.0, philox.New(1, uint64(l), philox.StreamInput+uint32(i))
			if cell.Config.Synapses[s.Group].Kind == "gaba_a" {
				hz = 9.5
			}
			for t := 0.0; ; {
				t -= 1000 / hz * math.Log(r.Float64())
				if t >= float64(ms) {
					break
				}
				of = append(of, event{int32(t / dt), i})
			}
		}
		slices.SortStableFunc(of, func(a, b event) int { return int(a.step - b.step) })
		for _, e := range of {
			s := cell.Synapses[e.synapse]
			b.Events.Step, b.Events.Receptor, b.Events.Weight = append(b.Events.Step, e.step), append(b.Events.Receptor, s.Receptor), append(b.Events.Weight, s.Device)
		}
		b.Events.Offset = append(b.Events.Offset, int64(len(b.Events.Step)))
	}
	return b
}
