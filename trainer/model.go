package trainer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"neq/data/traces"
	"neq/internal/atomicfile"
	"neq/internal/safetensors"
	"neq/surrogates"
	"neq/trainer/fidelity"
)

// Names of the files of a fitted model.
const (
	modelFile   = "model.json"
	weightsFile = "weights.safetensors"
	metricsFile = "metrics.jsonl"
)

// Description is model.json: everything about a fitted surrogate but its weights.
type Description struct {
	Format         int                  `json:"format"`
	Title          string               `json:"title"`
	Spec           surrogates.Spec      `json:"spec"`
	Inputs         int                  `json:"inputs"`
	Synapses       []traces.SynapseInfo `json:"synapses"`            // groups, in the order of the inputs
	Auxiliary      []string             `json:"auxiliary,omitempty"` // recorded variables the auxiliary heads predict
	Parameters     int                  `json:"parameters"`
	Synaptic       int                  `json:"synaptic_parameters"` // those of the first layer that touch an input
	Core           int                  `json:"core_parameters"`     // the others
	ReceptiveField int                  `json:"receptive_field_ms"`  // 0: all of the past
	MACs           float64              `json:"macs_per_ms"`
	State          int                  `json:"state"` // numbers kept from one ms to the next
	Normalisation  Normalisation        `json:"normalisation"`
	Threshold      *float64             `json:"spike_threshold_logit"` // best spike F1 on validation; null without spikes there
	Validation     *fidelity.Result     `json:"validation"`            // of these weights; null without a validation split
	Config         Config               `json:"training"`
	Data           traces.Info          `json:"data"`
	Steps          int                  `json:"steps"`       // run, early stopping included
	BestStep       int                  `json:"best_step"`   // whose weights these are
	Seconds        float64              `json:"seconds"`     // of wall clock, over all resumes
	BioSeconds     float64              `json:"bio_seconds"` // of scored neuron time trained on
	Weights        fileSum              `json:"weights"`
}

// modelFormat is the version of model.json this package writes and reads.
const modelFormat = 1

// fileSum is a file's length and SHA-256.
type fileSum struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func sumOf(b []byte) fileSum {
	h := sha256.Sum256(b)
	return fileSum{int64(len(b)), hex.EncodeToString(h[:])}
}

// readSummed reads a file whose length and checksum are known.
func readSummed(path string, want fileSum) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	switch got := sumOf(b); {
	case got.Bytes != want.Bytes:
		return nil, fmt.Errorf("trainer: %s has %d bytes, want %d: it is truncated or not the file that was written", path, got.Bytes, want.Bytes)
	case got.SHA256 != want.SHA256:
		return nil, fmt.Errorf("trainer: %s: checksum %.8s.., want %.8s..: it is damaged", path, got.SHA256, want.SHA256)
	}
	return b, nil
}

// Model is a fitted surrogate.
type Model struct {
	Description
	Network *surrogates.Network
}

// newModel describes a network over a data set's inputs.
func newModel(net *surrogates.Network, info traces.Info, norm Normalisation) *Model {
	d := Description{Format: modelFormat, Title: net.Spec().Title(), Spec: net.Spec(), Inputs: net.Inputs(), Synapses: info.Synapses,
		Parameters: net.Parameters(), Synaptic: net.SynapticParameters(), ReceptiveField: net.ReceptiveField(), Normalisation: norm, Data: info}
	d.Core = d.Parameters - d.Synaptic
	d.MACs, d.State = net.Cost(norm.InputRate * float64(d.Inputs) / 1000)
	return &Model{d, net}
}

// Load reads a fitted model from the folder Fit wrote.
func Load(dir string) (*Model, error) {
	d, err := Describe(dir)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, weightsFile)
	b, err := readSummed(path, d.Weights)
	if err != nil {
		return nil, err
	}
	if d.Data.Inputs != d.Inputs {
		return nil, fmt.Errorf("trainer: %s: inputs %d, while its data set has %d", filepath.Join(dir, modelFile), d.Inputs, d.Data.Inputs)
	}
	size, err := d.Spec.Size(d.Inputs)
	if err == nil && size > int64(len(b))/4 { // before memory is taken for what a file merely claims
		err = fmt.Errorf("a network of %d weights, while %s has room for %d", size, weightsFile, len(b)/4)
	}
	if err != nil {
		return nil, fmt.Errorf("trainer: %s: %w", filepath.Join(dir, modelFile), err)
	}
	net, err := surrogates.New(d.Spec, inputsOf(&d.Data), len(d.Auxiliary), 0)
	if err != nil {
		return nil, fmt.Errorf("trainer: %s: %w", filepath.Join(dir, modelFile), err)
	}
	if err := decodeWeights(path, b, net); err != nil {
		return nil, err
	}
	return &Model{*d, net}, nil
}

// Describe reads a fitted model's description without its weights.
func Describe(dir string) (*Description, error) {
	path := filepath.Join(dir, modelFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("trainer: %s holds no %s: is it the folder of a finished \"neq train\"?", dir, modelFile)
	}
	if err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	d := &Description{}
	if err := json.Unmarshal(b, d); err != nil {
		return nil, fmt.Errorf("trainer: %s is damaged: %w", path, err)
	}
	switch {
	case d.Format != modelFormat:
		return nil, fmt.Errorf("trainer: %s has format %d, this version reads %d", path, d.Format, modelFormat)
	case !(d.Normalisation.SD > 0):
		return nil, fmt.Errorf("trainer: %s: voltage_sd_mv %v, want above 0", path, d.Normalisation.SD)
	}
	return d, nil
}

// Fits says whether a data set's inputs are the ones the model was trained on: their number and the order of
// their groups.
func (d *Description) Fits(info traces.Info) error {
	same := d.Inputs == info.Inputs && len(d.Synapses) == len(info.Synapses)
	for i := 0; same && i < len(d.Synapses); i++ {
		same = d.Synapses[i] == info.Synapses[i]
	}
	if same {
		return nil
	}
	return fmt.Errorf("trainer: the model was trained on %d inputs (%s), the data set has %d (%s): they must be the same, in the same order",
		d.Inputs, groups(d.Synapses), info.Inputs, groups(info.Synapses))
}

func groups(list []traces.SynapseInfo) string {
	var s []string
	for _, g := range list {
		s = append(s, fmt.Sprintf("%d %s %s", g.Count, g.Kind, g.Name))
	}
	return strings.Join(s, ", ")
}

// save writes weights, then model.json, whose presence says that the model is whole.
func (m *Model) save(disk atomicfile.Disk, dir string) error {
	b, err := encode(tensorsOf(m.Network))
	if err != nil {
		return err
	}
	if err := disk.WriteFile(filepath.Join(dir, weightsFile), b); err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	m.Weights = sumOf(b)
	return writeJSON(disk, filepath.Join(dir, modelFile), m.Description)
}

func writeJSON(disk atomicfile.Disk, path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("trainer: %s: %w", path, err)
	}
	if err := disk.WriteFile(path, append(b, '\n')); err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	return nil
}

// values are a weight's numbers.
func values(w *surrogates.Weight) []float32 { return w.Value.Data().([]float32) }

// tensorsOf are a network's weights as a file holds them.
func tensorsOf(net *surrogates.Network) []safetensors.Tensor {
	var list []safetensors.Tensor
	for _, w := range net.Weights() {
		list = append(list, safetensors.Tensor{Name: w.Name, Shape: w.Value.Shape(), Data: values(w)})
	}
	return list
}

func encode(list []safetensors.Tensor) ([]byte, error) {
	var b bytes.Buffer
	if err := safetensors.Write(&b, list, nil); err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	return b.Bytes(), nil
}

// decodeWeights puts a file's tensors into a network, all or none.
func decodeWeights(path string, b []byte, net *surrogates.Network) error {
	f, err := safetensors.Read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return fmt.Errorf("trainer: %s: %w", path, err)
	}
	for _, w := range net.Weights() {
		t := f.Find(w.Name)
		if t == nil {
			return fmt.Errorf("trainer: %s has no tensor %q: it is of another architecture than %s", path, w.Name, net.Spec().Title())
		}
		if !sameShape(t.Shape, w.Value.Shape()) {
			return fmt.Errorf("trainer: %s: tensor %q has shape %v, %s wants %v: it is of another architecture", path, w.Name, t.Shape, net.Spec().Title(), []int(w.Value.Shape()))
		}
		if at := firstNonFinite(t.Data); at >= 0 {
			return fmt.Errorf("trainer: %s: value %d of tensor %q is %v", path, at, w.Name, t.Data[at])
		}
	}
	if len(f.Tensors) != len(net.Weights()) {
		return fmt.Errorf("trainer: %s has %d tensors, %s has %d: it is of another architecture", path, len(f.Tensors), net.Spec().Title(), len(net.Weights()))
	}
	for _, w := range net.Weights() {
		copy(values(w), f.Find(w.Name).Data)
	}
	return nil
}

func sameShape(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// firstNonFinite is the index of the first NaN or infinity, -1 where there is none.
func firstNonFinite(x []float32) int {
	for i, v := range x {
		if v-v != 0 {
			return i
		}
	}
	return -1
}
