package trainer

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"neq/cuda/driver"
	"neq/surrogates"
)

// A fit that starts from another's model goes on from its weights and normalisation, and says in model.json from whose.
func TestStart(t *testing.T) {
	t.Parallel()
	o := quick()
	o.Spec, o.DataDir, o.OutDir = surrogates.Spec{Family: "fcn", Window: 20, Width: 3}, small().write(t), filepath.Join(t.TempDir(), "first")
	o.Config.Steps, o.Config.GradientClip = 20, 1
	first := mustFit(t, o)
	m, err := Load(first.Dir)
	if err != nil {
		t.Fatal(err)
	}
	keep := make([][]bool, len(m.Network.Weights()))
	keep[0] = make([]bool, len(values(m.Network.Weights()[0])))
	for i := range keep[0] {
		keep[0][i] = i%4 == 0
	}
	o.Start, o.OutDir = &Start{Model: m, Keep: keep, Origin: Origin{Prune: "by hand"}}, filepath.Join(t.TempDir(), "second")
	o.Config.Steps, o.Config.ValidateEvery, o.Config.LearningRate = 3, 1, 1e-9
	second := mustFit(t, o)
	n, err := Load(o.OutDir)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range n.Network.Weights() {
		for j, v := range values(w) {
			want := values(m.Network.Weights()[i])[j]
			if keep[i] != nil && !keep[i][j] {
				want = 0
			}
			if d := v - want; d > 1e-6 || d < -1e-6 { // three steps of 1e-9
				t.Fatalf("%s[%d] is %v, was %v", w.Name, j, v, want)
			}
		}
	}
	if d := second.Origin; d == nil || d.Weights != first.Weights.SHA256 || d.Prune != "by hand" || len(d.Kept) != 64 || second.Normalisation.Mean != first.Normalisation.Mean {
		t.Errorf("origin %+v", d)
	}

	// Done already: the same start is the same fit, another mask is another.
	b, err := os.ReadFile(filepath.Join(o.OutDir, weightsFile))
	if err != nil {
		t.Fatal(err)
	}
	o.Resume = true
	mustFit(t, o)
	if again, err := os.ReadFile(filepath.Join(o.OutDir, weightsFile)); err != nil || !bytes.Equal(b, again) {
		t.Errorf("resumed when done: other weights, %v", err)
	}
	keep[0][0] = false
	refused := func(what string, o FitOptions, want string) {
		t.Helper()
		if _, err := Fit(context.Background(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	refused("another mask", o, "origin.kept_sha256")
	o.Resume, o.OutDir = false, filepath.Join(t.TempDir(), "third")
	x := o
	x.Spec.Width = 4
	refused("another network", x, "width is 3, not 4")
	x = o
	x.GPU = &driver.Context{}
	refused("a GPU", x, "--device cpu")
	x = o
	x.Config.Loss.Auxiliary = map[string]float64{"drive": 1}
	syn := small()
	syn.record = true
	x.DataDir = syn.write(t)
	refused("other targets", x, "training.loss.auxiliary")
	x = o
	other := small()
	other.excitatory++
	x.DataDir = other.write(t)
	refused("other inputs", x, "trained on 11 inputs")
	x = o
	x.Start = &Start{Model: m, Keep: keep[:1]}
	refused("too few masks", x, "1 masks for the")
	x.Start = &Start{Model: m, Keep: append([][]bool{keep[0][1:]}, keep[1:]...)}
	refused("a short mask", x, `tensor "layer0.weight"`)
	if _, err := os.Stat(o.OutDir); err == nil {
		t.Error("a refused fit made its folder")
	}
}
