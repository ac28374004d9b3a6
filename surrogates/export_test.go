package surrogates

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// onnxTask is a model as testdata/onnx_step.js steps it.
type onnxTask struct {
	File   string           `json:"file"`
	Rows   int              `json:"rows"`
	Inputs int              `json:"inputs"`
	Steps  int              `json:"steps"`
	Events [][3]int         `json:"events"`
	States map[string][]int `json:"states"`

	spec           Spec
	logit, voltage []float32 // of the whole sequence, [row][ms]
	last           map[string][]float32
	scale          Scale
}

// writeONNX writes a network of each spec as ONNX, with what 200 ms of it give in a graph and in a stream.
func writeONNX(t *testing.T, specs []Spec) []onnxTask {
	t.Helper()
	const rows, time, inputs = 3, 200, 23
	dir := t.TempDir()
	var list []onnxTask
	for _, spec := range specs {
		n, err := New(spec, testInputs(inputs), 1, 5)
		if err != nil {
			t.Fatal(err)
		}
		perturb(n)
		g, err := n.Graph(GraphOptions{Batch: rows, Time: time, Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		e := g.Events()
		drawEvents(e, 0.1, 9)
		if _, err := g.Run(nil, LossWeights{}); err != nil {
			t.Fatal(err)
		}
		task := onnxTask{File: filepath.Join(dir, spec.Title()+".onnx"), Rows: rows, Inputs: inputs, Steps: time, States: map[string][]int{}, spec: spec,
			logit: append([]float32(nil), g.Logit()...), voltage: append([]float32(nil), g.Voltage()...), last: map[string][]float32{}, scale: Scale{Mean: -67.7, SD: 10}}
		for r := range rows {
			for i := e.Start[r]; i < e.Start[r+1]; i++ {
				task.Events = append(task.Events, [3]int{int(e.Bin[i]), r, int(e.Synapse[i])})
			}
		}
		s, err := n.Stream(rows)
		if err != nil {
			t.Fatal(err)
		}
		for ms := range time {
			in := &Spikes{Start: []int{0}}
			for r := range rows {
				for i := e.Start[r]; i < e.Start[r+1]; i++ {
					if int(e.Bin[i]) == ms {
						in.Synapse = append(in.Synapse, e.Synapse[i])
					}
				}
				in.Start = append(in.Start, len(in.Synapse))
			}
			if _, err := s.Step(in); err != nil {
				t.Fatal(err)
			}
		}
		for _, x := range s.State() {
			task.States[x.Name], task.last[x.Name] = x.Shape, x.Value
		}
		g.Close()
		m, err := n.ONNX(task.scale, []Head{{"extra", Scale{1, 2}}}, "neq", "test", spec.Title(), [2]string{"title", spec.Title()})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := m.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(task.File, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		list = append(list, task)
	}
	return list
}

// Stepped one ms at a time in onnxruntime, an exported network gives what it gives here over whole sequences, and ends in
// the state that streaming ends in. Sums in another order leave some 1e-6.
func TestONNXRuntime(t *testing.T) {
	modules := os.Getenv("NEQ_ONNXRUNTIME")
	if modules == "" {
		t.Skip("needs onnxruntime: make onnx-check fetches it from npm")
	}
	list := writeONNX(t, every)
	task := filepath.Join(t.TempDir(), "task.json")
	b, err := json.Marshal(map[string]any{"models": list})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(task, b, 0o644); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("node", filepath.Join("testdata", "onnx_step.js"), task)
	c.Env = append(os.Environ(), "NODE_PATH="+modules)
	var said bytes.Buffer
	c.Stderr = &said
	if b, err = c.Output(); err != nil {
		t.Fatalf("%v: %s", err, &said)
	}
	var got struct {
		Outputs []map[string][][]float32
		States  []map[string][]float32
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for i, m := range list {
		y := got.Outputs[i]
		if len(y) != 3 || len(y["extra"]) != m.Steps {
			t.Fatalf("%s: outputs %d", m.spec.Title(), len(y))
		}
		var worst, state float64
		differ := func(worst *float64, got, want, scale float32) {
			if d := math.Abs(float64(got-want)) / float64(scale); !(d <= *worst) {
				*worst = d
			}
		}
		for ms := range m.Steps {
			for r := range m.Rows {
				differ(&worst, y["spike_logit"][ms][r], m.logit[r*m.Steps+ms], 1)
				differ(&worst, (y["voltage"][ms][r]-float32(m.scale.Mean))/float32(m.scale.SD), m.voltage[r*m.Steps+ms], 1)
			}
		}
		for name, want := range m.last {
			if len(got.States[i][name]) != len(want) {
				t.Fatalf("%s: state %s of %d numbers, want %d", m.spec.Title(), name, len(got.States[i][name]), len(want))
			}
			var size float32
			for _, v := range want {
				size = max(size, v, -v)
			}
			for j, v := range got.States[i][name] {
				differ(&state, v, want[j], 1+size)
			}
		}
		t.Logf("%s: outputs at most %.2g apart, states %.2g of the largest", m.spec.Title(), worst, state)
		if !(worst <= 1e-4) || !(state <= 1e-5) {
			t.Errorf("%s: outputs %v apart in onnxruntime, states %v", m.spec.Title(), worst, state)
		}
	}
}

// The standard's own checker, where it is installed, finds nothing wrong, shapes included.
func TestONNXChecker(t *testing.T) {
	const python = "/usr/bin/python3"
	if exec.Command(python, "-c", "import onnx").Run() != nil {
		t.Skip("needs Debian's python3-onnx")
	}
	args := []string{"-c", `
import sys, onnx
for path in sys.argv[1:]:
    m = onnx.load(path)
    onnx.checker.check_model(m, full_check=True)
    print({p.key: p.value for p in m.metadata_props}["title"], len(m.graph.node))`}
	list := writeONNX(t, every)
	for _, m := range list {
		args = append(args, m.File)
	}
	out, err := exec.Command(python, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, m := range list {
		if !strings.Contains(string(out), m.spec.Title()+" ") {
			t.Errorf("%s was not read: %s", m.spec.Title(), out)
		}
	}
}
