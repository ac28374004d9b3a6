// Package torchcheck holds outputs and gradients against PyTorch's, on the same weights and input: tests write cases,
// bench/torch_check.py computes them again. make torch-check runs it; without NEQ_TORCH, the Python to use, such tests skip.
package torchcheck

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"neq/internal/safetensors"
)

// Case is one computation. Its model is a function of torch_check.py, which takes the tensors in, by name, and the options,
// and gives the tensor out.
type Case struct {
	Name, Model string
	Options     any                  // as JSON
	In          []safetensors.Tensor // names are the function's
	Out         []float32
	DOut        []float32   // the gradient that comes back at out; nil: 1, for a loss
	Grad        [][]float32 // of In; nil: of none is asked
	Tolerance   float64     // a part of the largest number of each tensor, for the rounding of float32 alone
}

// Python is the one with PyTorch; the test skips where none is named.
func Python(t *testing.T) string {
	t.Helper()
	python := os.Getenv("NEQ_TORCH")
	if python == "" {
		t.Skip("PyTorch: set NEQ_TORCH to a Python that has it, or run make torch-check")
	}
	return python
}

// Run compares cases with PyTorch's float64 and fails the test where one is off by more than its tolerance.
func Run(t *testing.T, cases ...Case) {
	t.Helper()
	python, dir := Python(t), t.TempDir()
	for _, c := range cases {
		if err := c.write(filepath.Join(dir, c.Name+".safetensors")); err != nil {
			t.Fatal(err)
		}
	}
	root, err := filepath.Abs(".")
	for err == nil && !exists(filepath.Join(root, "go.mod")) && root != filepath.Dir(root) {
		root = filepath.Dir(root)
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), python, filepath.Join(root, "bench", "torch_check.py"), dir).CombinedOutput()
	t.Logf("%s", bytes.TrimSpace(out))
	if err != nil {
		t.Errorf("torch_check.py: %v", err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (c Case) write(path string) error {
	options, err := json.Marshal(map[string]any{"model": c.Model, "options": c.Options, "tolerance": c.Tolerance})
	if err != nil {
		return err
	}
	var all []safetensors.Tensor
	for i, x := range c.In {
		all = append(all, safetensors.Tensor{Name: "in." + x.Name, Shape: x.Shape, Data: x.Data})
		if c.Grad != nil && c.Grad[i] != nil {
			all = append(all, safetensors.Tensor{Name: "grad." + x.Name, Shape: x.Shape, Data: c.Grad[i]})
		}
	}
	all = append(all, safetensors.Tensor{Name: "out", Shape: []int{len(c.Out)}, Data: c.Out})
	if c.DOut != nil {
		all = append(all, safetensors.Tensor{Name: "dout", Shape: []int{len(c.DOut)}, Data: c.DOut})
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := safetensors.Write(f, all, map[string]string{"case": string(options)}); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
