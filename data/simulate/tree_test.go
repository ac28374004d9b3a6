package simulate

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"neq/data/neuron"
	"neq/data/stimulus"
	"neq/data/traces"
)

// ballAndStick is a small cell with dendrites: everything that a shard of one can hold.
func ballAndStick(samples int) Config {
	half := 0.5
	c := integrateAndFire(samples)
	c.Neuron = neuron.Config{Model: "ball-and-stick", Parameters: map[string]float64{"segments": 9}, Synapses: []neuron.SynapseGroup{
		{Name: "exc", Kind: "ampa+nmda", Weight: neuron.Weight{Distribution: "uniform", Low: 0.5, High: 2}, Release: &half, On: &neuron.Placement{Regions: []string{"dend"}, PerSegment: 3}},
		{Name: "inh", Kind: "gaba_a", Weight: neuron.Weight{Constant: 1}, On: &neuron.Placement{Regions: []string{"dend"}, PerSegment: 1}},
	}}
	c.Stimulus.Trees[0].PerTree, c.Stimulus.Trees[0].Offset = []float64{0, 100}, []float64{-100, -10}
	c.Stimulus.Share, c.Stimulus.ShareOffset = "length", 10
	c.Stimulus.Current = &stimulus.CurrentStep{Start: 10, Stop: 80, Amplitude: []float64{0, 0.3}, Site: "dend[0](0.9)"}
	c.Simulation = Simulation{Duration: 100, Samples: c.Simulation.Samples, SamplesPerShard: 5, Record: []string{"v@dend", "hh.m@soma", "g_nmda@dend[0](0.5)"},
		RecordPrecision: "float16", Windows: []Window{{Start: 20, Stop: 25, Every: 0.25}}}
	return c
}

// What a data set of a cell with dendrites says of itself and of what it recorded.
func TestSites(t *testing.T) {
	c := ballAndStick(7)
	c.Neuron.Parameters["dendrite_gna"] = 0.12
	c.Simulation.Record = append([]string{"hh.m@dend[0](0.5)"}, c.Simulation.Record...)
	p := plan(t, c)
	in := p.Info
	if len(in.Record) != 12 || in.Record[0].Name != "hh.m@dend[0](0.5)" || in.Record[1].Name != "hh.m@soma(0.5)" || in.Record[1].Site != "soma(0.5)" {
		t.Errorf("recorded: %+v", in.Record)
	}
	shape := in.Cell
	if len(shape.Segments) != 10 || len(shape.Synapses) != 36 || shape.Segments[shape.Synapses[35]].Region != "dend" || len(shape.SHA256) != 64 {
		t.Errorf("shape: %+v", shape)
	}
	for i, v := range in.Record {
		s := shape.Segments[v.Segment]
		if !strings.HasPrefix(v.Site, s.Region) {
			t.Errorf("variable %d, %s, is on a segment of %s", i, v.Name, s.Region)
		}
	}
	if in.SpikeRule != "an upward crossing of -20 mV" || in.Synapses[0] != (traces.SynapseInfo{Name: "exc", Kind: "ampa+nmda", First: 0, Count: 27}) {
		t.Errorf("%s; %+v", in.SpikeRule, in.Synapses)
	}
	s, err := p.Shard(context.Background(), device(t, 2), 0, 2)
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) []float32 {
		return s.Extra[slices.IndexFunc(in.Record, func(v traces.Variable) bool { return v.Name == name })]
	}
	near, far := at("v@dend[0](0.0555556)"), at("v@dend[0](0.944444)")
	var a, b float64 // distance of the soma's voltage to that of its neighbour and of the tip
	for i, v := range s.SomaV {
		a, b = a+math.Abs(float64(v-near[i])), b+math.Abs(float64(v-far[i]))
	}
	if !(a > 0 && b > 3*a) {
		t.Errorf("the soma is %g mV from its neighbour and %g from the tip, on average", a/float64(len(far)), b/float64(len(far)))
	}
	for _, m := range at("hh.m@soma(0.5)") {
		if !(m >= 0 && m <= 1) {
			t.Fatalf("hh.m is %g", m)
		}
	}
	if g := at("g_nmda@dend[0](0.5)"); !(slices.Max(g) > 0 && slices.Max(g) < 1) || slices.Min(g) < -1e-6 { // a difference of exponentials in float32
		t.Errorf("g_nmda from %g to %g uS", slices.Min(g), slices.Max(g))
	}
}

// The current goes into the site it names: the voltage rises most there.
func TestCurrentSite(t *testing.T) {
	c := ballAndStick(3)
	c.Neuron.Synapses, c.Stimulus = nil, stimulus.Config{Protocol: "none", Current: &stimulus.CurrentStep{Start: 10, Stop: 100, Amplitude: []float64{0.05}, Site: "dend[0](0.9)"}}
	p := plan(t, c)
	s, err := p.Shard(context.Background(), device(t, 1), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	top, name := float32(-1000), ""
	for i, v := range p.Info.Record {
		if strings.HasPrefix(v.Name, "v@") && s.Extra[i][90] > top {
			top, name = s.Extra[i][90], v.Name
		}
	}
	if name != "v@dend[0](0.944444)" || top < s.SomaV[90]+1 {
		t.Errorf("%s rises most, to %g mV; the soma is at %g", name, top, s.SomaV[90])
	}
	c.Stimulus.Current.Site = "apic[0](0.5)"
	if _, err := NewPlan(c, "test", ""); err == nil || !strings.HasPrefix(err.Error(), "stimulus.current.site") {
		t.Errorf("error %q, want one about stimulus.current.site", err)
	}
}

func TestBadSites(t *testing.T) {
	for record, want := range map[string]string{
		"v@apic": "no region \"apic\"", "v\"": "VARIABLE@PLACE", "x@dend": "nothing there has \"x\"", "ca@soma": "nothing there has \"ca\"", "v@dend[1]": "no such segment",
	} {
		c := ballAndStick(3)
		c.Simulation.Record = []string{"v@dend", record}
		if _, err := NewPlan(c, "test", ""); err == nil || !strings.HasPrefix(err.Error(), "simulation.record[1]: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("error %q, want one about %s", err, record)
		}
	}
}

// A morphology's file is looked up beside the configuration; the same shape has the same fingerprint wherever it lies,
// and another shape is another data set.
func TestMorphologyIsKnown(t *testing.T) {
	swc := func(diameter string) string {
		dir := t.TempDir()
		text := "1 1 0 0 0 10 -1\n2 1 0 10 0 10 1\n3 3 0 20 0 1 2\n4 3 0 120 0 " + diameter + " 3\n"
		if err := os.WriteFile(filepath.Join(dir, "cell.swc"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	c := ballAndStick(3)
	c.Neuron.Morphology = "cell.swc"
	c.Simulation.Record, c.Stimulus.Current = nil, nil
	var sums []string
	for _, dir := range []string{swc("1"), swc("1"), swc("1.1")} {
		p, err := NewPlan(c, "test", dir)
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, p.Info.Cell.SHA256)
	}
	if sums[0] != sums[1] || sums[0] == sums[2] {
		t.Errorf("fingerprints %q", sums)
	}
	if _, err := NewPlan(c, "test", t.TempDir()); err == nil || !strings.HasPrefix(err.Error(), "neuron.morphology") {
		t.Errorf("error %q, want one about neuron.morphology", err)
	}
}

// All segments of a large cell: shards are as small as memory asks for.
func TestAllSegments(t *testing.T) {
	c := ballAndStick(300)
	c.Neuron.Parameters["segments"] = 1000
	c.Neuron.Synapses, c.Stimulus = nil, stimulus.Config{Protocol: "none"}
	c.Simulation = Simulation{Duration: 6000, Samples: Samples{Train: 300}, Record: []string{"v@*"}, RecordPrecision: "float16"}
	p := plan(t, c)
	if n := p.Info.SamplesPerShard; n != 10 || len(p.Info.Record) != 1001 { // 1,002 x 6,000 x 4 bytes are 24 MB
		t.Errorf("%d samples in a shard of %d variables, want 10", n, len(p.Info.Record))
	}
	c.Simulation.SamplesPerShard = 1000
	if _, err := NewPlan(c, "test", ""); err == nil || !strings.Contains(err.Error(), "samples per shard") && !strings.HasPrefix(err.Error(), "simulation.samples_per_shard") {
		t.Errorf("error %q, want one about the size of shards", err)
	}
}
