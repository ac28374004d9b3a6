package trainer

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"neq/data/traces"
	"neq/internal/safetensors"
	"neq/surrogates"
)

// placed is a data set's description of a neuron with two segments and the synapses on them.
func placed(at ...int32) traces.Info {
	info := small().info()
	info.Cell = &traces.Cell{Morphology: "a.asc", Synapses: at, Segments: []traces.Segment{{Region: "soma", Parent: -1, X: 0.5}, {Region: "dend", X: 0.25}}}
	return info
}

func TestFits(t *testing.T) {
	on := []int32{0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1}
	change := func(f func(*traces.Info)) traces.Info {
		info := placed(on...)
		info.Synapses = append([]traces.SynapseInfo(nil), info.Synapses...)
		f(&info)
		return info
	}
	moved := append([]int32(nil), on...)
	moved[1], moved[8] = 0, 1
	m := newModel(testNetwork(t), placed(on...), Normalisation{Mean: -65, SD: 5})
	for _, c := range []struct {
		name string
		info traces.Info
		want []string // none: it fits
	}{
		{"the same", placed(on...), nil},
		{"another length", change(func(i *traces.Info) { i.Duration = 77 }), nil},
		{"no places", small().info(), nil},
		{"fewer", change(func(i *traces.Info) { i.Inputs, i.Synapses[1].Count = 10, 2 }), []string{"11 inputs (8 delta exc, 3 delta inh)", "has 10 (8 delta exc, 2 delta inh)"}},
		{"another kind", change(func(i *traces.Info) { i.Synapses[0].Kind = "ampa" }), []string{"8 delta exc", "8 ampa exc"}},
		{"another order", change(func(i *traces.Info) {
			i.Synapses = []traces.SynapseInfo{{Name: "inh", Kind: "delta", Count: 3}, {Name: "exc", Kind: "delta", First: 3, Count: 8}}
		}), []string{"in the same order"}},
		{"other places", placed(moved...), []string{"synapse 1 is at dend[0](0.25)", "at soma[0](0.5)", "a.asc"}},
	} {
		err := m.Fits(c.info)
		if (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", c.name, err)
		}
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", c.name, err, want)
			}
		}
	}
}

// testNetwork is a small network over the inputs of small.
func testNetwork(t testing.TB) *surrogates.Network {
	t.Helper()
	info := small().info()
	net, err := surrogates.New(surrogates.Spec{Family: "fcn", Window: 2, Width: 1}, inputsOf(&info), 0, 7)
	if err != nil {
		t.Fatal(err)
	}
	return net
}

// A model of another version, with tensors too many, or one that claims what it has not, is refused with what to do.
func TestBadModel(t *testing.T) {
	info := small().info()
	dir := unfitted(t, surrogates.Spec{Family: "fcn", Window: 2, Width: 1}, info)
	model, err := os.ReadFile(filepath.Join(dir, modelFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err != nil {
		t.Fatal(err)
	}
	tensors := tensorsOf(testNetwork(t))
	nan := append([]float32(nil), tensors[0].Data...)
	nan[3] /= 0 * nan[3]
	for _, c := range []struct {
		name    string
		from    string
		to      string
		tensors []safetensors.Tensor
		want    []string
	}{
		{"another version", `"format": 1`, `"format": 7`, tensors, []string{"model.json has format 7, this version reads 1"}},
		{"another step", `"time_step_ms": 1`, `"time_step_ms": 0.5`, tensors, []string{"steps of 0.5 ms"}},
		{"no scale", `"voltage_sd_mv": 5`, `"voltage_sd_mv": 0`, tensors, []string{"voltage_sd_mv 0"}},
		{"another family", `"family": "fcn"`, `"family": "fnc"`, tensors, []string{"model.json", `"fnc"`}},
		{"more than the file", `"width": 1`, `"width": 60000`, tensors, []string{"weights.safetensors has room for"}},
		{"more than any", `"window_ms": 2`, `"window_ms": 9000000000`, tensors, []string{"window_ms"}},
		{"inputs", `"inputs": 11,`, `"inputs": 12,`, tensors, []string{"inputs 12, while its data set has 11"}},
		{"no inputs", `"inputs": 11,`, `"inputs": -1,`, tensors, []string{"-1 inputs"}},
		{"an extra tensor", "", "", append(tensors[:len(tensors):len(tensors)], safetensors.Tensor{Name: "more", Shape: []int{1}, Data: []float32{1}}), []string{`has a tensor "more"`}},
		{"a tensor less", "", "", tensors[1:], []string{`has no tensor "layer0.weight"`}},
		{"another shape", "", "", append([]safetensors.Tensor{{Name: "layer0.weight", Shape: []int{22}, Data: tensors[0].Data}}, tensors[1:]...), []string{"has shape [22]", "wants [11 2 1]"}},
		{"not finite", "", "", append([]safetensors.Tensor{{Name: "layer0.weight", Shape: []int{11, 2, 1}, Data: nan}}, tensors[1:]...), []string{`value 3 of tensor "layer0.weight"`}},
	} {
		b, err := encode(c.tensors)
		if err != nil {
			t.Fatal(err)
		}
		if c.from != "" && bytes.Count(model, []byte(c.from)) == 0 {
			t.Fatalf("%s: %s is not in model.json", c.name, c.from)
		}
		d := &Description{}
		if err := json.Unmarshal(bytes.Replace(model, []byte(c.from), []byte(c.to), 1), d); err != nil {
			t.Fatal(err)
		}
		d.Weights = sumOf(b)
		raw, err := json.MarshalIndent(d, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string][]byte{modelFile: raw, weightsFile: b} {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		_, err = Load(dir)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", c.name, err, want)
			}
		}
	}
	elm, err := surrogates.New(surrogates.Spec{Family: "elm", Memory: 2, Branches: 2, BranchSize: 6}, inputsOf(&info), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	wrong := tensorsOf(elm)
	for i := range wrong {
		if wrong[i].Name == "layer0.synapse" {
			wrong[i].Data = append([]float32{11}, wrong[i].Data[1:]...)
		}
	}
	b, err := encode(wrong)
	if err != nil {
		t.Fatal(err)
	}
	if err := decodeWeights("w", b, elm); err == nil || !strings.Contains(err.Error(), "slot 0 listens to synapse 11") {
		t.Errorf("a synapse that is none: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, modelFile)); err != nil {
		t.Fatal(err)
	}
	big, err := os.Create(filepath.Join(dir, modelFile))
	if err != nil {
		t.Fatal(err)
	}
	defer big.Close()
	if err := big.Truncate(1 << 40); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "want at most") {
		t.Errorf("a model.json of 1 TiB: %v", err)
	}
}

// FuzzModel feeds model.json to the reader of models, with weights whose checksum is theirs: an error or a network of
// no more weights than the file holds, never a panic.
func FuzzModel(f *testing.F) {
	net := testNetwork(f)
	weights, err := encode(tensorsOf(net))
	if err != nil {
		f.Fatal(err)
	}
	model, err := json.Marshal(newModel(net, placed(0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1), Normalisation{SD: 1}).Description)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(model)
	for _, spec := range []string{`"family":"fcn"`, `"family":"tcn","depth":3,"kernels":[2]`, `"family":"lstm","width":2`} {
		f.Add(bytes.Replace(model, []byte(`"family":"fcn"`), []byte(spec), 1))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d := &Description{}
		if json.Unmarshal(raw, d) != nil {
			return
		}
		net, err := d.network("weights.safetensors", weights)
		if err == nil && net.Parameters() > len(weights)/4 {
			t.Errorf("a network of %d weights from a file of %d bytes", net.Parameters(), len(weights))
		}
		if err == nil {
			m := &Model{*d, net}
			metadata, err := m.metadata("")
			if err == nil {
				m.writeONNX(&bytes.Buffer{}, "", metadata)
			}
		}
		if err := d.Fits(small().info()); err == nil && d.Inputs != 11 {
			t.Errorf("%d inputs fit 11", d.Inputs)
		}
	})
}
