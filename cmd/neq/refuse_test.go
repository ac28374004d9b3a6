package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestUsage(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	for _, c := range []struct {
		line string
		want []string
	}{
		{"bogus", []string{`unknown command "bogus"`}},
		{"simulate run.yaml --out p --bogus", []string{"unknown flag: --bogus", "neq simulate --help"}},
		{"simulate", []string{"neq simulate CONFIG --out FOLDER"}},
		{"simulate run.yaml", []string{`"out" not set`}},
		{"simulate run.yaml more --out p", []string{"accepts 1 arg"}},
		{"simulate run.yaml --out=", []string{"--out is empty"}},
		{"simulate run.yaml --out p --resume --overwrite", []string{"contradict"}},
		{"simulate run.yaml --out p --threads -1", []string{"--threads -1"}},
		{"simulate run.yaml --out p --threads x", []string{"--threads"}},
		{"simulate run.yaml --out p --seed -1", []string{"--seed"}},
		{"simulate run.yaml --out p --device gpu", []string{`--device "gpu"`, "auto, cpu, cuda or cuda:i"}},
		{"eval p --data d --device cuda:x", []string{`"cuda:x"`, "auto, cpu, cuda or cuda:i"}},
		{"train run.yaml --data d --out p --precision fp8", []string{"training.precision", `"fp8"`, "float32, tf32 or bf16"}},
		{"simulate run.yaml --out p --part 1/0", []string{"--part 1/0", "0 <= I < N"}},
		{"simulate run.yaml --out p --part 2/2", []string{"--part 2/2"}},
		{"simulate run.yaml --out p --part -1/2", []string{"--part -1/2"}},
		{"simulate run.yaml --out p --part half", []string{"--part half"}},
		{"simulate run.yaml --out p --part auto", []string{"SLURM_ARRAY_TASK_ID"}},
		{"eval p --data d --burn-in -1", []string{"--burn-in -1"}},
		{"simulate absent.yaml --out p", []string{"absent.yaml"}},
		{"simulate . --out p", []string{"directory"}},
		{"simulate /dev/null --out p", []string{"empty", "neq init"}},
		{"simulate /dev/zero --out p", []string{"larger than a configuration"}},
		{"train run.yaml --data d", []string{`"out" not set`}},
		{"train run.yaml --data d --out p --seeds 0", []string{"--seeds", "want 1 to"}},
		{"train run.yaml --data d --out p --seeds 1,x", []string{"--seeds", `"1,x"`}},
		{"train run.yaml --data d --out p --find-rate", []string{"--out p", ".svg"}},
		{"train run.yaml --data d --find-rate --resume", []string{"--resume with --find-rate"}},
		{"train run.yaml --data d --find-rate --seeds 2", []string{"find-rate", "seeds"}},
		{"train run.yaml --data d --out p --set training.weight_decay=0.1", []string{"training.weight_decay", "adamw"}},
		{"train run.yaml --data d --out p --set training.accumulate=-1", []string{"training.accumulate"}},
		{"train run.yaml --data d --out p --surrogate nope", []string{`no surrogate "nope"`, "filter-10ms, fcn-10ms-2"}},
	} {
		refused(t, dir, exitUsage, c.want, strings.Fields(c.line)...)
	}
	if exists(dir, "p") {
		t.Error("a refused command made its folder")
	}
}

// What is wrong with a configuration is said with its line, and nothing is made.
func TestConfigurationRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	line := func(text string) string { // of tiny that holds a text, counted from 1
		return strconv.Itoa(strings.Count(tiny[:strings.Index(tiny, text)], "\n") + 1)
	}
	for _, c := range []struct {
		old, new string
		want     []string // %LINE is where new is
	}{
		{"  dt_ms: 1", "  dt_sm: 1", []string{`:%LINE: unknown key "dt_sm"`}},
		{"  dt_ms: 1", "  dt_ms: 1.5e0", []string{":%LINE: simulation.dt_ms: 1.5"}},
		{"  dt_ms: 1\n", "  dt_ms: 0.3\n", []string{":%LINE: simulation.dt_ms: 0.3", "whole number of steps"}},
		{"  dt_ms: 1\n", "  dt_ms: 0\n  solver: rk4\n", []string{"simulation.solver", "euler, staggered, two-stage"}},
		{"  dt_ms: 1\n", "  dt_ms: 1\n  solver: two-stage\n", []string{"simulation.solver: two-stage is for cells with dendrites", "euler or staggered"}},
		{"  duration_ms: 400", "  duration_ms: 0", []string{":%LINE: simulation.duration_ms: 0"}},
		{"  duration_ms: 400", "  duration_ms: 1e9", []string{":%LINE: simulation.duration_ms: 1000000000"}},
		{"  duration_ms: 400", "  duration_ms: 1.5", []string{":%LINE: simulation.duration_ms: 1.5: want a whole number"}},
		{"  duration_ms: 400", "  duration_ms: long", []string{":%LINE: simulation.duration_ms: long: want a whole number"}},
		{"  samples: {train: 12, validation: 4, test: 8}", "  samples: {train: 0}", []string{":%LINE: simulation.samples: no samples"}},
		{"  samples: {train: 12, validation: 4, test: 8}", "  samples: {train: -2}", []string{":%LINE: simulation.samples.train: -2"}},
		{"  samples: {train: 12, validation: 4, test: 8}", "  samples: {train: 12}", []string{":%LINE: simulation.samples: 12 train and 0 test"}},
		{"  window_ms: 100", "  window_ms: 401", []string{":%LINE: training.window_ms: 401 is longer than simulation.duration_ms, 400"}},
		{"  samples_per_shard: 6", "  samples_per_shard: -6", []string{":%LINE: simulation.samples_per_shard: -6"}},
		{"  samples_per_shard: 6", "  samples_per_shard: 6\n  record: [../v]", []string{"simulation.record[0]", "hold"}},
		{"  model: lif", "  model: lfi", []string{`:%LINE: neuron.model: no model "lfi"`}},
		{"  model: lif", "  model: lif\n  parameters: {tau_ms: -1}", []string{"neuron.parameters.tau_ms: -1 is below"}},
		{"  model: lif", "  model: lif\n  parameters: {tau_ms: 0.5}", []string{"simulation.dt_ms: 1 ms is above a time constant", "tau_ms = 0.5"}},
		{"  model: lif", "  model: hh\n  parameters: {capacitance_uf_cm2: -1}", []string{"neuron.parameters.capacitance_uf_cm2: -1 is below"}},
		{"count: 8", "count: 0", []string{":%LINE: neuron.synapses[0].count: 0"}},
		{"count: 8", "count: 1e9", []string{":%LINE: neuron.synapses[0].count: 1000000000", "at most 65536"}},
		{"weight: 5", "weight: 1e300", []string{":%LINE: neuron.synapses[0].weight"}},
		{"weight: 5", "weight: .nan", []string{":%LINE: neuron.synapses[0].weight: NaN"}},
		{"weight: 5", "weight: {distribution: cauchy}", []string{`no distribution "cauchy"`}},
		{"name: exc", "name: ../exc", []string{`:%LINE: neuron.synapses[0].name: "../exc"`}},
		{"name: exc", "name: inh", []string{`"inh" is also the name`}},
		{"kind: delta, count: 8", "kind: nmdaa, count: 8", []string{`:%LINE: neuron.synapses[0].kind: no kind "nmdaa" (did you mean "nmda"?)`}},
		{"protocol: modulated", "protocol: modulate", []string{":%LINE: stimulus.protocol"}},
		{"protocol: modulated", "protocol: modulated\n  interval_ms: []", []string{"stimulus.interval_ms"}},
		{"[0, 40]", "[40, 0]", []string{":%LINE: stimulus.trees[0].excitatory_per_100ms"}},
		{"[0, 40]", "[0, .inf]", []string{":%LINE: stimulus.trees[0].excitatory_per_100ms"}},
		{"excitatory: exc", "excitatory: esc", []string{`:%LINE: stimulus.trees[0].excitatory: no synapse group "esc"`}},
		{"seed: 3", "seed: -3", []string{":%LINE: seed: -3"}},
		{"seed: 3", "seed: 18446744073709551616", []string{":%LINE: seed"}},
		{"seed: 3", "seed: 3\nseed: 4", []string{`mapping key "seed" already defined`}},
		{"seed: 3", "seed: [3", []string{"run.yaml:"}},
		{"seed: 3", "seed: 3\nreport: {threshold: 2}", []string{"report.threshold: 2"}},
		{"seed: 3", "seed: 3\nreport: {fidelity: nope}", []string{"report.fidelity", "auc"}},
		{"seed: 3", "seed: 3\n---\nseed: 4", []string{"2 YAML documents"}},
		{"Tiny", strings.Repeat("[", 10000), []string{"nested deeper"}},
		{"  - {family: filter, window_ms: 10}", "  - {family: filtre, window_ms: 10}", []string{`:%LINE: surrogates[0]`, `"filtre"`, "want one of"}},
		{"  - {family: filter, window_ms: 10}", "  - {family: filter, window_ms: 0}", []string{":%LINE: surrogates[0]", "window_ms 0"}},
		{"  - {family: filter, window_ms: 10}", "  - {family: filter, grid: {window_ms: []}}", []string{":%LINE: surrogates[0]", "grid.window_ms: no values"}},
		{"  - {family: filter, window_ms: 10}", "  - {family: filter, window_ms: 5, seeds: 1000000}", []string{":%LINE: surrogates[0]", "more than 10000 trials"}},
		{"  - {family: filter, window_ms: 10}", "  - {family: fcn, window_ms: 60000, width: 60000}", []string{":%LINE: surrogates[0]"}},
		{"  batch: 4", "  batch: 1e12", []string{":%LINE: training.batch", "of memory"}},
		{"  batch: 4", "  batch: 4\n  burn_in_ms: 1e12", []string{"of memory"}},
		{"  batch: 4", "  batch: 4\n  optimiser: sgd", []string{"training.optimiser", "nadam, adam or adamw"}},
		{"  batch: 4", "  batch: 4\n  loss: {spike: 0, voltage: 0}", []string{"training.loss", "nothing to learn"}},
		{"  learning_rate: 2e-2", "  learning_rate: .nan", []string{":%LINE: training.learning_rate: NaN"}},
		{"  learning_rate: 2e-2", "  learning_rate: fast", []string{":%LINE: training.learning_rate: fast: want a number"}},
	} {
		if strings.Count(tiny, c.old) == 0 {
			t.Fatalf("%q is not in the configuration", c.old)
		}
		text := strings.Replace(tiny, c.old, c.new, 1)
		write(t, filepath.Join(dir, "run.yaml"), text)
		var want []string
		for _, w := range c.want {
			want = append(want, strings.ReplaceAll(w, "%LINE", line(c.old)))
		}
		refused(t, dir, exitUsage, want, "run", "run.yaml", "--out", "p", "-q")
	}
	write(t, filepath.Join(dir, "run.yaml"), tiny)
	refused(t, dir, exitUsage, []string{"--set simulation.dt_ms=-1: simulation.dt_ms: -1"}, "run", "run.yaml", "--out", "p", "--set", "simulation.dt_ms=-1")
	refused(t, dir, exitUsage, []string{"--set simulation.steps=1", `unknown key "steps"`}, "run", "run.yaml", "--out", "p", "--set", "simulation.steps=1")
	refused(t, dir, exitUsage, []string{"--set steps: want key=value"}, "run", "run.yaml", "--out", "p", "--set", "steps")
	if exists(dir, "p") {
		t.Error("a refused configuration made its folder")
	}
}

// A replay file is refused with its line; a good one is replayed.
func TestReplay(t *testing.T) {
	dir := folder(t)
	args := []string{"simulate", "run.yaml", "--out", "p", "-q", "--set", "stimulus={protocol: replay, file: events.csv}"}
	for text, want := range map[string]string{
		"time_ms,synapse\n5,1\n4,1\n":      "events.csv:3: time 4 ms comes after 5 ms",
		"time_ms,synapse\n5,1\n400,1\n":    "events.csv:3: time 400 ms lies outside the sample",
		"time_ms,synapse\n-1,1\n":          "events.csv:2: time -1 ms lies outside",
		"time_ms,synapse\nNaN,1\n":         "events.csv:2: time NaN ms lies outside",
		"time_ms,synapse\n5,10\n":          `events.csv:2: synapse is "10": want a number from 0 to 9`,
		"time_ms,synapse\n5\n":             `events.csv:2: synapse is ""`,
		"time_ms,synapse\nsoon,1\n":        `events.csv:2: time_ms is "soon"`,
		"time,synapse\n5,1\n":              "events.csv:1: the header",
		"":                                 "empty file",
		"a,b\n" + strings.Repeat("x", 1e5): "events.csv:",
	} {
		write(t, filepath.Join(dir, "events.csv"), text)
		refused(t, dir, exitUsage, []string{want}, args...)
	}
	if err := os.Remove(filepath.Join(dir, "events.csv")); err != nil {
		t.Fatal(err)
	}
	refused(t, dir, exitUsage, []string{"stimulus.file", "events.csv"}, args...)
	write(t, filepath.Join(dir, "events.csv"), "time_ms,synapse,sample\n5.5,1,0\n6,0,0\n3,9,7\n")
	must(t, dir, args...)
	refused(t, dir, exitUsage, []string{"p holds a data set of another configuration"}, "simulate", "run.yaml", "--out", "p", "--resume", "-q")
	write(t, filepath.Join(dir, "events.csv"), "time_ms,synapse,sample\n5.5,1,0\n6,0,0\n")
	refused(t, dir, exitUsage, []string{"replay_sha256"}, append(args, "--resume")...)
}

// NaN or overflow fails the shard and names the sample and its parameters; nothing that looks whole stays.
func TestOverflow(t *testing.T) {
	dir := folder(t)
	refused(t, dir, exitFailed, []string{"simulate: sample ", ": v is NaN at ", "beniaguev-2021"}, "simulate", "run.yaml", "--out", "p", "-q",
		"--set", "neuron.synapses.0.weight={distribution: lognormal, mean: 1e300, sd: 1e300}")
	refused(t, dir, exitFailed, []string{"p has 0 of 4 shards"}, "inspect", "p")
}

// A folder in use is left as it is, and so is one that belongs to something else.
func TestFolders(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	must(t, dir, "simulate", "run.yaml", "--out", "data", "-q")
	must(t, dir, "train", "run.yaml", "--data", "data", "--out", "fit", "-q")
	want := digest(t, dir, "data")
	write(t, filepath.Join(dir, "file"), "precious")
	if err := os.Mkdir(filepath.Join(dir, "other"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "other", "thesis.txt"), "precious")
	for _, c := range []struct {
		code int
		line string
		want string
	}{
		{exitUsage, "simulate run.yaml --out data", "data is not empty"},
		{exitUsage, "simulate run.yaml --out data --part 0/2", "data is not empty"},
		{exitUsage, "train run.yaml --data data --out fit", "fit is not empty"},
		{exitUsage, "train run.yaml --data data --out data --resume", "holds nothing of a fit"},
		{exitUsage, "train run.yaml --data data --out other --overwrite", "holds nothing of a fit"},
		{exitUsage, "sweep run.yaml --data data --out fit --resume", "holds nothing of a sweep"},
		{exitUsage, "run run.yaml --out fit --overwrite", "holds nothing of an experiment"},
		{exitFailed, "simulate run.yaml --out other --overwrite", "other is not empty and holds no trace data set"},
		{exitFailed, "simulate run.yaml --out file", "file"},
		{exitFailed, "simulate run.yaml --out file/x", "file/x"},
		{exitFailed, "train run.yaml --data data --out file", "file"},
		{exitFailed, "run run.yaml --out file", "file"},
		{exitFailed, "train run.yaml --data absent --out p", "absent is no trace data set"},
		{exitFailed, "train run.yaml --data file --out p", "file is no trace data set"},
		{exitFailed, "eval absent --data data", "absent"},
		{exitFailed, "eval fit --data data --split dev", `"dev"`},
		{exitFailed, "verify file", "file is no trace data set"},
		{exitFailed, "verify absent", "absent is no trace data set"},
		{exitFailed, "report other", "study.json"},
		{exitFailed, "merge absent", "absent"},
		{exitFailed, "merge other data", "other"},
	} {
		refused(t, dir, c.code, []string{c.want}, append(strings.Fields(c.line), "-q")...)
	}
	if digest(t, dir, "data") != want || string(read(t, dir, "file"))+string(read(t, dir, "other", "thesis.txt")) != "preciousprecious" {
		t.Error("something was overwritten")
	}
	refused(t, dir, exitUsage, []string{"neuron.parameters.tau_ms is absent there and 30 here"}, "simulate", "run.yaml", "--out", "data", "-q", "--resume", "--set", "neuron.parameters.tau_ms=30")
	refused(t, dir, exitUsage, []string{"training.learning_rate", "0.02", "0.5"}, "train", "run.yaml", "--data", "data", "--out", "fit", "-q", "--resume", "--set", "training.learning_rate=0.5")
	refused(t, dir, exitUsage, []string{"training.window_ms: 500", "400 ms"}, "train", "run.yaml", "--data", "data", "--out", "p", "-q", "--set", "training.window_ms=500")
	refused(t, dir, exitUsage, []string{"training.loss.auxiliary.u", "does not record"}, "sweep", "run.yaml", "--data", "data", "--out", "p", "-q", "--set", "training.loss.auxiliary.u=1")

	// A page is a file: a pipe or a device under its name is not replaced.
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	must(t, dir, "sweep", "run.yaml", "--data", "data", "--out", "sweep", "-q", "--set", "training.steps=2")
	refused(t, dir, exitFailed, []string{"pipe", "no regular file"}, "report", "sweep", "--out", "pipe")
	refused(t, dir, exitFailed, []string{"other", "no regular file"}, "report", "sweep", "--out", "other")
	if exists(dir, "pipe.json") || exists(dir, "other.json") {
		t.Error("a refused report left files")
	}

	// Symbolic links are followed: the folder of a link is the folder.
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	must(t, dir, "simulate", "run.yaml", "--out", "link", "-q")
	if digest(t, dir, "real") != want {
		t.Error("simulated through a link: another data set")
	}
}

// Names go into folders and pages: whatever they are, nothing is written outside and nothing is run.
func TestNames(t *testing.T) {
	dir := folder(t)
	must(t, dir, "run", "run.yaml", "--out", "out", "-q", "--set",
		`surrogates=[{name: ../../x, family: filter, window_ms: 2}, {name: "<script>alert(1)</script>", family: filter, window_ms: 3}, {name: ../../x, family: filter, window_ms: 4}]`,
		"--set", "title='</title><script>alert(2)</script>'", "--set", "training.steps=5")
	entries, err := os.ReadDir(filepath.Join(dir, "out", "sweep", "trials"))
	if err != nil || len(entries) != 3 {
		t.Errorf("%d trials, %v, want 3", len(entries), err)
	}
	if all, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), "x*")); len(all) > 0 || exists(dir, "x") || exists(dir, "out", "x") {
		t.Error("a trial was written outside its sweep")
	}
	if page := string(read(t, dir, "out", "report.html")); strings.Contains(page, "<script>alert") {
		t.Error("a name is run as a script in the report")
	}
}

// A GPU that is asked for and cannot be had stops a command; nothing falls back silently. The program under test is
// built without the driver, so that this holds on a machine with a GPU too.
func TestNoGPU(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	refused(t, dir, exitFailed, []string{"--device cuda", "GPU"}, "simulate", "run.yaml", "--out", "p", "--device", "cuda")
	must(t, dir, "simulate", "run.yaml", "--out", "data")
	refused(t, dir, exitFailed, []string{"--device cuda:0", "GPU"}, "train", "run.yaml", "--data", "data", "--out", "p", "--device", "cuda:0")
	refused(t, dir, exitFailed, []string{"--device cuda", "GPU"}, "sweep", "run.yaml", "--data", "data", "--out", "p", "--device", "cuda")
	if exists(dir, "p", "model.json") || exists(dir, "p", "study.json") {
		t.Error("a refused command wrote something")
	}
}
