package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"neq/data/traces"
)

// decode runs a command line with --json and decodes what it prints.
func decode(t *testing.T, dir string, v any, args ...string) result {
	t.Helper()
	r := must(t, dir, append(args, "--json")...)
	if err := json.Unmarshal([]byte(r.out), v); err != nil {
		t.Fatalf("%q: %v: %s", args, err, r.said())
	}
	return r
}

// digest is that of a data set's contents.
func digest(t *testing.T, dir ...string) string {
	t.Helper()
	s, err := traces.Open(filepath.Join(dir...))
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Simulate, train, evaluate, sweep and report step by step: results alone on stdout, JSON with --json, silence with
// --quiet.
func TestSteps(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	var data struct {
		Samples, Shards int
		Bytes           int64
	}
	if r := decode(t, dir, &data, "simulate", "run.yaml", "--out", "data"); data.Samples != 24 || data.Shards != 4 || data.Bytes == 0 ||
		!strings.Contains(r.err, "takes") || strings.Count(r.err, "msg=device") != 1 {
		t.Errorf("simulate: %s", r.said())
	}
	if r := must(t, dir, "simulate", "run.yaml", "--out", "again", "--quiet"); r.err != "" || !strings.HasPrefix(r.out, "again: 24 samples") {
		t.Errorf("simulate --quiet: %s", r.said())
	}
	if digest(t, dir, "data") != digest(t, dir, "again") {
		t.Error("the same configuration simulated twice gave two data sets")
	}

	var v struct{ Checked, Shards int }
	if r := decode(t, dir, &v, "verify", "data"); v.Checked != 4 || v.Shards != 4 || r.err != "" {
		t.Errorf("verify: %s", r.said())
	}
	var s struct {
		Samples  int
		RateMean float64 `json:"rate_mean_hz"`
	}
	if r := decode(t, dir, &s, "inspect", "data"); s.Samples != 24 {
		t.Errorf("inspect: %s", r.said())
	}
	if r := must(t, dir, "inspect", "data"); !strings.Contains(r.out, "24 of 400 ms in 4 shards") || r.err != "" {
		t.Errorf("inspect: %s", r.said())
	}

	var f struct{ Parameters, Steps int }
	if r := decode(t, dir, &f, "train", "run.yaml", "--data", "data", "--out", "fit", "--device", "cpu"); f.Parameters != 105 || f.Steps != 30 || strings.Contains(r.err, "msg=device") {
		t.Errorf("train: %s", r.said())
	}
	if r := must(t, dir, "train", "run.yaml", "--data", "data", "--out", "fit2", "--surrogate", "fcn-10ms-2", "-q"); r.err != "" || !strings.Contains(r.out, "208 parameters") {
		t.Errorf("train --quiet: %s", r.said())
	}
	var e struct {
		Parameters int
		Split      string
		Fidelity   struct{ AUC float64 }
	}
	decode(t, dir, &e, "eval", "fit", "--data", "data", "--split", "validation")
	if e.Split != "validation" || e.Fidelity.AUC < 0.6 {
		t.Errorf("eval: %+v: a filter that learnt anything has an AUC above 0.6 here", e)
	}
	if r := must(t, dir, "eval", "fit", "--data", "data", "-q", "--burn-in", "50"); r.err != "" || !strings.Contains(r.out, "ROC AUC") || !strings.Contains(r.out, "the first 50 ms") {
		t.Errorf("eval --quiet: %s", r.said())
	}

	if r := must(t, dir, "sweep", "run.yaml", "--data", "data", "--out", "sweep", "-q"); r.err != "" || !strings.Contains(r.out, "fcn-10ms-2") {
		t.Errorf("sweep --quiet: %s", r.said())
	}
	for _, p := range []string{"0/2", "1/2"} {
		must(t, dir, "sweep", "run.yaml", "--data", "data", "--out", "parts", "--part", p, "--json")
	}
	if a, b := report(t, dir, "sweep"), report(t, dir, "parts"); !reflect.DeepEqual(a, b) {
		t.Errorf("a sweep in two parts reports\n%v, in one\n%v", b, a)
	}
	if r := must(t, dir, "report", "sweep", "--out", "report.html"); !strings.Contains(r.out, "filter-10ms") || r.err != "" {
		t.Errorf("report: %s", r.said())
	}
	if page := string(read(t, dir, "report.html")); !strings.Contains(page, "</html>") || strings.Contains(page, "src=\"http") {
		t.Error("the report is no whole page of its own")
	}
	if !json.Valid(read(t, dir, "report.json")) {
		t.Error("report.json is not JSON")
	}
}

// report is what a sweep's report says, without when it was made and how long training took.
func report(t *testing.T, dir, sweep string) map[string]any {
	t.Helper()
	var r map[string]any
	decode(t, dir, &r, "report", sweep)
	return timeless(r).(map[string]any)
}

func timeless(v any) any {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "created")
		delete(v, "train_seconds")
		for k := range v {
			v[k] = timeless(v[k])
		}
	case []any:
		for i := range v {
			v[i] = timeless(v[i])
		}
	}
	return v
}

// --seed and --set change what is simulated; threads and parts do not.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	simulate := func(out string, args ...string) {
		t.Helper()
		must(t, dir, append([]string{"simulate", "run.yaml", "-q", "--out", out}, args...)...)
	}
	simulate("a")
	want := digest(t, dir, "a")
	simulate("threads", "--threads", "1")
	simulate("seed", "--seed", "4")
	simulate("set", "--set", "seed=4")
	simulate("parts", "--part", "0/2")
	refused(t, dir, exitFailed, []string{"parts has 2 of 4 shards"}, "inspect", "parts")
	simulate("parts", "--part", "1/2")
	if got := digest(t, dir, "parts"); got != want {
		t.Error("two parts in one folder gave another data set than one run")
	}
	simulate("x", "--part", "0/2")
	simulate("y", "--part", "1/2")
	var m struct{ Shards int }
	if decode(t, dir, &m, "merge", "x", "y"); m.Shards != 4 || digest(t, dir, "x") != want {
		t.Errorf("merged parts: %d shards, or another data set than one run", m.Shards)
	}
	c := command(dir, "simulate", "run.yaml", "-q", "--out", "array", "--part", "auto", "--json")
	c.Env = append(c.Env, "SLURM_ARRAY_TASK_ID=3", "SLURM_ARRAY_TASK_COUNT=4", "SLURM_ARRAY_TASK_MIN=0")
	var part struct{ Missing []int }
	if r := wait(t, start(t, c)); r.code != exitDone || json.Unmarshal([]byte(r.out), &part) != nil || !reflect.DeepEqual(part.Missing, []int{0, 1, 2}) {
		t.Errorf("part 3 of an array job of 4: %s", r.said())
	}
	for name, equal := range map[string]bool{"threads": true, "seed": false, "set": false} {
		if (digest(t, dir, name) == want) != equal {
			t.Errorf("%s: same data %v, want %v", name, !equal, equal)
		}
	}
	if digest(t, dir, "seed") != digest(t, dir, "set") {
		t.Error("--seed 4 and --set seed=4 differ")
	}
	for _, n := range []string{"1", "3"} {
		must(t, dir, "train", "run.yaml", "--data", "a", "--out", "fit"+n, "--threads", n, "-q")
	}
	if string(read(t, dir, "fit1", "weights.safetensors")) != string(read(t, dir, "fit3", "weights.safetensors")) {
		t.Error("the weights depend on --threads")
	}
}

// The whole of it; again with --resume, it does nothing and says the same.
func TestRun(t *testing.T) {
	dir := folder(t)
	r := must(t, dir, "run", "run.yaml", "--out", "out")
	if !strings.Contains(r.out, "filter-10ms") || !strings.Contains(r.out, "report: "+filepath.Join("out", "report.html")) {
		t.Errorf("run: %s", r.said())
	}
	first := report(t, dir, filepath.Join("out", "sweep"))
	weights := read(t, dir, "out", "sweep", "trials", "filter-10ms", "weights.safetensors")
	again := must(t, dir, "run", "run.yaml", "--out", "out", "--resume")
	if strings.Contains(again.err, "trial 1") || strings.Contains(again.err, "msg=simulate") || again.out != r.out {
		t.Errorf("run --resume of what is done: %s", again.said())
	}
	if !reflect.DeepEqual(first, report(t, dir, filepath.Join("out", "sweep"))) {
		t.Error("run --resume changed the report")
	}
	refused(t, dir, exitUsage, []string{"out is not empty", "--resume", "--overwrite"}, "run", "run.yaml", "--out", "out")
	refused(t, dir, exitUsage, []string{"neuron.synapses[0].weight is 5 there and 6 here", "--overwrite"},
		"run", "run.yaml", "--out", "out", "--resume", "--set", "neuron.synapses.0.weight=6", "-q")
	refused(t, dir, exitUsage, []string{"training.steps", "30", "31", "--overwrite"}, "run", "run.yaml", "--out", "out", "--resume", "--set", "training.steps=31", "-q")
	var j map[string]any
	decode(t, dir, &j, "run", "run.yaml", "--out", "out", "--overwrite", "-q")
	if string(weights) != string(read(t, dir, "out", "sweep", "trials", "filter-10ms", "weights.safetensors")) {
		t.Error("run --overwrite gave other weights")
	}
}

// Python opens a data set with what Debian packages.
func TestPython(t *testing.T) {
	t.Parallel()
	if err := exec.Command("/usr/bin/python3", "-c", "import zarr, xarray").Run(); err != nil {
		t.Skip("needs /usr/bin/python3 with zarr and xarray: apt-get install python3-zarr python3-xarray")
	}
	dir := folder(t)
	must(t, dir, "simulate", "run.yaml", "-q", "--out", "data")
	c := exec.Command("/usr/bin/python3", "-c", `
import xarray, zarr
x = xarray.open_zarr("data")
assert x.soma_v.shape == (24, 400), x.soma_v.shape
assert -100 < float(x.soma_v.mean()) < 0
z = zarr.open("data", "r")
s, n = int(z.input_start[5]), int(z.input_count[5])
t = z.input_time[s:s+n]
assert n > 0 and (t[1:] >= t[:-1]).all() and t.max() < 400`)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
