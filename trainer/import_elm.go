package trainer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"neq/data/traces"
	"neq/internal/atomicfile"
	"neq/internal/npz"
	"neq/surrogates"
)

// ImportOptions say how to read published weights. The zero value is the default.
type ImportOptions struct {
	DataDir    string // a data set of the neuron: its inputs and rates; "": those of the publication
	Activation string // relu or silu; "": silu where the file's name says so, else relu
	Overwrite  bool   // replace the model there
}

// Of the published Branch-ELM networks (Spieler et al., ICLR 2024, arXiv 2306.16922) and the data set of the layer 5 cell
// they were trained on (Beniaguev, Segev & London 2021): inputs are 639 excitatory synapses, then 639 inhibitory ones, each
// 262 basal and 377 apical; voltages are (V + 67.7 mV)/10 and were cut at -55 mV; rates are about these.
const (
	elmHalf               = 639
	elmBasal              = 262
	elmMean, elmSD        = -67.7, 10.0
	elmClip               = -55.0
	elmRate, elmInputRate = 1.0, 10.75 // Hz
	elmLow, elmHigh       = 1.0, 150.0 // ms, of the memory's time constants
	elmFile               = 64 << 20   // bytes of arrays: the largest published network has 0.3 MB
)

// ImportELM makes a model folder of a published Branch-ELM network, a numpy archive of its PyTorch tensors.
func ImportELM(ctx context.Context, file, outDir string, o ImportOptions) (*Description, error) {
	a, err := npz.Open(file, elmFile)
	if err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	p, err := readELM(a)
	if err != nil {
		return nil, fmt.Errorf("trainer: %s: %w", file, err)
	}
	spec := p.spec()
	spec.Name = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	if spec.Activation = o.Activation; spec.Activation == "" {
		spec.Activation = "relu"
		if strings.Contains(strings.ToLower(spec.Name), "silu") {
			spec.Activation = "silu"
		}
	}
	info, norm, err := elmData(ctx, o.DataDir)
	if err != nil {
		return nil, err
	}
	net, err := surrogates.New(spec, inputsOf(&info), 0, 0)
	if err != nil {
		return nil, fmt.Errorf("trainer: %s: %w", file, err)
	}
	if err := p.fill(net); err != nil {
		return nil, fmt.Errorf("trainer: %s: %w", file, err)
	}
	m := newModel(net, info, norm)
	m.Imported = filepath.Base(file)
	m.Config = Config{Optimiser: "adam", LearningRate: 5e-4, Schedule: "cosine", Steps: 350_000, Batch: 8, Window: 350, BurnIn: ptr(150),
		Loss: Loss{Spike: ptr(0.5), Voltage: ptr(0.5)}, Voltage: VoltageTarget{Clip: ptr(elmClip)}}
	m.Steps, m.BestStep = m.Config.Steps, m.Config.Steps
	return &m.Description, m.place(outDir, o.Overwrite)
}

// place writes a model into a folder of its own.
func (m *Model) place(dir string, overwrite bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("trainer: %w", err)
	}
	for _, e := range entries {
		if name := e.Name(); !overwrite || name != modelFile && name != weightsFile {
			return fmt.Errorf("trainer: %s is not empty (%s): choose another folder, or give --overwrite to replace a model there", dir, name)
		}
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	if err := os.Remove(filepath.Join(dir, modelFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("trainer: %w", err) // it would stand beside weights that are not its own
	}
	return m.save(atomicfile.Disk{}, dir)
}

// elmData describes the inputs: those of a data set, or the published ones.
func elmData(ctx context.Context, dir string) (traces.Info, Normalisation, error) {
	norm := Normalisation{Mean: elmMean, SD: elmSD, Clip: ptr(elmClip), Rate: elmRate, InputRate: elmInputRate}
	if dir == "" {
		info := traces.Info{Inputs: 2 * elmHalf, Duration: 6000, Neuron: "l5pc"}
		for _, g := range []traces.SynapseInfo{{Name: "exc_basal", Kind: "ampa+nmda", Count: elmBasal}, {Name: "exc_apical", Kind: "ampa+nmda", Count: elmHalf - elmBasal},
			{Name: "inh_basal", Kind: "gaba_a", Count: elmBasal}, {Name: "inh_apical", Kind: "gaba_a", Count: elmHalf - elmBasal}} {
			if n := len(info.Synapses); n > 0 {
				g.First = info.Synapses[n-1].First + info.Synapses[n-1].Count
			}
			info.Synapses = append(info.Synapses, g)
		}
		return info, norm, nil
	}
	set, err := traces.Open(dir)
	if err != nil {
		return traces.Info{}, norm, err
	}
	info := set.Info()
	if info.Inputs != 2*elmHalf {
		return info, norm, fmt.Errorf("trainer: %s has %d inputs (%s): the published networks take %d excitatory, then %d inhibitory synapses",
			dir, info.Inputs, groups(info.Synapses), elmHalf, elmHalf)
	}
	for y, s := range inputsOf(&info) {
		if s.Inhibitory != (y >= elmHalf) {
			return info, norm, fmt.Errorf("trainer: %s: input %d of %s is of the wrong sign: the published networks take %d excitatory, then %d inhibitory synapses",
				dir, y, groups(info.Synapses), elmHalf, elmHalf)
		}
	}
	data, err := split(set, info.Splits[0].Name)
	if err != nil {
		return info, norm, err
	}
	measured, err := normalise(ctx, data, norm.Clip, nil)
	norm.Rate, norm.InputRate, norm.Samples = measured.Rate, measured.InputRate, measured.Samples
	return info, norm, err
}

// publishedELM is a Branch-ELM as published: a dense layer's weights are [out][in], its input traces, then memory.
type publishedELM struct {
	branches, size, memory, hidden int
	tauS                           float64 // ms

	weight, tau, w1, b1, w2, b2, wy, by []float32
	synapse                             []int64 // of every slot of every branch
	valid                               []bool  // whether the slot counts
}

// readELM takes the arrays, all of them and no others, and checks that their shapes agree.
func readELM(f *npz.File) (*publishedELM, error) {
	p := &publishedELM{}
	var tauS []float32
	shapes := map[string][]int{}
	known := map[string]any{"_proto_w_s": &p.weight, "tau_s": &tauS, "_proto_tau_m": &p.tau, "input_to_synapse_indices": &p.synapse, "valid_indices_mask": &p.valid,
		"mlp.network.0.weight": &p.w1, "mlp.network.0.bias": &p.b1, "mlp.network.2.weight": &p.w2, "mlp.network.2.bias": &p.b2, "w_y.weight": &p.wy, "w_y.bias": &p.by}
	for i := range f.Arrays {
		a := &f.Arrays[i]
		var err error
		switch to := known[a.Name].(type) {
		case *[]float32:
			if *to, err = npz.Values[float32](a); err == nil {
				if at := firstNonFinite(*to); at >= 0 {
					err = fmt.Errorf("value %d of array %q is %v", at, a.Name, (*to)[at])
				}
			}
		case *[]int64:
			*to, err = npz.Values[int64](a)
		case *[]bool:
			*to, err = npz.Values[bool](a)
		default:
			err = fmt.Errorf("an array %.80q, which no published Branch-ELM has", a.Name)
		}
		if err != nil {
			return nil, err
		}
		shapes[a.Name] = a.Shape
	}
	for name := range known {
		if shapes[name] == nil {
			return nil, fmt.Errorf("no array %q: it is no published Branch-ELM", name)
		}
	}
	slots := len(p.weight)
	p.memory, p.hidden = len(p.tau), len(p.b1)
	if w := shapes["mlp.network.0.weight"]; len(w) == 2 {
		p.branches = w[1] - p.memory
	}
	if p.memory < 1 || p.hidden < 1 || p.branches < 1 || slots < 1 || slots%p.branches != 0 {
		return nil, fmt.Errorf("%d slots, %d memory units and an inner layer of %v make no Branch-ELM", slots, p.memory, shapes["mlp.network.0.weight"])
	}
	p.size = slots / p.branches
	for name, want := range map[string][]int{"_proto_w_s": {slots}, "tau_s": {slots}, "_proto_tau_m": {p.memory}, "input_to_synapse_indices": {slots}, "valid_indices_mask": {slots},
		"mlp.network.0.weight": {p.hidden, p.branches + p.memory}, "mlp.network.0.bias": {p.hidden}, "mlp.network.2.weight": {p.memory, p.hidden},
		"mlp.network.2.bias": {p.memory}, "w_y.weight": {2, p.memory}, "w_y.bias": {2}} {
		if !sameShape(shapes[name], want) {
			return nil, fmt.Errorf("array %q has shape %v, want %v with %d branches, %d memory and %d hidden units", name, shapes[name], want, p.branches, p.memory, p.hidden)
		}
	}
	for i, t := range tauS {
		if t != tauS[0] || !(t > 0) {
			return nil, fmt.Errorf("tau_s of slot %d is %v ms, of the first %v: want one time above 0 for all", i, t, tauS[0])
		}
	}
	p.tauS = float64(tauS[0])
	for i, y := range p.synapse {
		if p.valid[i] && (y < 0 || y >= 2*elmHalf) {
			return nil, fmt.Errorf("slot %d listens to input %d: there are %d", i, y, 2*elmHalf)
		}
	}
	return p, nil
}

// spec is the architecture, but for the activation: no array says it.
func (p *publishedELM) spec() surrogates.Spec {
	return surrogates.Spec{Family: "elm", Memory: p.memory, Hidden: p.hidden, Branches: p.branches, BranchSize: p.size,
		SynapseTau: p.tauS, MemoryTau: []float64{elmLow, elmHigh}}
}

// fill puts the published numbers into a network of the spec.
func (p *publishedELM) fill(net *surrogates.Network) error {
	synapse, sign := make([]float32, len(p.synapse)), make([]float32, len(p.synapse))
	for i, y := range p.synapse {
		synapse[i], sign[i] = -1, 1
		if p.valid[i] {
			synapse[i] = float32(y)
			if y >= elmHalf {
				sign[i] = -1
			}
		}
	}
	given := map[string][]float32{"layer0.weight": p.weight, "layer0.synapse": synapse, "layer0.sign": sign,
		"layer1.mlp.0.weight": transposed(p.w1, p.hidden), "layer1.mlp.0.bias": p.b1, "layer1.mlp.1.weight": transposed(p.w2, p.memory), "layer1.mlp.1.bias": p.b2,
		"layer1.tau": p.tau, "heads.weight": p.wy, "heads.bias": p.by}
	for _, w := range net.Weights() {
		v, ok := given[w.Name]
		if !ok || len(v) != len(values(w)) {
			return fmt.Errorf("no array for tensor %q of %v", w.Name, []int(w.Value.Shape()))
		}
		copy(values(w), v)
	}
	return net.Valid()
}

// transposed is a matrix of so many rows with rows and columns exchanged.
func transposed(m []float32, rows int) []float32 {
	out, columns := make([]float32, len(m)), len(m)/rows
	for i, v := range m {
		out[i%columns*rows+i/columns] = v
	}
	return out
}
