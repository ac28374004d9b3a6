package trainer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"neq/internal/atomicfile"
	"neq/internal/safetensors"
	"neq/surrogates"
)

// ExportFormats are what a model can be written as.
var ExportFormats = []string{"onnx", "safetensors"}

// Exported is what Export wrote.
type Exported struct {
	Model  string `json:"model"`
	Format string `json:"format"`
	File   string `json:"file"`
	Bytes  int    `json:"bytes"`
}

// Export writes the model in modelDir as one file. onnx is one ms of the surrogate with its state going in and out (see
// surrogates.Network.ONNX), voltages in mV; safetensors the tensors as they are. What else one needs to know stands in the
// file's metadata.
func Export(modelDir, format, path, version string) (*Exported, error) {
	m, err := Load(modelDir)
	if err != nil {
		return nil, err
	}
	metadata, err := m.metadata(version)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	switch format {
	case "onnx":
		err = m.writeONNX(&b, version, metadata)
	case "safetensors":
		named := map[string]string{}
		for _, p := range metadata {
			named[p[0]] = p[1]
		}
		err = safetensors.Write(&b, tensorsOf(m.Network), named)
	default:
		return nil, fmt.Errorf("trainer: format %q: want %s", format, strings.Join(ExportFormats, " or "))
	}
	if err == nil {
		err = atomicfile.WriteFile(path, b.Bytes())
	}
	if err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	return &Exported{m.Title, format, path, b.Len()}, nil
}

// metadata says what a file's numbers mean.
func (m *Model) metadata(version string) ([][2]string, error) {
	list := [][2]string{
		{"title", m.Title}, {"made_by", "neq " + version}, {"parameters", strconv.Itoa(m.Parameters)}, {"time_step_ms", "1"},
		{"inputs", strconv.Itoa(m.Inputs)}, {"receptive_field_ms", strconv.Itoa(m.ReceptiveField)}, {"neuron", m.Data.Neuron},
	}
	if m.Threshold != nil {
		list = append(list, [2]string{"spike_threshold_logit", strconv.FormatFloat(*m.Threshold, 'g', -1, 64)})
	}
	for _, x := range []struct {
		key   string
		value any
	}{{"surrogate", m.Spec}, {"synapses", m.Synapses}, {"normalisation", m.Normalisation}, {"auxiliary", m.Auxiliary}} {
		b, err := json.Marshal(x.value)
		if err != nil {
			return nil, fmt.Errorf("trainer: %s: %w", x.key, err)
		}
		if string(b) != "null" {
			list = append(list, [2]string{x.key, string(b)})
		}
	}
	return list, nil
}

func (m *Model) writeONNX(b *bytes.Buffer, version string, metadata [][2]string) error {
	var heads []surrogates.Head
	for i, a := range m.Normalisation.Auxiliary {
		heads = append(heads, surrogates.Head{Name: "auxiliary." + m.Auxiliary[i], Scale: surrogates.Scale{Mean: a.Mean, SD: a.SD}})
	}
	doc := fmt.Sprintf("One millisecond of %s, a surrogate of the neuron %s. Feed spikes [batch][%d] (the number of input spikes of each synapse "+
		"in this ms, in the order of the metadata's synapses) and the state, zeros before the first ms; feed each output next.X back as X. "+
		"spike_logit is the log odds of an output spike in this ms, voltage is in mV.", m.Title, m.Data.Neuron, m.Inputs)
	model, err := m.Network.ONNX(surrogates.Scale{Mean: m.Normalisation.Mean, SD: m.Normalisation.SD}, heads, "neq", version, doc, metadata...)
	if err != nil {
		return err
	}
	_, err = model.WriteTo(b)
	return err
}
