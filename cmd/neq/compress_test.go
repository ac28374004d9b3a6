package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// A fit is pruned and rounded; its levels are models; a second run does nothing and says the same.
func TestCompress(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	must(t, dir, "simulate", "run.yaml", "--out", "data", "-q")
	must(t, dir, "train", "run.yaml", "--data", "data", "--out", "fit", "-q", "--surrogate", "fcn-10ms-2")
	args := []string{"compress", "fit", "--data", "data", "--out", "small", "--prune", "magnitude", "--keep", "0.5,0.2", "--bits", "8,3", "--steps", "10"}
	var r struct {
		Parameters int
		Rows       []struct {
			Name string
			Size struct {
				Parameters int
				Bits       float64
			}
		}
		Answer struct{ Tolerance float64 }
	}
	decode(t, dir, &r, args...)
	if len(r.Rows) != 9 || r.Parameters != 208 || r.Answer.Tolerance != 0.005 {
		t.Fatalf("%+v", r)
	}
	for i, want := range map[int]int{0: 208, 3: 106, 6: 45} { // of 204 weights 102, 41, and 4 biases
		if x := r.Rows[i]; x.Size.Parameters != want {
			t.Errorf("%s has %d parameters, want %d", x.Name, x.Size.Parameters, want)
		}
	}
	first := must(t, dir, append(args, "--resume", "-q")...)
	if first.err != "" || !strings.Contains(first.out, "keep-0.2-3bit") || !strings.Contains(first.out, "picture: "+filepath.Join("small", "report.svg")) {
		t.Errorf("compress --resume -q: %s", first.said())
	}
	var e struct{ Fidelity struct{ AUC float64 } }
	decode(t, dir, &e, "eval", "small/levels/keep-0.2-3bit", "--data", "data")
	if !strings.Contains(string(read(t, dir, "small", "report.svg")), "<svg") || e.Fidelity.AUC <= 0 {
		t.Errorf("eval of a level: %+v", e)
	}
	must(t, dir, "compress", "fit", "--data", "data", "--out", "narrow", "--prune", "structured", "--keep", "0.5", "--steps", "0", "-q")

	usage := "compress fit --data data --out p "
	for line, want := range map[string]string{
		usage:                                                    "nothing to do",
		usage + "--prune magnitude --keep 2":                     "--keep 2",
		usage + "--prune magnitude --keep x":                     "--keep",
		usage + "--prune magic":                                  `"magic"`,
		usage + "--bits 64":                                      "--bits 64",
		usage + "--bits 8 --steps 5":                             "--steps is for",
		usage + "--prune magnitude --steps -1":                   "--steps -1",
		usage + "--prune magnitude --learning-rate 0":            "--learning-rate 0",
		usage + "--prune magnitude --device cuda":                "--device cuda",
		"compress fit --data data --out small --bits 8":          "small is not empty",
		"compress fit --data data --out data --bits 8 --resume":  "holds nothing of a compression",
		"compress fit --data data --out small --bits 8 --resume": "prune",
		"compress fit --data data --out small --prune magnitude --keep 0.5,0.2 --bits 8,3 --steps 9 --resume": "steps: 10, now it is 9",
	} {
		refused(t, dir, exitUsage, []string{want}, append(strings.Fields(line), "-q")...)
	}
	refused(t, dir, exitFailed, []string{"absent"}, "compress", "absent", "--data", "data", "--out", "p", "--bits", "8", "-q")
	refused(t, dir, exitFailed, []string{`"dev"`}, "compress", "fit", "--data", "data", "--out", "q", "--bits", "8", "-q", "--split", "dev")
	if exists(dir, "p") {
		t.Error("a refused command made its folder")
	}
}

// What an activation is worth: one network with each of them is a grid.
func TestActivationGrid(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	must(t, dir, "simulate", "run.yaml", "--out", "data", "-q")
	r := must(t, dir, "sweep", "run.yaml", "--data", "data", "--out", "sweep", "-q", "--set", "training.steps=5",
		"--set", "surrogates=[{family: fcn, window_ms: 10, width: 2, grid: {activation: [relu, gelu, silu]}}]")
	for _, name := range []string{"fcn-10ms-2 ", "fcn-10ms-2-gelu", "fcn-10ms-2-silu"} {
		if !strings.Contains(r.out, name) {
			t.Errorf("no %q in %s", name, r.said())
		}
	}
}
