package trees

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"neq/cuda/kernels/cells"
)

func reference(name string) string {
	dir := os.Getenv("NEQ_REFERENCE")
	if dir == "" {
		dir = "../../../../shared/reference"
	}
	return filepath.Join(dir, "l5pc", name)
}

// integrate runs one lane for each amplitude (nA into the soma from 100 ms on) under the same events; spike times by
// lane, and the soma's voltage at 99 ms of the first.
func integrate(t *testing.T, c *Cell, T float64, amps []float32, ev cells.Events) (spikes [][]float64, rest float64) {
	t.Helper()
	isa, _ := cells.FindISA(os.Getenv("NEQ_ISA"))
	c.Record = []Site{{0, -1, 0}}
	c.Every = int(math.Round(1 / c.Dt))
	p, err := NewProgram(c, isa)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Free()
	steps := int(math.Round(T / c.Dt))
	spikes = make([][]float64, len(amps))
	for first := 0; first < len(amps); first += p.Vector() {
		lanes := min(p.Vector(), len(amps)-first)
		b, err := NewBlock(p, 1, steps)
		if err != nil {
			t.Fatal(err)
		}
		offset := []int64{0}
		var all cells.Events
		for range lanes {
			all.Step, all.Receptor, all.Weight = append(all.Step, ev.Step...), append(all.Receptor, ev.Receptor...), append(all.Weight, ev.Weight...)
			offset = append(offset, int64(len(all.Step)))
		}
		b.Reset(offset)
		amp := Current{}
		copy(amp.Amp[:], amps[first:first+lanes])
		on := int(math.Round(100 / c.Dt))
		for s := 0; s < steps; {
			to, current := min(on, steps), []Current{{Node: -1}}
			if s >= on {
				to, current = steps, []Current{amp, {Node: -1}}
			}
			done, n, err := b.Run(s, to, offset, all, current)
			if err != nil {
				t.Fatal(err)
			}
			if first == 0 && s == 0 {
				v := make([]float32, n)
				b.Records(0, s, to, n, 1, v, n)
				rest = float64(v[n-1])
			}
			for _, x := range b.Spikes() {
				if int(x.Lane) < lanes {
					spikes[first+int(x.Lane)] = append(spikes[first+int(x.Lane)], x.Time)
				}
			}
			s = done
		}
		b.Free()
	}
	return spikes, rest
}

// apart is the largest distance of spikes in order, and the difference of their number.
func apart(a, b []float64) (most float64, more int) {
	for i := range min(len(a), len(b)) {
		most = math.Max(most, math.Abs(a[i]-b[i]))
	}
	return most, len(a) - len(b)
}

type neuronStep struct {
	Amp    float64   `json:"amp_nA"`
	Mode   string    `json:"mode"`
	Spikes []float64 `json:"spike_times_ms"`
	Rest   float64   `json:"v_soma_at_99ms"`
}

// The layer 5 cell under steps of current, against NEURON's implicit Euler at 0.025 ms: the same spikes within 0.5 ms,
// the resting voltage within 0.001 mV in float64 and 0.01 mV in float32, whose gates are looked up.
func TestL5Steps(t *testing.T) {
	c := l5(t)
	raw, err := os.ReadFile(reference("step.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []neuronStep
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	var amps []float32
	var want []neuronStep
	for _, s := range all {
		if s.Mode == "fixed" {
			amps, want = append(amps, float32(s.Amp)), append(want, s)
		}
	}
	for _, wide := range []bool{false, true} {
		c.Wide = wide
		got, rest := integrate(t, c, 1110, amps, cells.Events{})
		if d := math.Abs(rest - want[0].Rest); d > map[bool]float64{false: 0.01, true: 0.001}[wide] {
			t.Errorf("float64 %v: rests at %v mV, NEURON at %v", wide, rest, want[0].Rest)
		}
		for i, w := range want {
			most, more := apart(got[i], w.Spikes)
			t.Logf("float64 %v, %v nA: %d spikes, NEURON %d, at most %.3f ms apart, rest %.4g mV off", wide, w.Amp, len(got[i]), len(w.Spikes), most, rest-w.Rest)
			allowed := 0
			if w.Amp > 1 {
				allowed = 1
			}
			if more > allowed || -more > allowed || most > 0.5 && more == 0 {
				t.Errorf("float64 %v, %v nA: %v, NEURON %v", wide, w.Amp, got[i], w.Spikes)
			}
		}
	}
}

// replayed are the events of a file of the reference, for a step of dt ms: delivered before the middle of a step.
func replayed(t *testing.T, name string, dt float64) cells.Events {
	f, err := os.Open(reference(name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var ev cells.Events
	for _, r := range rows[1:] {
		at, err := strconv.ParseFloat(r[0], 64)
		segment, err2 := strconv.Atoi(r[2])
		if err != nil || err2 != nil {
			t.Fatal(r)
		}
		ev.Step = append(ev.Step, int32(math.Ceil(at/dt-0.5)))
		rec, w := uint16(2*segment), float32(4e-4)
		if r[1] == "inh" {
			rec, w = rec+1, 1e-3
		}
		ev.Receptor, ev.Weight = append(ev.Receptor, rec), append(ev.Weight, w)
	}
	return ev
}

// TestL5Accuracy prints how far each solver and step is from NEURON's variable step, where NEQ_ACCURACY is set.
func TestL5Accuracy(t *testing.T) {
	if os.Getenv("NEQ_ACCURACY") == "" {
		t.Skip("set NEQ_ACCURACY to print the distances from NEURON's variable step")
	}
	raw, _ := os.ReadFile(reference("step.json"))
	var all []neuronStep
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	var amps []float32
	var fixed, truth [][]float64
	for _, s := range all {
		if s.Mode == "fixed" {
			amps, fixed = append(amps, float32(s.Amp)), append(fixed, s.Spikes)
		} else {
			truth = append(truth, s.Spikes)
		}
	}
	show := func(name string, spikes, truth [][]float64) {
		fmt.Printf("%-30s", name)
		for i := range spikes {
			most, more := apart(spikes[i], truth[i])
			fmt.Printf("  %2d%+d %.3f", len(truth[i]), more, most)
		}
		fmt.Println()
	}
	show("steps: NEURON Euler 0.025", fixed, truth)
	for _, wide := range []bool{true, false} {
		for _, staggered := range []bool{false, true} {
			for _, dt := range []float64{0.0125, 0.025, 0.05, 0.1} {
				c := l5(t)
				c.Wide, c.Staggered, c.Dt = wide, staggered, dt
				got, _ := integrate(t, c, 1110, amps, cells.Events{})
				show(fmt.Sprintf("steps: wide %v second %v dt %v", wide, staggered, dt), got, truth)
			}
		}
	}
	for _, name := range []string{"nmda_11", "nmda_12"} {
		raw, _ := os.ReadFile(reference(name + ".json"))
		var runs struct {
			Runs map[string]struct {
				Spikes []float64 `json:"spike_times_ms"`
			} `json:"runs"`
		}
		if err := json.Unmarshal(raw, &runs); err != nil {
			t.Fatal(err)
		}
		truth := [][]float64{runs.Runs["cvode"].Spikes}
		fmt.Println(name, "cvode", truth)
		show(name+": NEURON Euler 0.025", [][]float64{runs.Runs["fixed0.025"].Spikes}, truth)
		for _, wide := range []bool{true, false} {
			for _, staggered := range []bool{false, true} {
				for _, dt := range []float64{0.0125, 0.025, 0.05, 0.1} {
					c := l5(t)
					c.Wide, c.Staggered, c.Dt = wide, staggered, dt
					got, _ := integrate(t, c, 2000, []float32{0}, replayed(t, name+"_input.csv", dt))
					show(fmt.Sprintf("%s: wide %v second %v dt %v", name, wide, staggered, dt), got, truth)
					fmt.Printf("    %.3f\n", got[0])
				}
			}
		}
	}
}
