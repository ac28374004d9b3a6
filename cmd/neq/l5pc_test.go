package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"neq/data/traces"
)

// The layer-5 pyramidal cell from the example, as it is: no file is needed. Its synapses stand in the order of the
// published data set; neither threads nor parts change a byte; sites and windows are there to be opened.
func TestPyramidalCell(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	example, err := filepath.Abs("../../examples/l5pc.yaml")
	if err != nil {
		t.Fatal(err)
	}
	simulate := func(out string, args ...string) {
		t.Helper()
		must(t, dir, append([]string{"simulate", example, "--out", out, "--device", "cpu", "-q", "--set", "simulation.samples={train: 4, test: 2}", "--set", "simulation.samples_per_shard=2",
			"--set", "simulation.duration_ms=200", "--set", "simulation.record=[v@*, \"ca@apic[0]\", nats2.m@soma]", "--set", "simulation.record_precision=float16",
			"--set", "simulation.windows=[{start_ms: 100, stop_ms: 110, every_ms: 0.25}]"}, args...)...)
	}
	simulate("data", "--threads", "2")
	simulate("one", "--threads", "1", "--part", "1/2")
	simulate("one", "--threads", "1", "--part", "0/2")
	if digest(t, dir, "data") != digest(t, dir, "one") {
		t.Error("two parts on one thread gave another data set than one run on two")
	}
	set, err := traces.Open(filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	in := set.Info()
	var groups []string
	for _, g := range in.Synapses {
		groups = append(groups, g.Name)
	}
	if in.Inputs != 1278 || strings.Join(groups, " ") != "exc_basal exc_apical inh_basal inh_apical" || in.Synapses[2].First != 639 || in.Synapses[1].First != 262 {
		t.Errorf("%d synapses: %+v", in.Inputs, in.Synapses)
	}
	for i, s := range in.Cell.Synapses[:639] {
		if in.Cell.Synapses[639+i] != s || in.Cell.Segments[s].Region != []string{"dend", "apic"}[min(i/262, 1)] {
			t.Fatalf("excitatory synapse %d is on segment %d, the inhibitory one on %d", i, s, in.Cell.Synapses[639+i])
		}
	}
	s, err := set.Shard(1)
	if err != nil {
		t.Fatal(err)
	}
	worst := 0.0 // the soma as the soma, and as one of all segments in float16: 0.03 mV up to 64 mV, twice that beyond
	for i, v := range s.SomaV {
		worst = max(worst, math.Abs(float64(v-s.Extra[0][i])))
	}
	if in.Record[0].Name != "v@soma(0.5)" || worst > 0.032 || worst == 0 || len(s.Windows[0]) != 1+len(in.Record) || len(s.Windows[0][0]) != 80 {
		t.Errorf("%s differs from the soma by %g mV; %d variables in the window", in.Record[0].Name, worst, len(s.Windows[0]))
	}
	must(t, dir, "verify", "data")
	out := must(t, dir, "inspect", "data").out
	for _, want := range []string{"v at 642 sites", "nats2.m@soma(0.5)", "from 100 to 110 ms every 0.25 ms", "a spike is a local maximum above -25 mV at 8 samples per ms", "642 segments", "262 segments"} {
		if !strings.Contains(out, want) {
			t.Errorf("inspect does not say %q: %s", want, out)
		}
	}
	refused(t, dir, exitUsage, []string{"neuron.morphology", "none.asc"}, "simulate", example, "--out", "x", "--set", "neuron.morphology=none.asc")
	refused(t, dir, exitUsage, []string{"neuron.morphology", "none.asc"}, "simulate", example, "--out", "x", "--morphology", "none.asc")
	refused(t, dir, exitUsage, []string{"simulation.record[0]", "apic[999]"}, "simulate", example, "--out", "x", "--set", "simulation.record=[\"v@apic[999]\"]")

	if file := reconstruction(t); file != "" {
		simulate("file", "--morphology", file)
		if digest(t, dir, "file") == digest(t, dir, "data") {
			t.Error("the data set does not depend on the morphology")
		}
		refused(t, dir, exitUsage, []string{"neuron.morphology"}, "simulate", example, "--out", "file", "--resume")
	}
}

// reconstruction is the published morphology, which is not ours to commit; "" where it is not at hand.
func reconstruction(t *testing.T) string {
	for _, dir := range []string{os.Getenv("NEQ_REFERENCE"), "../../../shared/reference"} {
		if f, err := filepath.Abs(filepath.Join(dir, "l5pc", "cell1.asc")); dir != "" && err == nil {
			if _, err := os.Stat(f); err == nil {
				return f
			}
		}
	}
	t.Log("reference data: set NEQ_REFERENCE to the folder that has l5pc/cell1.asc")
	return ""
}
