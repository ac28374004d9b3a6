package neuron

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"neq/cuda"
)

// reference reads a file of the reference data, or skips.
func reference(t *testing.T, path string, into any) {
	t.Helper()
	for _, root := range []string{os.Getenv("NEQ_REFERENCE"), "../../../shared/reference"} {
		if b, err := os.ReadFile(filepath.Join(root, path)); root != "" && err == nil {
			if err := json.Unmarshal(b, into); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Skipf("needs %s of the reference data: set NEQ_REFERENCE to its folder", path)
}

type hhReference struct {
	Step []struct {
		Amp    float64   `json:"amp_nA"`
		Solver string    `json:"solver"`
		Dt     float64   `json:"dt_ms"`
		Spikes []float64 `json:"spike_times_ms"`
	} `json:"step"`
	Synapse struct {
		Events []float64 `json:"event_times_ms"`
		Runs   []struct {
			Solver string    `json:"solver"`
			Dt     float64   `json:"dt_ms"`
			Spikes []float64 `json:"spike_times_ms"`
		} `json:"runs"`
	} `json:"synapse"`
}

// TestHHAgainstNEURON compares spikes with NEURON's: Euler with its implicit Euler at the same dt, the staggered
// step with its second-order one at the same dt and with the truth (cvode).
func TestHHAgainstNEURON(t *testing.T) {
	var ref hhReference
	reference(t, "hh/neuron.json", &ref)
	truth := map[float64][]float64{}
	for _, r := range ref.Step {
		if r.Solver == "cvode" {
			truth[r.Amp] = r.Spikes
		}
	}
	for _, precision := range []cuda.Precision{cuda.Float32, cuda.Float64} {
		for _, r := range ref.Step {
			if r.Solver == "cvode" {
				continue
			}
			solver := map[string]cuda.Solver{"euler": cuda.Euler, "cn": cuda.Staggered}[r.Solver]
			cell := compile(t, Config{Model: "hh"}, Options{Dt: r.Dt, Solver: solver, Precision: precision})
			b := stepBatch(cell, 600, 50, 550, r.Amp)
			got := run(t, cell, b)
			worst := compareSpikes(t, got, r.Spikes, 0.05)
			t.Logf("float%d %s %g nA dt %g: %d spikes, within %.4f ms of NEURON", 32+32*int(precision), r.Solver, r.Amp, r.Dt, len(got), worst)
			if solver == cuda.Staggered {
				n := min(5, len(got), len(truth[r.Amp]))
				w := compareSpikes(t, got[:n], truth[r.Amp][:n], 0.1)
				t.Logf("   first %d within %.4f ms of cvode", n, w)
			}
		}
	}
}

func TestHHSynapseAgainstNEURON(t *testing.T) {
	var ref hhReference
	reference(t, "hh/neuron.json", &ref)
	for _, r := range ref.Synapse.Runs {
		solver, dt := cuda.Euler, 0.025
		if r.Solver == "cvode" {
			solver = cuda.Staggered
		}
		cell := compile(t, Config{Model: "hh", Synapses: []SynapseGroup{{Name: "exc", Kind: "ampa", Count: 1, Weight: Weight{Constant: 4},
			Parameters: map[string]float64{"rise_ms": 0, "decay_ms": 2}}}}, Options{Dt: dt, Solver: solver})
		b := stepBatch(cell, 600, 0, 0, 0)
		for _, e := range ref.Synapse.Events {
			b.Events.Step = append(b.Events.Step, int32(math.Round(e/dt)))
			b.Events.Receptor = append(b.Events.Receptor, 0)
			b.Events.Weight = append(b.Events.Weight, cell.Synapses[0].Device)
		}
		b.Events.Offset = []int64{0, int64(len(b.Events.Step))}
		got := run(t, cell, b)
		t.Logf("%s: within %.4f ms", r.Solver, compareSpikes(t, got, r.Spikes, 0.05))
	}
}
