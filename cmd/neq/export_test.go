package main

import (
	"path/filepath"
	"strings"
	"testing"

	"neq/internal/safetensors"
)

// A fit leaves as ONNX or safetensors with what one needs to know in its metadata; a file that is there stays.
func TestExport(t *testing.T) {
	t.Parallel()
	dir := fitted(t)
	var e struct {
		Model, Format string
		Bytes         int
	}
	decode(t, dir, &e, "export", "fit", "--to", "onnx", "--out", "n.onnx")
	model := string(read(t, dir, "n.onnx"))
	if e.Model != "filter-10ms" || e.Format != "onnx" || e.Bytes != len(model) {
		t.Errorf("export: %+v, %d bytes", e, len(model))
	}
	for _, want := range []string{"spike_logit", "next.layer0.coming", "time_step_ms", `"voltage_sd_mv"`, `"name":"exc"`, "MatMul"} {
		if !strings.Contains(model, want) {
			t.Errorf("the model does not say %q", want)
		}
	}
	refused(t, dir, exitUsage, []string{"n.onnx is there already", "--overwrite"}, "export", "fit", "--to", "onnx", "--out", "n.onnx")
	if r := must(t, dir, "export", "fit", "--to", "onnx", "--out", "n.onnx", "--overwrite"); string(read(t, dir, "n.onnx")) != model || !strings.HasPrefix(r.out, "n.onnx: filter-10ms as onnx") {
		t.Errorf("exported twice: %s", r.said())
	}
	must(t, dir, "export", "fit", "--to", "safetensors", "--out", "n.safetensors")
	f, err := safetensors.Open(filepath.Join(dir, "n.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if w := f.Find("layer0.weight"); w == nil || len(w.Data) != 100 || f.Metadata["title"] != "filter-10ms" || f.Metadata["parameters"] != "105" {
		t.Errorf("safetensors: %v, %v", w, f.Metadata)
	}
	refused(t, dir, exitUsage, []string{`--to "pickle": want onnx or safetensors`}, "export", "fit", "--to", "pickle", "--out", "p")
	refused(t, dir, exitUsage, []string{`"out" not set`}, "export", "fit", "--to", "onnx")
	refused(t, dir, exitFailed, []string{"data holds no model.json"}, "export", "data", "--to", "onnx", "--out", "p")
	refused(t, dir, exitFailed, []string{"absent"}, "export", "fit", "--to", "onnx", "--out", "absent/p")
	if exists(dir, "p") {
		t.Error("a refused command left its file")
	}
}
