package neuron

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"neq/cuda"
)

// accuracyCases are those with a variable-step solution of NEURON's. The current steps are left out but for the two
// whose spikes a fixed step matches one to one: one spike more or less shifts all that follow.
var accuracyCases = []struct {
	name, model string
	amp         float64 // nA, of a current step
	ms          float64
}{{"nmda_11", "l5pc", 0, 2000}, {"nmda_12", "l5pc", 0, 2000}, {"step 0.5", "l5pc", 0.5, 1200}, {"step 0.7", "l5pc", 0.7, 1200}, {"ampa_24", "l5pc-ampa", 0, 2000}}

// accuracy is how far spikes are from the truth's.
type accuracy struct {
	matched, missing, added int
	mean, most              float64 // ms, of those matched
}

// nearest pairs spikes in order, each with the nearest within 15 ms: a spike of the same burst.
func nearest(got, want []float64) accuracy {
	var a accuracy
	used := make([]bool, len(got))
	for _, w := range want {
		best := -1
		for i, g := range got {
			if !used[i] && math.Abs(g-w) < 15 && (best < 0 || math.Abs(g-w) < math.Abs(got[best]-w)) {
				best = i
			}
		}
		if best < 0 {
			a.missing++
			continue
		}
		used[best] = true
		d := math.Abs(got[best] - w)
		a.matched++
		a.mean += d
		a.most = max(a.most, d)
	}
	a.added = len(got) - a.matched
	a.mean /= float64(max(1, a.matched))
	return a
}

func (a accuracy) String() string {
	s := fmt.Sprintf("%5.2f %5.2f", a.mean, a.most)
	if a.missing > 0 {
		s += fmt.Sprintf(" -%d", a.missing)
	}
	if a.added > 0 {
		s += fmt.Sprintf(" +%d", a.added)
	}
	return s
}

// spikesOf runs the cases of one model, a lane each, and returns each one's spikes.
func spikesOf(t testing.TB, dev cuda.Device, model string, o Options, cases []int) [][]float64 {
	t.Helper()
	o.Record = referenceSites
	c := l5pc(t, model, o)
	var lanes []lane
	ms := 0.0
	for _, i := range cases {
		k := accuracyCases[i]
		l := lane{amp: float32(k.amp)}
		if k.amp == 0 {
			l.input = k.name
		}
		lanes, ms = append(lanes, l), max(ms, k.ms)
	}
	b := replay(t, c, ms, lanes...)
	b.Record = b.Record[:1]
	if err := dev.Run(context.Background(), &c.Program, b); err != nil {
		t.Fatal(err)
	}
	all := make([][]float64, len(cases))
	for l := range cases {
		all[l] = crossings(samples(c, b, l)[0])
	}
	return all
}

// neuronSpikes are the reference's: of a run for replayed input, of a mode for current steps.
func neuronSpikes(t testing.TB, i int, run string) []float64 {
	t.Helper()
	k := accuracyCases[i]
	if k.amp == 0 {
		return crossings(npy(t, referenceFile(t, "l5pc/"+k.name+"_"+run+".npy"))[0])
	}
	for _, r := range steps(t) {
		if r.Amp == k.amp && (r.Mode == "cvode" && run == "cvode" || r.Mode == "fixed" && run == "fixed0.025") {
			return r.Spikes
		}
	}
	return nil
}

func steps(t testing.TB) []stepReference {
	t.Helper()
	var ref []stepReference
	text, err := os.ReadFile(referenceFile(t, "l5pc/step.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &ref); err != nil {
		t.Fatal(err)
	}
	return ref
}

// accuracyOf is how far a solver is from the truth in every case.
func accuracyOf(t testing.TB, dev cuda.Device, o Options) []accuracy {
	t.Helper()
	all := make([]accuracy, len(accuracyCases))
	for _, model := range []string{"l5pc", "l5pc-ampa"} {
		var cases []int
		for i, k := range accuracyCases {
			if k.model == model {
				cases = append(cases, i)
			}
		}
		for l, s := range spikesOf(t, dev, model, o, cases) {
			all[cases[l]] = nearest(s, neuronSpikes(t, cases[l], "cvode"))
		}
	}
	return all
}

// TestSecondOrderStep: rows of the table that take seconds. The two-stage step at 0.05 ms is nearer to the truth than NEURON's
// own implicit Euler at 0.025, and at 0.025 several times; the staggered one is no farther at 0.05 (a twentieth is left to
// float32), and at 0.025 several times nearer.
func TestSecondOrderStep(t *testing.T) {
	dev := device(t)
	const ms = 185 // the three spikes of ampa_24
	truth := neuronSpikes(t, 4, "cvode")
	yardstick := nearest(neuronSpikes(t, 4, "fixed0.025"), truth)
	for _, c := range []struct {
		solver    cuda.Solver
		dt, share float64
	}{{cuda.TwoStage, 0.05, 0.7}, {cuda.TwoStage, 0.025, 0.3}, {cuda.Staggered, 0.05, 1.05}, {cuda.Staggered, 0.025, 0.3}} {
		cell := l5pc(t, "l5pc-ampa", Options{Dt: c.dt, Solver: c.solver, Record: referenceSites})
		b := replay(t, cell, ms, lane{input: "ampa_24"})
		if err := dev.Run(context.Background(), &cell.Program, b); err != nil {
			t.Fatal(err)
		}
		a := nearest(crossings(samples(cell, b, 0)[0]), truth)
		t.Logf("%v, dt %g: %v ms, NEURON's Euler at 0.025 %v", c.solver, c.dt, a, yardstick)
		if a.missing+a.added > 0 || a.mean > c.share*yardstick.mean || a.most > c.share*yardstick.most {
			t.Errorf("%v, dt %g: %v ms from the truth, want %g of %v", c.solver, c.dt, a, c.share, yardstick)
		}
	}
}

// TestL5PCAccuracyTable writes how far every solver and step is from the truth, beside NEURON's own fixed steps, to the
// file that NEQ_ACCURACY names: make cell-accuracy.
func TestL5PCAccuracyTable(t *testing.T) {
	path := os.Getenv("NEQ_ACCURACY")
	if path == "" {
		t.Skip("make cell-accuracy writes the table")
	}
	dev := device(t)
	var b strings.Builder
	p := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	p("Distance of the layer 5 cell's spikes from NEURON's variable-step solution (cvode, absolute tolerance 1e-4), ms: mean and")
	p("most over the spikes of a case; -1 a spike missing, +1 one added. nmda_11, nmda_12, ampa_24: 2 s of synaptic input, 6, 2 and 3")
	p("spikes; steps of 0.5 and 0.7 nA for 1 s, 6 and 14 spikes. Written by make cell-accuracy; reference data: see CONTRIBUTING.md.")
	p("The second spike of nmda_11 belongs to a burst and moves by a ms for what moves others by a tenth; its fourth is marginal,")
	p("and only fine solvers fire it.")
	p("A current step's spikes follow one another: one missed in the burst at its onset shifts all that come after it.")
	p("")
	head := fmt.Sprintf("%-30s", "solver, step (ms), precision")
	for _, k := range accuracyCases {
		head += fmt.Sprintf("  %-14s", k.name)
	}
	p("%s", strings.TrimRight(head, " "))
	row := func(name string, all []accuracy) {
		line := fmt.Sprintf("%-30s", name)
		for _, a := range all {
			cell := a.String()
			if a.matched == 0 && a.missing == 0 {
				cell = "    –"
			}
			line += fmt.Sprintf("  %-14s", cell)
		}
		p("%s", strings.TrimRight(line, " "))
	}
	for _, run := range []string{"fixed0.025", "fixed0.1"} {
		all := make([]accuracy, len(accuracyCases))
		for i := range accuracyCases {
			if s := neuronSpikes(t, i, run); s != nil {
				all[i] = nearest(s, neuronSpikes(t, i, "cvode"))
			}
		}
		row("NEURON euler "+run[5:]+" float64", all)
	}
	for _, solver := range []cuda.Solver{cuda.Euler, cuda.Staggered, cuda.TwoStage} {
		for _, dt := range []float64{0.025, 0.05, 0.1} {
			for _, precision := range []cuda.Precision{cuda.Float64, cuda.Float32} {
				name := fmt.Sprintf("neq %v %g float%d", solver, dt, 64-32*int(1-precision))
				row(name, accuracyOf(t, dev, Options{Dt: dt, Solver: solver, Precision: precision}))
			}
		}
	}
	t.Log("\n" + b.String())
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
