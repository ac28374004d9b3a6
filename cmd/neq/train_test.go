package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// A learning rate is found and drawn and nothing else is left; fits from several seeds are summarised, and resumed.
func TestTrainVariants(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	must(t, dir, "simulate", "run.yaml", "--out", "data", "-q")
	var c struct {
		Suggested, Minimum float64
		Points             []struct{ Loss float64 }
	}
	decode(t, dir, &c, "train", "run.yaml", "--data", "data", "--find-rate", "--device", "cpu")
	if !(c.Suggested > 0) || c.Suggested != c.Minimum/10 || len(c.Points) < 100 {
		t.Errorf("find-rate: %g of %g, %d points", c.Suggested, c.Minimum, len(c.Points))
	}
	r := must(t, dir, "train", "run.yaml", "--data", "data", "--find-rate", "--out", "pictures/rate.svg", "-q")
	if n := strings.Count(r.out, "\n"); r.err != "" || !strings.Contains(r.out, "\nlearning_rate: ") || n < 15 || n > 45 {
		t.Errorf("find-rate: %s", r.said())
	}
	if b := read(t, dir, "pictures", "rate.svg"); !strings.Contains(string(b), "Suggested learning rate") {
		t.Errorf("the picture: %s", b)
	}
	refused(t, dir, exitUsage, []string{"pictures/rate.svg exists"}, "train", "run.yaml", "--data", "data", "--find-rate", "--out", "pictures/rate.svg")
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 3 { // run.yaml, data, pictures
		t.Errorf("left in the folder: %v", left)
	}

	var s struct {
		Fits []struct {
			Seed  uint64
			Steps int
		}
		Summary []struct {
			Metric string
			Seeds  int
		}
	}
	for range 2 {
		decode(t, dir, &s, "train", "run.yaml", "--data", "data", "--out", "fits", "--seeds", "5,7", "--resume", "--tensorboard", "board", "--device", "cpu")
		if len(s.Fits) != 2 || s.Fits[1].Seed != 7 || s.Fits[1].Steps != 30 || len(s.Summary) == 0 || s.Summary[0].Seeds != 2 {
			t.Errorf("seeds: %+v", s)
		}
	}
	if !exists(dir, "fits", "seed-5", "model.json") || !exists(dir, "fits", "seeds.json") {
		t.Error("the fits are not where they should be")
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "board", "seed-*", "events.out.tfevents.*")); len(files) != 2 {
		t.Errorf("event files %v", files)
	}
	r = must(t, dir, "train", "run.yaml", "--data", "data", "--out", "fits", "--seeds", "5,7", "--overwrite", "-q")
	if r.err != "" || !strings.Contains(r.out, "2 seeds") || !strings.Contains(r.out, "+-") {
		t.Errorf("seeds: %s", r.said())
	}
	refused(t, dir, exitUsage, []string{"is not empty"}, "train", "run.yaml", "--data", "data", "--out", "fits", "--seeds", "2")
	refused(t, dir, exitUsage, []string{"holds nothing of fits of these seeds"}, "train", "run.yaml", "--data", "data", "--out", "data", "--seeds", "2", "--overwrite")
}
