package main

import (
	"strings"
	"testing"
)

// Predictions are written beside the traces; a folder with something in it, a model that is none and traces of other
// inputs are refused before anything is made.
func TestPredict(t *testing.T) {
	t.Parallel()
	dir := fitted(t)
	var p struct {
		Model, Split string
		Samples      int
	}
	if r := decode(t, dir, &p, "predict", "fit", "--data", "data", "--out", "pred", "--device", "cpu"); p.Model != "filter-10ms" || p.Split != "test" || p.Samples != 8 {
		t.Errorf("predict: %s", r.said())
	}
	for _, file := range []string{".zmetadata", "spike_probability/0.0", "predicted_soma_v/.zarray", "sample/0"} {
		if !exists(dir, "pred", file) {
			t.Errorf("predict wrote no %s", file)
		}
	}
	again := []string{"predict", "fit", "--data", "data", "-q", "--out", "pred"}
	refused(t, dir, exitUsage, []string{"pred is not empty", "--resume"}, again...)
	if r := must(t, dir, append(again, "--resume")...); r.err != "" || !strings.HasPrefix(r.out, "pred: 8 test samples") {
		t.Errorf("predict --resume: %s", r.said())
	}
	refused(t, dir, exitUsage, []string{"first_sample is 16 there and 12 here", "--overwrite"}, append(again, "--resume", "--split", "validation")...)
	must(t, dir, append(again, "--overwrite", "--split", "validation")...)
	refused(t, dir, exitUsage, []string{"data is not empty", "predictions"}, "predict", "fit", "--data", "data", "--out", "data", "--overwrite")
	refused(t, dir, exitFailed, []string{"absent holds no model.json"}, "predict", "absent", "--data", "data", "--out", "p")
	refused(t, dir, exitFailed, []string{"absent"}, "predict", "fit", "--data", "absent", "--out", "p")
	must(t, dir, "simulate", "run.yaml", "--out", "wide", "-q", "--set", "neuron.synapses.0.count=9")
	refused(t, dir, exitFailed, []string{"10 inputs", "11"}, "predict", "fit", "--data", "wide", "--out", "p")
	if exists(dir, "p") {
		t.Error("a refused command made its folder")
	}
}
