package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestBench(t *testing.T) {
	dir := t.TempDir()
	if r := must(t, dir, "bench"); !strings.Contains(r.out, "simulate") || !strings.Contains(r.out, "train") {
		t.Errorf("bench: %s", r.said())
	}
	var all []struct {
		Model, Device, Refused string
		Dt                     float64 `json:"dt_ms"`
		Steps                  float64 `json:"neuron_steps_per_s"`
		Seconds                float64 `json:"neuron_seconds_per_s"`
		Input                  float64 `json:"input_events_per_s"`
	}
	r := must(t, dir, "bench", "simulate", "--model", "lif", "--device", "cpu", "--threads", "1", "--json")
	if err := json.Unmarshal([]byte(r.out), &all); err != nil || len(all) != 2 {
		t.Fatalf("%v: %s", err, r.said())
	}
	for _, x := range all {
		// 80 synapses at 12 Hz and 20 at 9.5
		if x.Model != "lif" || !(x.Steps > 1e5) || x.Seconds < 0.999*x.Steps*x.Dt/1000 || x.Seconds > 1.001*x.Steps*x.Dt/1000 || x.Input < 1000 || x.Input > 1300 {
			t.Errorf("%+v", x)
		}
	}
	if r := must(t, dir, "bench", "simulate", "--model", "ball-and-stick", "--device", "cpu", "--threads", "1"); strings.Count(r.out, "ball-and-stick") != 2 {
		t.Errorf("ball-and-stick: %s", r.said())
	}
	refused(t, dir, exitUsage, []string{`no bench "fly"`}, "bench", "fly")
	refused(t, dir, exitUsage, []string{`no model "lifx"`}, "bench", "simulate", "--model", "lifx")
	refused(t, dir, exitUsage, []string{"belongs to bench simulate"}, "bench", "train", "--model", "lif")
}
