package neuron

import (
	"context"
	"math"
	"reflect"
	"strings"
	"testing"

	"neq/cuda"
	"neq/internal/config"
)

// TestBuiltInCells: every built-in cell can be read, and what neq models shows of it, pasted into a configuration,
// compiles to the same tables.
func TestBuiltInCells(t *testing.T) {
	models := Models()
	for _, name := range cellOrder {
		m, err := builtIn(name)
		if err != nil {
			t.Fatal(err)
		}
		if m.Name != name || models[len(points())].Name != cellOrder[0] || len(models) != len(points())+len(cellOrder) {
			t.Errorf("%s is listed as %s among %d", name, m.Name, len(models))
		}
		var pasted struct {
			Neuron Config `yaml:"neuron"`
		}
		if _, err := config.Parse(name, []byte("neuron:\n  model: cell\n"+m.Cell), nil, &pasted); err != nil {
			t.Fatal(err)
		}
		a, b := compile(t, Config{Model: name}, Options{Seed: 3}), compile(t, pasted.Neuron, Options{Seed: 3, Dt: m.DefaultDt})
		if !reflect.DeepEqual(a.Program, b.Program) || !reflect.DeepEqual(a.Synapses, b.Synapses) {
			t.Errorf("%s: its description makes another cell", name)
		}
		again := compile(t, a.Config, Options{Seed: 3}) // as a data set keeps it, with counts
		if !reflect.DeepEqual(a.Program, again.Program) {
			t.Errorf("%s: written out it makes another cell", name)
		}
		n := 0
		for _, g := range a.Config.Synapses {
			n += g.Count
		}
		if n != len(a.Synapses) || n == 0 {
			t.Errorf("%s: groups of %d synapses, %d synapses", name, n, len(a.Synapses))
		}
	}
}

// Parameters reach the tables, and single keys replace the model's.
func TestBuiltInCellsChanged(t *testing.T) {
	bare := compile(t, Config{Model: "ball-and-stick", Parameters: map[string]float64{"segments": 7, "excitatory_ns": 3}}, Options{})
	if len(bare.Cable.Segments) != 8 || len(bare.Synapses) != 14 || bare.Synapses[0].Weight != 3 || bare.Synapses[0].Device != 3e-3 {
		t.Errorf("%d segments, %d synapses of %g nS", len(bare.Cable.Segments), len(bare.Synapses), bare.Synapses[0].Weight)
	}
	if _, err := Compile(Config{Model: "ball-and-stick", Parameters: map[string]float64{"segments": 2.5}}, Options{}); err == nil || !strings.Contains(err.Error(), "whole number") {
		t.Errorf("half a segment: %v", err)
	}
	active := compile(t, Config{Model: "ball-and-stick", Set: "active"}, Options{})
	count := func(c *Cell, name string) (n int) {
		for _, in := range c.Program.Tree.Instances {
			if in.Mechanism == name {
				n++
			}
		}
		return n
	}
	if passive := compile(t, Config{Model: "ball-and-stick"}, Options{}); count(passive, "hh") != 1 || count(active, "hh") != 21 {
		t.Errorf("hh on %d and %d segments, want 1 and 21", count(passive, "hh"), count(active, "hh"))
	}
	leak := 7.
	one := compile(t, Config{Model: "pyramidal", Description: Description{Mechanisms: []Mechanism{{Mechanism: "pas", Regions: []string{"soma", "tuft"},
		Parameters: map[string]float64{"g": leak}}, {Mechanism: "pas", At: []string{"tuft(0.5)"}, Parameters: map[string]float64{"g": 1}}}}}, Options{})
	in := one.Program.Tree.Instances
	if count(one, "pas") != 2 || math.Abs(in[0].Params[0]-leak*one.Program.Tree.Area[0]*0.01) > 1e-9 || len(one.Synapses) != 200 {
		t.Errorf("%d leaks, the first %v", count(one, "pas"), in[0])
	}
	for _, x := range in {
		if s := one.Cable.Segments[one.Cable.Nodes[x.Node].Segment]; x.Mechanism == "pas" && s.Region == "tuft" && x.Params[0] != s.Area*0.01 {
			t.Errorf("the later entry does not hold: %v", x)
		}
	}
}

// Synapses of one kind on a segment share a state, and receptors name what an event opens.
func TestSynapsesShareStates(t *testing.T) {
	c, err := cellOf(plainCell, Options{Seed: 1}, "{name: exc, kind: ampa+nmda, weight: 0.5, on: {regions: [dend], per_segment: 1}}",
		`{name: a, kind: ampa+nmda, weight: 0.5, on: {regions: [dend], per_segment: 3}}
  - {name: b, kind: ampa, weight: 0.5, on: {segments: [dend, "soma(0.5)"]}}
  - {name: c, kind: ampa+nmda, weight: 0.5, parameters: {nmda_ratio: 2}, on: {regions: [dend], per_um: 0.04}}
  - {name: d, kind: gaba_a, count: 50, weight: 1, on: {regions: [dend, apic]}}`)
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]int{}
	for _, in := range c.Program.Tree.Instances {
		states[in.Mechanism]++
	}
	// AMPA on 4 segments and the soma, NMDA on 4, GABA_A where drawn
	drawn := map[int]int{}
	for _, s := range c.Synapses[12+5+8:] {
		drawn[s.Segment]++
	}
	if states["nmda"] != 4 || states["exp2"] != 5+len(drawn) {
		t.Errorf("states %v, GABA_A on %d segments", states, len(drawn))
	}
	if want := 4 + 5 + 4 + len(drawn); len(c.Program.Tree.Receptors) != want || len(c.Synapses) != 12+5+8+50 {
		t.Errorf("%d receptors for %d synapses, want %d", len(c.Program.Tree.Receptors), len(c.Synapses), want)
	}
	if d := c.Program.Tree.Receptors[c.Synapses[17].Receptor]; len(d) != 2 || d[0].Scale != 1 || d[1].Scale != 2 {
		t.Errorf("a ratio of 2 opens %v", d)
	}
	dend := 0
	for s, n := range drawn {
		if c.Cable.Segments[s].Region == "dend" {
			dend += n
		}
	}
	if dend < 22 || dend > 44 { // 50 draws at 200 um of 300: 33.3, sd 3.3
		t.Errorf("%d of 50 on two thirds of the length", dend)
	}
}

// The dendritic spike of Gidon et al. 2020: its amplitude is largest just above threshold and falls with the input, to
// the eye of Fig. 2 of the paper; a current below threshold starts none.
func TestDendriticSpikeFalls(t *testing.T) {
	c := compile(t, Config{Model: "dcaap", Description: Description{Mechanisms: []Mechanism{ // without the soma's spikes
		{Mechanism: "pas", Regions: []string{"soma"}, Parameters: map[string]float64{"g": 1e-3, "e": -75}},
		{Mechanism: "pas", Regions: []string{"apical"}, Parameters: map[string]float64{"g": 5e-5, "e": -75}},
		{Mechanism: "dcaap", Regions: []string{"apical"}, Parameters: map[string]float64{"w": 4, "since": 0}},
	}}}, Options{Record: []string{"v@apic[0](0.5)"}})
	dend, err := c.Node("apic[0](0.5)")
	if err != nil {
		t.Fatal(err)
	}
	amps := []float32{0.5, 0.9, 1.0, 1.2, 1.5, 2}
	b := &cuda.Batch{Lanes: len(amps), Steps: int(400 / c.Program.Dt), Every: 1, Record: []int{1},
		Current: []cuda.Current{{From: int32(100 / c.Program.Dt), To: int32(400 / c.Program.Dt), Node: dend, Amp: amps}}}
	if err := device(t).Run(context.Background(), &c.Program, b); err != nil {
		t.Fatal(err)
	}
	records := b.Steps / b.Every
	var amplitude []float64
	for l := range amps {
		v := b.Trace[0][l*records : (l+1)*records]
		held, peak := v[int(199/c.Program.Dt)], float32(-1000)
		for _, x := range v[int(200/c.Program.Dt):] {
			peak = max(peak, x)
		}
		amplitude = append(amplitude, float64(peak-held))
	}
	t.Logf("%v nA: amplitudes %.1f mV", amps, amplitude)
	if amplitude[0] > 1 {
		t.Errorf("a spike of %.1f mV below threshold", amplitude[0])
	}
	first := 0
	for first < len(amps) && amplitude[first] < 20 {
		first++
	}
	if first == len(amps) {
		t.Fatal("no dendritic spike")
	}
	for l := first + 1; l < len(amps); l++ {
		if !(amplitude[l] < amplitude[l-1]) {
			t.Errorf("%g nA: %.1f mV, not below the %.1f at %g nA", amps[l], amplitude[l], amplitude[l-1], amps[l-1])
		}
	}
	if last := amplitude[len(amps)-1]; last > amplitude[first]/4 {
		t.Errorf("damped to %.1f of %.1f mV only", last, amplitude[first])
	}
}
