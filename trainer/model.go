package trainer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

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
	Step           float64              `json:"time_step_ms"`
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
	Imported       string               `json:"imported,omitempty"` // file of published weights it comes from
	Data           traces.Info          `json:"data"`
	Steps          int                  `json:"steps"`            // run, early stopping included
	BestStep       int                  `json:"best_step"`        // whose weights these are
	Seconds        float64              `json:"seconds"`          // of wall clock, over all resumes
	BioSeconds     float64              `json:"bio_seconds"`      // of scored neuron time trained on
	Origin         *Origin              `json:"origin,omitempty"` // null: initial weights of its own
	Weights        fileSum              `json:"weights"`
}

// modelFormat is the version of model.json this package writes and reads.
const modelFormat = 1

// timeStep is what a surrogate's step and a value of soma_v span, ms.
const timeStep = 1.0

// Model is a fitted surrogate.
type Model struct {
	Description
	Network *surrogates.Network
}

// newModel describes a network over a data set's inputs.
func newModel(net *surrogates.Network, info traces.Info, norm Normalisation) *Model {
	d := Description{Format: modelFormat, Title: net.Spec().Title(), Spec: net.Spec(), Inputs: net.Inputs(), Step: timeStep, Synapses: info.Synapses,
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
	net, err := d.network(path, b)
	if err != nil {
		return nil, err
	}
	return &Model{*d, net}, nil
}

// network makes what is described, with the weights that a file holds.
func (d *Description) network(path string, weights []byte) (*surrogates.Network, error) {
	size, err := d.Spec.Size(d.Inputs)
	switch {
	case err != nil:
	case d.Data.Inputs != d.Inputs:
		err = fmt.Errorf("inputs %d, while its data set has %d", d.Inputs, d.Data.Inputs)
	case len(d.Normalisation.Auxiliary) != len(d.Auxiliary):
		err = fmt.Errorf("%d auxiliary outputs with %d scales", len(d.Auxiliary), len(d.Normalisation.Auxiliary))
	case size > int64(len(weights))/4: // before memory is taken for what a file merely claims
		err = fmt.Errorf("a network of %d weights, while %s has room for %d", size, weightsFile, len(weights)/4)
	}
	var net *surrogates.Network
	if err == nil {
		net, err = surrogates.New(d.Spec, inputsOf(&d.Data), len(d.Auxiliary), 0)
	}
	if err != nil {
		return nil, fmt.Errorf("trainer: %s: %w", filepath.Join(filepath.Dir(path), modelFile), err)
	}
	return net, decodeWeights(path, weights, net)
}

// Describe reads a fitted model's description without its weights.
func Describe(dir string) (*Description, error) {
	path := filepath.Join(dir, modelFile)
	b, err := readBounded(path, maxJSON)
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
		return nil, fmt.Errorf("trainer: %s has format %d, this version reads %d: use the version that wrote it", path, d.Format, modelFormat)
	case d.Step != 0 && d.Step != timeStep: // 0: written before it was recorded
		return nil, fmt.Errorf("trainer: %s is of a surrogate with steps of %v ms, this version runs steps of %v ms", path, d.Step, timeStep)
	case !(d.Normalisation.SD > 0):
		return nil, fmt.Errorf("trainer: %s: voltage_sd_mv %v, want above 0", path, d.Normalisation.SD)
	}
	return d, nil
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

// decodeWeights puts a file's tensors into a network, all or, but for tables of indices that are none, none.
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
	for _, t := range f.Tensors {
		if !slices.ContainsFunc(net.Weights(), func(w *surrogates.Weight) bool { return w.Name == t.Name }) {
			return fmt.Errorf("trainer: %s has a tensor %.80q, which %s has not: it is of another architecture", path, t.Name, net.Spec().Title())
		}
	}
	for _, w := range net.Weights() {
		copy(values(w), f.Find(w.Name).Data)
	}
	if err := net.Valid(); err != nil {
		return fmt.Errorf("trainer: %s: %w", path, err)
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
