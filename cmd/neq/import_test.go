package main

import (
	"path/filepath"
	"testing"
)

// A published network, imported, runs on traces simulated here, and leaves again as ONNX.
func TestImport(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	refused(t, dir, exitUsage, []string{`import "keras": want elm`}, "import", "keras", "w.h5", "--out", "p")
	refused(t, dir, exitUsage, []string{`"out" not set`}, "import", "elm", "w.npz")
	refused(t, dir, exitFailed, []string{"absent.npz"}, "import", "elm", "absent.npz", "--out", "p")
	refused(t, dir, exitFailed, []string{"run.yaml", "no archive of numpy arrays"}, "import", "elm", "run.yaml", "--out", "p")
	if exists(dir, "p") {
		t.Error("a refused command made its folder")
	}
	cell := reconstruction(t)
	if cell == "" {
		t.Skip("reference data: set NEQ_REFERENCE to the folder that has elm/branch_elm_d15.npz")
	}
	weights := filepath.Join(filepath.Dir(filepath.Dir(cell)), "elm", "branch_elm_d15.npz")
	var d struct {
		Title      string
		Parameters int
	}
	decode(t, dir, &d, "import", "elm", weights, "--out", "elm")
	if d.Title != "branch_elm_d15" || d.Parameters != 6827 {
		t.Errorf("%+v", d)
	}
	example, err := filepath.Abs("../../examples/l5pc.yaml")
	if err != nil {
		t.Fatal(err)
	}
	must(t, dir, "simulate", example, "--out", "data", "-q", "--morphology", cell, "--set", "simulation.duration_ms=900",
		"--set", "simulation.samples.train=2", "--set", "simulation.samples.validation=1", "--set", "simulation.samples.test=4")
	var e struct {
		Fidelity struct {
			ExplainedVariance float64 `json:"explained_variance"`
		}
	}
	decode(t, dir, &e, "eval", "elm", "--data", "data", "--device", "cpu")
	if e.Fidelity.ExplainedVariance < 0.6 {
		t.Errorf("%+v: on its own cell the published network explains most of the voltage, 0.95 of whole episodes", e)
	}
	must(t, dir, "import", "elm", weights, "--out", "elm", "--overwrite", "--data", "data", "-q")
	must(t, dir, "predict", "elm", "--data", "data", "--out", "pred", "-q", "--device", "cpu")
	must(t, dir, "export", "elm", "--to", "onnx", "--out", "elm.onnx")
	must(t, dir, "simulate", "run.yaml", "--out", "other", "-q")
	refused(t, dir, exitFailed, []string{"1278 inputs", "the data set has 10"}, "eval", "elm", "--data", "other", "--device", "cpu")
	refused(t, dir, exitFailed, []string{"has 10 inputs", "639 excitatory, then 639 inhibitory"}, "import", "elm", weights, "--out", "p", "--data", "other")
}
