package experiment

import (
	"fmt"
	"strings"

	"neq/cuda"
	"neq/data/neuron"
)

// drive is an input under which a model spikes at a few Hz, for a configuration to start from.
type drive struct {
	excitatory, inhibitory string // kinds
	weights                [2]float64
	perTree                [2]float64 // excitatory events per 100 ms
	offset                 [2]float64
	clip                   float64 // mV
}

// dendrites is the input of a cell with dendrites, whose synapses its model has.
type dendrites struct {
	clip     float64 // mV
	trees    []tree
	protocol string // more lines of the stimulus
}

// tree is the input of a part of a cell with dendrites.
type tree struct {
	excitatory, inhibitory string // groups
	perTree, offset        [2]float64
}

// drives were chosen by simulation: each gives its model's default set an output of 0.3 to 20 Hz, as the
// package's tests check.
var drives = map[string]drive{
	"lif":           {"delta", "delta", [2]float64{2, -2}, [2]float64{0, 50}, [2]float64{-50, -15}, -55},
	"izhikevich":    {"delta", "delta", [2]float64{5, -2}, [2]float64{0, 50}, [2]float64{-50, -15}, 0},
	"adex":          {"ampa", "gaba_a", [2]float64{5, 2}, [2]float64{0, 100}, [2]float64{-100, -30}, -45},
	"hh":            {"ampa", "gaba_a", [2]float64{0.2, 1}, [2]float64{0, 60}, [2]float64{-60, -15}, -40},
	"pospischil-rs": {"ampa", "gaba_a", [2]float64{7, 2}, [2]float64{0, 60}, [2]float64{-60, -15}, -40},
	"pospischil-fs": {"ampa", "gaba_a", [2]float64{4, 2}, [2]float64{0, 60}, [2]float64{-60, -15}, -40},
	"":              {"ampa", "gaba_a", [2]float64{2, 2}, [2]float64{0, 60}, [2]float64{-60, -15}, -40},
}

// cells are the same for cells with dendrites.
var cells = map[string]dendrites{
	"ball-and-stick": cell(-30, tree{"exc", "inh", [2]float64{0, 12}, [2]float64{-10, 3}}),
	"pyramidal": cell(-55, tree{"exc_basal", "inh_basal", [2]float64{0, 80}, [2]float64{-60, 10}},
		tree{"exc_apical", "inh_apical", [2]float64{0, 100}, [2]float64{-70, 10}}),
	"l5pc":         published([2]float64{0, 800}, [2]float64{0, 800}, [2]float64{-600, 200}),
	"l5pc-ampa":    published([2]float64{0, 1900}, [2]float64{0, 2000}, [2]float64{-1650, 150}),
	"l5pc-passive": published([2]float64{0, 800}, [2]float64{0, 800}, [2]float64{-600, 200}),
	"dcaap":        cell(-55, tree{"a", "", [2]float64{0, 80}, [2]float64{}}, tree{"b", "", [2]float64{0, 110}, [2]float64{}}),
}

func cell(clip float64, trees ...tree) dendrites { return dendrites{clip: clip, trees: trees} }

// published is the protocol of Beniaguev, Segev & London 2021 for the layer 5 cell.
func published(basal, apical, offset [2]float64) dendrites {
	d := cell(-55, tree{"exc_basal", "inh_basal", basal, offset}, tree{"exc_apical", "inh_apical", apical, offset})
	d.protocol = `  interval_ms: [25, 30, 35, 40, 45, 55, 60, 65, 70, 75, 80, 85, 90, 100, 150, 200, 300, 450]
  interval_jitter_ms: 20
  smoothing_ms: [25, 30, 35, 40, 50, 60, 80, 100, 150, 200, 300, 400, 500, 600]
  smoothing_jitter_ms: 20
  share: length    # a synapse's share of its group's events: its segment's length + 10 um,
  share_offset_um: 10
  spread: [0.5, 1.5]    # times U[0.5, 1.5] in every interval`
	return d
}

// Template writes a commented configuration for a neuron model, ready to run.
func Template(model string) (string, error) {
	m, err := neuron.Lookup(model)
	if err != nil {
		return "", err
	}
	d, ok := drives[model]
	if !ok {
		d = drives[""]
	}
	in, branched := cells[model]
	if !branched {
		in = dendrites{clip: d.clip, trees: []tree{{"exc", "inh", d.perTree, d.offset}}}
	}
	var b strings.Builder
	p := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	p("# How many parameters is this neuron? Written by: neq init --model %s", model)
	p("# Run it with:  neq run THIS_FILE --out out")
	p("# What is left out has a default; unknown keys are errors. Change single values with --set key=value.")
	p("")
	p("title: %q", m.Description)
	p("seed: 1")
	p("")
	p("neuron:")
	p("  model: %s    # %s", m.Name, m.Source)
	var sets []string
	for _, s := range m.Sets {
		sets = append(sets, s.Name)
	}
	p("  set: %s    # of: %s", m.Sets[0].Name, strings.Join(sets, ", "))
	p("  parameters: {}    # whatever differs from the set; there are:")
	for _, q := range m.Parameters {
		value := q.Default
		if v, ok := m.Sets[0].Parameters[q.Name]; ok {
			value = v
		}
		p("    # %s: %g    %s, %g to %g: %s", q.Name, value, unit(q.Unit), q.Min, q.Max, q.Doc)
	}
	if branched {
		p("  # all else of the cell is the model's, as \"neq models %s\" shows it; what is given here replaces it key by key:", m.Name)
		p("  # morphology: cell.swc    # or .asc; synapses, mechanisms, segments, ... as in examples/cell.yaml")
	} else {
		p("  synapses:    # kinds: delta (weight in mV), ampa, nmda, gaba_a, gaba_b (peak conductance in %s)", m.ConductanceUnit)
		p("    - {name: exc, kind: %s, count: 80, weight: %g}    # or weight: {distribution: lognormal, mean: %g, sd: %g}", d.excitatory, d.weights[0], d.weights[0], d.weights[0]/2)
		p("    - {name: inh, kind: %s, count: 20, weight: %g}    # add release_probability: 0.5 for unreliable synapses", d.inhibitory, d.weights[1])
	}
	p("")
	p("stimulus:")
	p("  protocol: modulated    # Beniaguev, Segev & London 2021; or poisson (rates_hz: {%s: 5}), replay (file: events.csv), none", in.trees[0].excitatory)
	p("  trees:")
	for _, t := range in.trees {
		p("    - excitatory: %s", t.excitatory)
		p("      excitatory_per_100ms: [%g, %g]    # events on the whole group, drawn anew in every interval", t.perTree[0], t.perTree[1])
		if t.inhibitory != "" {
			p("      inhibitory: %s", t.inhibitory)
			p("      inhibitory_offset: [%g, %g]    # inhibitory events lie between these above the excitatory", t.offset[0], t.offset[1])
		}
	}
	if in.protocol != "" {
		p("%s", in.protocol)
	}
	p("  # current: {start_ms: 100, stop_ms: 600, amplitude: [0, 1]}    # %s; two values: each sample draws between them", m.CurrentUnit)
	p("")
	p("simulation:")
	p("  dt_ms: %g    # time step", m.DefaultDt)
	solver, other := "euler", "staggered: second order in the time step"
	if m.DefaultSolver != cuda.Euler {
		solver, other = m.DefaultSolver.String(), "euler: first order in the time step"
	}
	p("  solver: %s    # or %s", solver, other)
	p("  precision: float32    # or float64, for reference runs")
	p("  duration_ms: 6000    # of a sample")
	p("  samples: {train: 600, validation: 60, test: 120}")
	p("  samples_per_shard: 60    # the unit of writing and resuming")
	p("  # record: [%s]    # other state variables to keep, at 1 ms", recordable(m))
	p("")
	p("surrogates:    # each is trained; the smallest that is faithful is the answer")
	p("  - {family: filter, grid: {window_ms: [10, 20, 40, 80]}}    # one temporal filter over all inputs")
	p("  - {family: tcn, depth: 2, width: 1, kernels: [1, 40], activation: tanh}    # one weight a synapse, then one filter for all")
	p("  - {family: fcn, window_ms: 40, width: 8}    # one hidden layer")
	p("  - {family: tcn, depth: 3, width: 16, kernels: [20, 10, 10], activation: relu, batch_norm: true}    # a temporally convolutional network")
	p("  - {family: elm, memory: 4}    # an Expressive Leaky Memory neuron; every family and its keys: surrogates/README.md")
	p("")
	p("training:")
	p("  optimiser: nadam    # adam, or adamw with weight_decay: 0.01, which shrinks weights but not biases")
	p("  learning_rate: 0.01    # neq train THIS_FILE --data traces --find-rate suggests one")
	p("  schedule: cosine    # constant, linear, steps")
	p("  steps: 800")
	p("  batch: 16    # windows at once; accumulate: 4 makes a step of four times as many, in the same memory")
	p("  window_ms: 400    # scored part of a training window; history before it comes on top")
	p("  precision: float32    # tf32 or bf16: what factors of dense layers are rounded to, tf32 by GPUs only")
	p("  tensorboard: false    # true writes event files beside metrics.jsonl")
	p("  loss: {spike: 1, voltage: 0.1}")
	p("  voltage: {clip_mv: %g}    # spikes are cut off the voltage target here", in.clip)
	p("")
	p("report:")
	p("  fidelity: auc    # the measure a surrogate must reach ...")
	p("  threshold: 0.99    # ... this much of")
	return b.String(), nil
}

func unit(u string) string {
	if u == "" {
		return "no unit"
	}
	return u
}

func recordable(m neuron.Model) string {
	if m.Cell != "" {
		return "v@*"
	}
	var names []string
	for _, s := range m.States[1:] {
		names = append(names, s.Name)
	}
	if len(names) == 0 {
		return "names of state variables"
	}
	return strings.Join(names, ", ")
}
