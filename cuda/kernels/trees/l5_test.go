package trees

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
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

// integrate runs one lane for each amplitude (nA into the soma from 100 ms on); spike times by lane, and the soma's
// voltage at 99 ms of the first.
func integrate(t *testing.T, c *Cell, T float64, amps []float32) (spikes [][]float64, rest float64) {
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
		offset := make([]int64, lanes+1)
		b.Reset(offset)
		amp := Current{}
		copy(amp.Amp[:], amps[first:first+lanes])
		on := int(math.Round(100 / c.Dt))
		for s := 0; s < steps; {
			to, current := min(on, steps), []Current{{Node: -1}}
			if s >= on {
				to, current = steps, []Current{amp, {Node: -1}}
			}
			done, n, err := b.Run(s, to, offset, cells.Events{}, current)
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
			s.Spikes = slices.DeleteFunc(s.Spikes, func(at float64) bool { return at >= 600 })
			amps, want = append(amps, float32(s.Amp)), append(want, s)
		}
	}
	for _, wide := range []bool{false, true} {
		c.Wide = wide
		got, rest := integrate(t, c, 600, amps)
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
