package trainer

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The event files of a fit that was interrupted hold what metrics.jsonl holds, once the steps that were made again are
// forgotten as TensorBoard does; writing them changes nothing else.
func TestBoardHoldsTheMetrics(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3: the event files were not decoded")
	}
	data := small().write(t)
	o := quick()
	o.Config.CheckpointEvery = 1e-9
	o.DataDir, o.OutDir = data, filepath.Join(t.TempDir(), "plain")
	mustFit(t, o)
	plain := outputOf(t, o.OutDir)

	o.Config.TensorBoard, o.OutDir = true, filepath.Join(t.TempDir(), "board")
	copied := filepath.Join(t.TempDir(), "copied")
	o.Hooks = []func(Progress){func(p Progress) {
		if p.Step == 30 && p.Validated { // the last checkpoint is of step 30, its validation is not in it
			if err := os.CopyFS(copied, os.DirFS(o.OutDir)); err != nil {
				t.Error(err)
			}
		}
	}}
	mustFit(t, o)
	o.Config.TensorBoard = false // resuming without is no other fit
	o.OutDir, o.Resume, o.Hooks, o.TensorBoard = copied, true, nil, filepath.Join(copied, boardFolder)
	mustFit(t, o)
	got := outputOf(t, copied)
	got.description.Config.TensorBoard = plain.description.Config.TensorBoard
	got.same(t, plain, "with event files")

	files, err := filepath.Glob(filepath.Join(copied, boardFolder, "events.out.tfevents.*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%v: files %v", err, files)
	}
	out, err := exec.Command("python3", append([]string{"../internal/tensorboard/testdata/decode.py"}, files...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	type at struct {
		tag  string
		step int
	}
	seen := map[at]float64{}
	for line := range strings.Lines(string(out)) {
		var e struct {
			Step    int
			Session int
			Scalars map[string]float64
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Session == 1 {
			for k := range seen {
				if k.step >= e.Step {
					delete(seen, k)
				}
			}
		}
		for tag, v := range e.Scalars {
			seen[at{tag, e.Step}] = v
		}
	}
	b, err := os.ReadFile(filepath.Join(copied, metricsFile))
	if err != nil {
		t.Fatal(err)
	}
	values, steps := 0, map[string]int{}
	for line := range strings.Lines(string(b)) {
		var m metric
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		for _, s := range m.scalars(nil) {
			v, there := seen[at{s.Tag, m.Step}]
			if !there || math.Abs(v-s.Value) > 1e-6*math.Abs(s.Value) {
				t.Errorf("step %d: %s is %v (%v), want %v", m.Step, s.Tag, v, there, s.Value)
			}
			values++
			steps[s.Tag]++
		}
	}
	if values != len(seen) || steps["loss/total"] != 9 || steps["validation/auc"] != 4 || steps["training/learning_rate"] != 9 || steps["speed/loader_wait"] != 9 {
		t.Errorf("%d values in the metrics, %d in the event files: %v", values, len(seen), steps)
	}
}

// Overwriting a fit removes its event files, and those elsewhere are followed by a new one.
func TestBoardOverwrites(t *testing.T) {
	o := quick()
	o.Config.Steps, o.Config.TensorBoard = 2, true
	o.DataDir, o.OutDir = small().write(t), filepath.Join(t.TempDir(), "fit")
	mustFit(t, o)
	o.Overwrite = true
	mustFit(t, o)
	if files, _ := filepath.Glob(filepath.Join(o.OutDir, boardFolder, "*")); len(files) != 1 {
		t.Errorf("files %v", files)
	}
	o.TensorBoard = filepath.Join(t.TempDir(), "elsewhere")
	for range 2 {
		if _, err := Fit(context.Background(), o); err != nil {
			t.Fatal(err)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(o.TensorBoard, "*")); len(files) != 2 {
		t.Errorf("files %v", files)
	}
}
