package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestProbe(t *testing.T) {
	dir := t.TempDir()
	if r := must(t, dir, "probe", "list"); !strings.Contains(r.out, "xor") || !strings.Contains(r.out, "distance") {
		t.Errorf("list: %s", r.said())
	}
	var report struct {
		Verdict *bool
		Found   map[string]*float64
	}
	r := must(t, dir, "probe", "xor", "--model", "lif", "--json", "--out", "xor.html")
	if err := json.Unmarshal([]byte(r.out), &report); err != nil || report.Verdict == nil || *report.Verdict || *report.Found["accuracy"] > 0.75+1e-9 {
		t.Errorf("xor of lif: %v\n%s", err, r.said())
	}
	for _, name := range []string{"xor.html", "xor.json", "xor.csv", "xor.svg"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, dir, "init", "--model", "adex", "--out", "adex.yaml")
	a := must(t, dir, "probe", "fi", "adex.yaml", "--set", "neuron.set=tonic", "--threads", "1")
	b := must(t, dir, "probe", "fi", "adex.yaml", "--set", "neuron.set=tonic", "--threads", "2")
	if a.out != b.out || !strings.Contains(a.out, "adex fires from") {
		t.Errorf("fi: %s\n%s", a.said(), b.said())
	}
	refused(t, dir, exitUsage, []string{`no experiment "xr"`, "fi, xor"}, "probe", "xr", "--model", "lif")
	refused(t, dir, exitUsage, []string{"give a configuration"}, "probe", "fi")
	refused(t, dir, exitUsage, []string{"give one"}, "probe", "fi", "adex.yaml", "--model", "lif")
	refused(t, dir, exitUsage, []string{`no model "lifx"`}, "probe", "fi", "--model", "lifx")
	refused(t, dir, exitUsage, []string{"out.svg", ".html"}, "probe", "fi", "--model", "lif", "--out", "out.svg")
	refused(t, dir, exitUsage, []string{"nonsense"}, "probe", "fi", "--model", "lif", "--set", "neuron.nonsense=1")
	refused(t, dir, exitFailed, []string{`"apic"`, "there are exc"}, "probe", "xor", "--model", "lif", "--a", "apic", "--b", "dend")
}
