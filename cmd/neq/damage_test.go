package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fitted is a folder with a data set and a surrogate fitted to it.
func fitted(t *testing.T) string {
	t.Helper()
	dir := folder(t)
	must(t, dir, "simulate", "run.yaml", "--out", "data", "-q")
	must(t, dir, "train", "run.yaml", "--data", "data", "--out", "fit", "-q")
	return dir
}

// spoil changes a file's bytes.
func spoil(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	if err := os.WriteFile(path, change(read(t, path)), 0o644); err != nil {
		t.Fatal(err)
	}
}

func truncate(b []byte) []byte { return b[:len(b)/2] }

func flip(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)/2] ^= 4
	return b
}

func gone([]byte) []byte { return nil }

// A data set that is not as it was written: verify names the file and exits with 3, training and evaluation fail
// and name the shard, --resume makes the shard again.
func TestDamagedData(t *testing.T) {
	t.Parallel()
	dir := fitted(t)
	want := digest(t, dir, "data")
	for _, c := range []struct {
		file   string
		change func([]byte) []byte
		shard  string // the first that is bad
	}{
		{"soma_v/3.0", truncate, "shard 3"},
		{"input_time/0", flip, "shard 0"},
		{"spike_time/1", gone, "shard 1"},
		{"input_synapse/2", flip, "shard 2"},
	} {
		spoil(t, filepath.Join(dir, "data", c.file), c.change)
		r := neq(t, dir, "verify", "data", "-q")
		if r.code != exitUnverified || !strings.Contains(r.err, c.shard+": "+c.file) || !strings.Contains(r.err, "--resume") || r.out != "" {
			t.Errorf("%s: verify: %s", c.file, r.said())
		}
		r = neq(t, dir, "verify", "data", "--json", "-q")
		var found struct {
			Problems []struct {
				Shard int
				File  string
			}
		}
		if err := json.Unmarshal([]byte(r.out), &found); err != nil || r.code != exitUnverified || len(found.Problems) != 1 || found.Problems[0].File != c.file {
			t.Errorf("%s: verify --json: %v: %s", c.file, err, r.said())
		}
		if c.shard != "shard 3" && c.shard != "shard 2" { // those hold no training samples
			refused(t, dir, exitFailed, []string{c.shard, c.file, "--resume"}, "train", "run.yaml", "--data", "data", "--out", "p", "--overwrite", "-q")
		} else {
			refused(t, dir, exitFailed, []string{c.shard, c.file, "--resume"}, "eval", "fit", "--data", "data", "-q")
		}
		if exists(dir, "p", "model.json") {
			t.Errorf("%s: a fit to damaged data looks whole", c.file)
		}
		refused(t, dir, exitFailed, []string{c.shard}, "inspect", "data", "-q")
		must(t, dir, "simulate", "run.yaml", "--out", "data", "--resume", "-q")
		must(t, dir, "verify", "data", "-q")
		if digest(t, dir, "data") != want {
			t.Fatalf("%s: repaired to another data set", c.file)
		}
	}
	for _, c := range []struct{ file, advice string }{{"manifest.json", "neq merge data"}, {"soma_v/.zarray", "neq merge data"}} {
		spoil(t, filepath.Join(dir, "data", c.file), flip)
		if r := neq(t, dir, "verify", "data", "-q"); r.code != exitUnverified || !strings.Contains(r.err, c.file) || !strings.Contains(r.err, c.advice) {
			t.Errorf("%s: verify: %s", c.file, r.said())
		}
		must(t, dir, "merge", "data", "-q")
		must(t, dir, "verify", "data", "-q")
	}
	spoil(t, filepath.Join(dir, "data", "neq.json"), flip)
	if r := neq(t, dir, "verify", "data", "-q"); r.code != exitUnverified || !strings.Contains(r.err, "neq.json") {
		t.Errorf("neq.json: verify: %s", r.said())
	}
	refused(t, dir, exitFailed, []string{"neq.json", "--overwrite"}, "simulate", "run.yaml", "--out", "data", "--resume", "-q")
	must(t, dir, "simulate", "run.yaml", "--out", "data", "--overwrite", "-q")
	if digest(t, dir, "data") != want {
		t.Error("made again: another data set")
	}
}

// A fit whose files are not its own is refused, and says which.
func TestDamagedFit(t *testing.T) {
	t.Parallel()
	dir := fitted(t)
	weights := filepath.Join(dir, "fit", "weights.safetensors")
	model := filepath.Join(dir, "fit", "model.json")
	good := read(t, weights)
	evaluate := []string{"eval", "fit", "--data", "data", "-q"}
	spoil(t, weights, truncate)
	refused(t, dir, exitFailed, []string{"weights.safetensors", "truncated"}, evaluate...)
	spoil(t, weights, func([]byte) []byte { return flip(good) })
	refused(t, dir, exitFailed, []string{"weights.safetensors", "checksum"}, evaluate...)

	must(t, dir, "train", "run.yaml", "--data", "data", "--out", "other", "--surrogate", "fcn-10ms-2", "-q")
	spoil(t, weights, func([]byte) []byte { return read(t, dir, "other", "weights.safetensors") })
	refused(t, dir, exitFailed, []string{"weights.safetensors"}, evaluate...)
	spoil(t, weights, func([]byte) []byte { return good })
	must(t, dir, evaluate...)

	description := read(t, model)
	spoil(t, model, truncate)
	refused(t, dir, exitFailed, []string{"model.json"}, evaluate...)
	spoil(t, model, func([]byte) []byte {
		return bytes.Replace(description, []byte(`"window_ms": 10`), []byte(`"window_ms": 11`), 1)
	})
	refused(t, dir, exitFailed, []string{"fit"}, evaluate...)
	spoil(t, model, func([]byte) []byte { return description })

	// A fit is resumed as what it was, on the data it was fitted to.
	refused(t, dir, exitUsage, []string{"surrogate.family", "filter", "fcn"}, "train", "run.yaml", "--data", "data", "--out", "fit", "--resume", "-q", "--surrogate", "fcn-10ms-2")
	must(t, dir, "simulate", "run.yaml", "--out", "wide", "-q", "--set", "neuron.synapses.0.count=9")
	refused(t, dir, exitFailed, []string{"10", "11"}, "eval", "fit", "--data", "wide", "-q")
	refused(t, dir, exitUsage, []string{"10 synapses", "with 11"}, "sweep", "run.yaml", "--data", "wide", "--out", "sweep", "-q")
	refused(t, dir, exitUsage, []string{"10 synapses", "with 11"}, "train", "run.yaml", "--data", "wide", "--out", "fit3", "-q")
}

// A sweep's folder with rows that are not whole is said to be so, and --resume trains them again.
func TestDamagedSweep(t *testing.T) {
	dir := folder(t)
	must(t, dir, "run", "run.yaml", "--out", "out", "-q")
	sweep := filepath.Join("out", "sweep")
	want := report(t, dir, sweep)
	row := filepath.Join(dir, sweep, "trials", "filter-10ms", "row.json")
	spoil(t, row, truncate)
	refused(t, dir, exitFailed, []string{"row.json"}, "report", sweep)
	must(t, dir, "run", "run.yaml", "--out", "out", "-q", "--resume")
	got := report(t, dir, sweep)
	a, _ := json.Marshal(want)
	b, _ := json.Marshal(got)
	if !bytes.Equal(a, b) {
		t.Errorf("made again, the report says\n%s\nnot\n%s", b, a)
	}
}
