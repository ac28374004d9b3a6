package experiment

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever a configuration says, it is planned or refused in a sentence: no panic, no hang, no memory without bound.
func FuzzLoad(f *testing.F) {
	f.Add(small, "simulation.dt_ms=0.1")
	f.Add(strings.Replace(small, "poisson, rates_hz: {exc: 20, inh: 5}", "modulated, trees: [{excitatory: exc, excitatory_per_100ms: [0, 5]}]", 1), "stimulus.interval_ms=[]")
	f.Add(strings.Replace(small, "model: lif", "model: adex", 1), "simulation.samples_per_shard=1e4")
	f.Add(small, "neuron.synapses.1.weight={distribution: lognormal, mean: 1e300, sd: 1}")
	f.Add(small, "surrogates.0.grid={window_ms: [1e3, .nan, x, {}]}")
	f.Add("neuron: {}\nstimulus: {}\nsimulation: {samples: {train: 1}}", "neuron.synapses=[{}]")
	path := filepath.Join(f.TempDir(), "run.yaml")
	f.Fuzz(func(t *testing.T, text, set string) {
		if strings.Contains(text+set, "file") {
			t.Skip() // a replay file is read: its reader has a fuzz test of its own
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		x, err := Load(path, []string{set})
		if err == nil {
			_, err = x.Plan("test")
		}
		if err == nil {
			_, err = x.Trials()
		}
		if err != nil && (err.Error() == "" || strings.Contains(err.Error(), "runtime error") || strings.Contains(err.Error(), "reflect:")) {
			t.Errorf("%v", err)
		}
	})
}
