package neuron

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"neq/internal/config"
)

// A cell that is small and right, to spoil in one place at a time.
const plainCell = `
model: cell
sections:
  - {name: soma, length_um: 20, diameter_um: 20}
  - {name: dend, parent: soma, length_um: 200, diameter_um: 2, segments: 4}
  - {name: apic, parent: soma, at: 0, length_um: 100, diameter_um: 1}
membrane:
  - {regions: [soma, dend, apic], capacitance_uf_cm2: 1, resistivity_ohm_cm: 100}
mechanisms:
  - {mechanism: pas, regions: [soma, dend, apic], parameters: {g: 1e-4, e: -70}}
  - {mechanism: hh, regions: [soma], parameters: {gna: 0.12, gk: 0.036, gl: 3e-4}}
synapses:
  - {name: exc, kind: ampa+nmda, weight: 0.5, on: {regions: [dend], per_segment: 1}}
`

// cellOf compiles a neuron section with parts of it replaced.
func cellOf(text string, o Options, replace ...string) (*Cell, error) {
	var c struct {
		Neuron Config `yaml:"neuron"`
	}
	text = "neuron:" + strings.ReplaceAll(strings.NewReplacer(replace...).Replace(text), "\n", "\n  ")
	file, err := config.Parse("cell.yaml", []byte(text), nil, &c)
	if err != nil {
		return nil, err
	}
	cell, err := Compile(c.Neuron, o)
	return cell, file.Explain(err)
}

func TestDescriptionErrors(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "loop.swc"), []byte("1 1 0 0 0 5 2\n2 3 0 9 0 1 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const pas = "{mechanism: pas, regions: [soma, dend, apic], parameters: {g: 1e-4, e: -70}}"
	const group = "{regions: [dend], per_segment: 1}"
	ih := func(distance string) []string {
		return []string{pas, pas + "\n  - {mechanism: ih, regions: [dend], parameters: {g: 1e-4}, distance: {" + distance + "}}"}
	}
	for _, c := range []struct {
		name    string
		replace []string
		want    string
	}{
		{"unknown key", []string{"membrane:", "membranes:"}, "cell.yaml:7: unknown key \"membranes\""},
		{"unknown key inside", []string{"diameter_um: 2,", "diametre_um: 2,"}, "cell.yaml:5: unknown key \"diametre_um\""},
		{"wrong type", []string{"segments: 4", "segments: 4.5"}, "neuron.sections[1].segments: 4.5: want a whole number"},
		{"no such region", []string{"hh, regions: [soma]", "hh, regions: [axon]"}, "cell.yaml:11: neuron.mechanisms[1].regions[0]: no region \"axon\" in sections"},
		{"region with a slip", []string{"hh, regions: [soma]", "hh, regions: [somma]"}, "did you mean \"soma\"?"},
		{"no regions", []string{"hh, regions: [soma]", "hh"}, "neuron.mechanisms[1]: want regions, or segments by name"},
		{"unknown mechanism", []string{"mechanism: hh", "mechanism: nats3"}, "no mechanism \"nats3\" (did you mean \"nats2\"?)"},
		{"synapse as a mechanism", []string{"mechanism: hh", "mechanism: exp2"}, "no mechanism \"exp2\""},
		{"unknown parameter", []string{"gna:", "gnaa:"}, "neuron.mechanisms[1].parameters.gnaa: mechanism hh has no such parameter (did you mean \"gna\"?)"},
		{"negative conductance", []string{"gna: 0.12", "gna: -0.12"}, "cell.yaml:11: neuron.mechanisms[1].parameters.gna: -0.12 is below 0"},
		{"infinite conductance", []string{"gna: 0.12", "gna: .inf"}, "parameters.gna: +Inf is not a number"},
		{"conductance beyond float32", []string{"gna: 0.12", "gna: 1e40"}, "beyond what float32 holds"},
		{"reversal that is no number", []string{"e: -70", "e: .nan"}, "parameters.e: NaN is not a number"},
		{"temperature of a mechanism", []string{"gna: 0.12", "celsius: 20"}, "neuron.temperature_c"},
		{"segment beyond the last", []string{"hh, regions: [soma]", `hh, at: ["apic[1](0.5)"]`}, "the last section of apic is apic[0]"},
		{"place beyond the end", []string{"hh, regions: [soma]", `hh, at: ["apic[0](1.5)"]`}, "x from 0 to 1"},
		{"membrane left out", []string{"[soma, dend, apic], capacitance", "[soma, dend], capacitance"}, "region apic has no capacitance"},
		{"no capacitance", []string{"capacitance_uf_cm2: 1", "capacitance_uf_cm2: 0"}, "cell.yaml:8: neuron.membrane[0].capacitance_uf_cm2: 0"},
		{"no resistivity", []string{"resistivity_ohm_cm: 100", "resistivity_ohm_cm: .inf"}, "neuron.membrane[0].resistivity_ohm_cm"},
		{"no soma", []string{"name: soma,", "name: body,", "parent: soma", "parent: body"}, "the first section is the soma"},
		{"unknown parent", []string{"name: dend, parent: soma", "name: dend, parent: sooma"}, "no section \"sooma\" above (did you mean \"soma\"?)"},
		{"own parent", []string{"name: dend, parent: soma", "name: dend, parent: dend"}, "no section \"dend\" above"},
		{"name twice", []string{"name: apic", "name: dend"}, "is the name of an earlier section"},
		{"no length", []string{"length_um: 200", "length_um: 0"}, "neuron.sections[1].length_um: 0: want more than 0"},
		{"no diameter", []string{"diameter_um: 2,", "diameter_um: -1,"}, "neuron.sections[1].diameter_um"},
		{"beyond the parent", []string{"at: 0,", "at: 2,"}, "neuron.sections[2].at: 2"},
		{"too many segments", []string{"segments: 4", "segments: 40000"}, "neuron.sections[1].segments: 40000"},
		{"too short segments", []string{"membrane:", "segments: {length_um: 1e-5}\nmembrane:"}, "neuron.segments.length_um"},
		{"length and count", []string{"membrane:", "segments: {length_um: 10, count: 3}\nmembrane:"}, "give one of them"},
		{"sections and a file", []string{"model: cell", "model: cell\nmorphology: a.swc"}, "neuron.sections: beside morphology"},
		{"axon of sections", []string{"model: cell", "model: cell\naxon: stub"}, "neuron.axon: belongs to a morphology"},
		{"rule of spikes", []string{"membrane:", "spike: {rule: peek}\nmembrane:"}, "neuron.spike.rule: no rule \"peek\" (did you mean \"peak\"?)"},
		{"cold", []string{"membrane:", "temperature_c: -300\nmembrane:"}, "neuron.temperature_c: -300"},
		{"distance: rule", ih("rule: exponent"), "no rule \"exponent\" (did you mean \"exponential\"?)"},
		{"distance: missing", ih("rule: linear, offset: 1"), "rule linear wants slope"},
		{"distance: too much", ih("rule: linear, offset: 1, slope: 1, rate: 2"), "rule linear takes no rate"},
		{"distance: below 0", ih("rule: linear, offset: 1, slope: -1"), "a conductance cannot be"},
		{"distance: not finite", ih("rule: exponential, offset: 0, amplitude: 1, rate: 1e9"), "a conductance cannot be"},
		{"distance: band", ih("rule: step, from: 9, to: 3, inside: 1, outside: 0"), "is not below to"},
		{"delta", []string{"kind: ampa+nmda", "kind: delta"}, "jumps the voltage of a point neuron"},
		{"unknown kind", []string{"kind: ampa+nmda", "kind: ampa+nmd"}, "neuron.synapses[0].kind: no kind \"nmd\" (did you mean \"nmda\"?)"},
		{"kind twice", []string{"kind: ampa+nmda", "kind: ampa+ampa"}, "ampa twice"},
		{"negative weight", []string{"weight: 0.5", "weight: -0.5"}, "neuron.synapses[0].weight: -0.5 is below 0"},
		{"no place", []string{", on: " + group, ""}, "cell.yaml:13: neuron.synapses[0].on: missing"},
		{"two rules", []string{group, "{regions: [dend], per_segment: 1, per_um: 1}"}, "want one of per_segment, per_um and segments"},
		{"no rule and no count", []string{group, "{regions: [dend]}"}, "neuron.synapses[0].count: missing"},
		{"count beside a rule", []string{"weight: 0.5", "weight: 0.5, count: 3"}, "3, but the rule gives 4"},
		{"synapse beyond the last segment", []string{group, `{segments: ["dend[7](0.5)"]}`}, "neuron.synapses[0].on.segments[0]: \"dend[7](0.5)\": no such segment"},
		{"no segment in the band", []string{group, "{regions: [dend], per_segment: 1, from_um: 1000}"}, "no segment of dend lies between"},
		{"too dense", []string{group, "{regions: [dend], per_um: 1e5}"}, "at most 65536"},
		{"rise not below decay", []string{"weight: 0.5", "weight: 0.5, parameters: {ampa_rise_ms: 5}"}, "neuron.synapses[0].parameters.ampa_rise_ms: 5 is not below decay_ms"},
		{"parameter of the other kind", []string{"weight: 0.5", "weight: 0.5, parameters: {rise_ms: 1}"}, "no such parameter"},
		{"point neuron with a shape", []string{"model: cell", "model: lif"}, "neuron.sections: belongs to a cell with dendrites"},
	} {
		if _, err := cellOf(plainCell, Options{Dir: dir}, c.replace...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
	for name, want := range map[string]string{"loop.swc": "loop.swc", "absent.swc": "absent.swc", "x.txt": ".swc or .asc", "grown:x": "grown:SEED", "": "missing"} {
		model := "l5pc"
		if name == "" {
			model = Own
		}
		_, err := Compile(Config{Model: model, Description: Description{Morphology: name}}, Options{Dir: dir})
		var key *KeyError
		if !errors.As(err, &key) || key.Key != "neuron.morphology" || !strings.Contains(err.Error(), want) {
			t.Errorf("morphology %s: %v", name, err)
		}
	}
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Dt: 0.2}, "dt_ms: 0.2 ms is above what the gates of hh bear"},
		{Options{Dt: math.Inf(1)}, "dt_ms"},
		{Options{Dt: -1}, "dt_ms"},
		{Options{Record: []string{"w"}}, "want VARIABLE@PLACE"},
		{Options{Record: []string{"v", "v@apic[3](0.5)"}}, "record[1]: \"apic[3](0.5)\""},
		{Options{Record: []string{"ca@soma(0.5)"}}, "nothing there has \"ca\": there are v, hh.m"},
		{Options{Record: []string{"hh.q@soma"}}, "hh.m"},
	} {
		if _, err := cellOf(plainCell, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
}

// FuzzDescription: whatever a neuron section says, it compiles or is refused; what compiles has sound tables.
func FuzzDescription(f *testing.F) {
	f.Add(plainCell)
	f.Add("\nmodel: ball-and-stick\nparameters: {segments: 3}\n")
	f.Add("\nmodel: dcaap\nsynapses: [{name: a, kind: gaba_a+gaba_b, count: 3, weight: {distribution: uniform, low: 0, high: 1}, on: {regions: [apical]}}]\n")
	f.Add(strings.Replace(plainCell, "{regions: [dend], per_segment: 1}", "{segments: [dend, apic, \"*\"]}", 1))
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "morphology") { // no other files
			return
		}
		c, err := cellOf(text, Options{Record: []string{"v@*"}})
		if err != nil || c.Cable == nil {
			return
		}
		tree := c.Program.Tree
		for i, p := range tree.Parent {
			if i > 0 && (p < 0 || int(p) >= i || !(tree.Axial[i] > 0)) || tree.Capacity[i] < 0 || math.IsInf(tree.Capacity[i], 0) {
				t.Fatalf("node %d: parent %d, %v uS, %v nF", i, p, tree.Axial[i], tree.Capacity[i])
			}
		}
		last := int32(0)
		for _, in := range tree.Instances {
			if in.Node < last || int(in.Node) >= len(tree.Parent) {
				t.Fatalf("%s on node %d after %d", in.Mechanism, in.Node, last)
			}
			last = in.Node
			for _, v := range in.Params {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Fatalf("%s has %v", in.Mechanism, in.Params)
				}
			}
		}
		for _, s := range c.Synapses {
			if int(s.Receptor) >= len(tree.Receptors) || s.Segment >= len(c.Cable.Segments) || !(s.Share > 0) {
				t.Fatalf("synapse %+v", s)
			}
		}
	})
}
