package neuron

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"

	"neq/cuda"
)

// The sites of the reference traces.
var referenceSites = []string{"v@soma(0.5)", "v@apic[50](0.9)", "v@apic[36](0.5)", "v@dend[10](0.5)"}

// sampleMs is the time between values of the reference traces (ms).
const sampleMs = 0.125

// npy reads a float32 array of two dimensions.
func npy(t testing.TB, path string) [][]float32 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head := 10 + int(binary.LittleEndian.Uint16(b[8:]))
	rows := 4
	values := make([]float32, (len(b)-head)/4)
	if err := binary.Read(bytes.NewReader(b[head:]), binary.LittleEndian, values); err != nil {
		t.Fatal(err)
	}
	n := len(values) / rows
	all := make([][]float32, rows)
	for i := range all {
		all[i] = values[i*n : (i+1)*n]
	}
	return all
}

// crossings are the times (ms) at which samples rise through -20 mV, as the reference's spikes were found.
func crossings(v []float32) []float64 {
	var all []float64
	for i := 1; i < len(v); i++ {
		if v[i-1] < -20 && v[i] >= -20 {
			all = append(all, (float64(i-1)+float64(-20-v[i-1])/float64(v[i]-v[i-1]))*sampleMs)
		}
	}
	return all
}

// replay makes a batch of one lane from the reference's input events, with the reference's sites every 0.125 ms or, where
// that is no whole number of steps, every step.
func replay(t testing.TB, c *Cell, name string, ms float64) *cuda.Batch {
	t.Helper()
	dt := c.Program.Dt
	b := &cuda.Batch{Lanes: 1, Steps: int(math.Round(ms / dt)), Every: every(dt), Record: []int{1, 2, 3, 4}}
	if name != "" {
		f, err := os.Open(referenceFile(t, "l5pc/"+name+"_input.csv"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		rows, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows[1:] {
			time, _ := strconv.ParseFloat(r[0], 64)
			segment, _ := strconv.Atoi(r[2])
			if r[1] == "inh" {
				segment += 639
			}
			s := c.Synapses[segment]
			b.Events.Step = append(b.Events.Step, int32(math.Ceil(time/dt-0.5)))
			b.Events.Receptor = append(b.Events.Receptor, s.Receptor)
			b.Events.Weight = append(b.Events.Weight, s.Device)
		}
	}
	b.Events.Offset = []int64{0, int64(len(b.Events.Step))}
	return b
}

// every is the number of steps between records: 0.125 ms, or one.
func every(dt float64) int {
	if n := sampleMs / dt; math.Abs(n-math.Round(n)) < 1e-9 {
		return int(math.Round(n))
	}
	return 1
}

// samples are the recorded sites of a lane every 0.125 ms, interpolated where that lies between steps.
func samples(c *Cell, b *cuda.Batch, lane int) [][]float32 {
	records := b.Steps / b.Every
	step := float64(b.Every) * c.Program.Dt
	n := int(math.Round(float64(b.Steps) * c.Program.Dt / sampleMs))
	all := make([][]float32, len(b.Trace))
	for s, trace := range b.Trace {
		v := trace[lane*records : (lane+1)*records]
		for i := range n {
			at := float64(i) * sampleMs / step
			k := min(int(at+1e-9), records-1)
			next := v[min(k+1, records-1)]
			all[s] = append(all[s], v[k]+float32(at-float64(k))*(next-v[k]))
		}
	}
	return all
}

// deviation compares traces with a reference: the RMS difference at each site outside 5 ms of any spike, and how far
// each of the reference's spikes is from the nearest of ours.
func deviation(got, want [][]float32) (rms, spikes []float64, count, wanted int) {
	a, b := crossings(got[0]), crossings(want[0])
	n := min(len(got[0]), len(want[0]))
	quiet := make([]bool, n)
	for i := range quiet {
		t := float64(i) * sampleMs
		near := func(s float64) bool { return math.Abs(t-s) < 5 }
		quiet[i] = !slices.ContainsFunc(a, near) && !slices.ContainsFunc(b, near)
	}
	for s := range got {
		sum, k := 0.0, 0
		for i := range n {
			if d := float64(got[s][i] - want[s][i]); quiet[i] {
				sum += d * d
				k++
			}
		}
		rms = append(rms, math.Sqrt(sum/float64(k)))
	}
	for _, s := range b {
		d := math.Inf(1)
		for _, x := range a {
			if math.Abs(x-s) < math.Abs(d) {
				d = x - s
			}
		}
		spikes = append(spikes, d)
	}
	return rms, spikes, len(a), len(b)
}

func device(t testing.TB) cuda.Device {
	t.Helper()
	d, err := cuda.NewCPU(cuda.CPUOptions{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func worstOf(v []float64) float64 {
	worst := 0.0
	for _, x := range v {
		worst = max(worst, math.Abs(x))
	}
	return worst
}

// TestL5PCAgainstNEURON replays recorded input and compares with NEURON's fixed step at the same dt. In float64 the two
// do the same arithmetic but for exponentials: an independent implementation in double precision lies within the
// rounding of the reference to float32.
func TestL5PCAgainstNEURON(t *testing.T) {
	dev := device(t)
	for _, c := range []struct {
		model, name string
	}{{"l5pc", "nmda_11"}, {"l5pc", "nmda_12"}, {"l5pc-ampa", "ampa_24"}} {
		for _, precision := range []cuda.Precision{cuda.Float64, cuda.Float32} {
			cell := l5pc(t, c.model, Options{Dt: 0.025, Precision: precision, Record: referenceSites})
			b := replay(t, cell, c.name, 2000)
			if err := dev.Run(context.Background(), &cell.Program, b); err != nil {
				t.Fatal(err)
			}
			rms, spikes, n, want := deviation(samples(cell, b, 0), npy(t, referenceFile(t, "l5pc/"+c.name+"_fixed0.025.npy")))
			t.Logf("%s float%d: %d spikes, want %d, within %.4f ms; voltage RMS %.5f mV", c.name, 32+32*int(precision), n, want, worstOf(spikes), rms)
			tolerance, volts, more := 0.2, 0.5, 0
			if precision == cuda.Float32 {
				tolerance = 0.5
				if c.name == "nmda_11" { // a marginal spike that only fine solvers fire
					more = 1
				}
			}
			if n < want || n > want+more || worstOf(spikes) > tolerance {
				t.Errorf("%s float%d: %d spikes, NEURON has %d; distances %.3f ms", c.name, 32+32*int(precision), n, want, spikes)
			}
			if worstOf(rms) > volts {
				t.Errorf("%s float%d: RMS %.3f mV", c.name, 32+32*int(precision), rms)
			}
		}
	}
}

type stepReference struct {
	Amp    float64   `json:"amp_nA"`
	Mode   string    `json:"mode"`
	Spikes []float64 `json:"spike_times_ms"`
	Rest   float64   `json:"v_soma_at_99ms"`
}

// TestL5PCStep injects currents into the soma, a lane each.
func TestL5PCStep(t *testing.T) {
	var ref []stepReference
	text, err := os.ReadFile(referenceFile(t, "l5pc/step.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &ref); err != nil {
		t.Fatal(err)
	}
	ref = slices.DeleteFunc(ref, func(r stepReference) bool { return r.Mode != "fixed" })
	dev := device(t)
	for _, precision := range []cuda.Precision{cuda.Float64, cuda.Float32} {
		cell := l5pc(t, "l5pc", Options{Dt: 0.025, Precision: precision, Record: referenceSites})
		b := replay(t, cell, "", 1200)
		b.Lanes = len(ref)
		b.Events.Offset = make([]int64, b.Lanes+1)
		amp := make([]float32, len(ref))
		for i, r := range ref {
			amp[i] = float32(r.Amp)
		}
		b.Current = []cuda.Current{{From: 4000, To: 44000, Amp: amp}}
		if err := dev.Run(context.Background(), &cell.Program, b); err != nil {
			t.Fatal(err)
		}
		for i, r := range ref {
			v := samples(cell, b, i)
			rest := math.Abs(float64(v[0][792]) - r.Rest)
			if limit := []float64{0.01, 0.001}[precision]; rest > limit {
				t.Errorf("float%d: rests at %.5f mV, NEURON at %.5f", 32+32*int(precision), v[0][792], r.Rest)
			}
			got := crossings(v[0])
			worst := 0.0
			for k := range min(len(got), len(r.Spikes)) {
				worst = max(worst, math.Abs(got[k]-r.Spikes[k]))
			}
			t.Logf("float%d %g nA: %d spikes, NEURON %d, within %.4f ms; rest within %.6f mV", 32+32*int(precision), r.Amp, len(got), len(r.Spikes), worst, rest)
			off := len(got) - len(r.Spikes)
			if off != 0 && (r.Amp <= 1 || off < -1 || off > 1) {
				t.Errorf("%g nA: %d spikes, NEURON %d", r.Amp, len(got), len(r.Spikes))
			}
			if precision == cuda.Float64 && worst > 0.5 {
				t.Errorf("%g nA: spikes within %.3f ms of NEURON's", r.Amp, worst)
			}
		}
	}
}
