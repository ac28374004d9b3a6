package neuron

import (
	"slices"
	"strings"

	"neq/cuda"
)

// Model describes a neuron model as a user meets it: what it is, what can be set, what has been published.
type Model struct {
	Name            string      `json:"name"`
	Description     string      `json:"description"`
	Source          string      `json:"source"`
	DefaultDt       float64     `json:"default_dt_ms"`
	CurrentUnit     string      `json:"current_unit"`     // of injected current
	ConductanceUnit string      `json:"conductance_unit"` // of synaptic weights other than delta's (mV)
	States          []Variable  `json:"states"`           // the model's own; conductances of synapses follow them
	Parameters      []Parameter `json:"parameters"`
	Sets            []Set       `json:"sets"`           // the first is the default
	Cell            string      `json:"cell,omitempty"` // of a cell with dendrites: its description, as a neuron section has it
	DefaultSolver   cuda.Solver `json:"-"`

	path, template string // of a cell with dendrites: its file, and its neuron section with $parameters
	kernel         string
	constants      []timeConstant
	compile        func(p values) (compiled, error)
}

// Variable is a state variable.
type Variable struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
}

// Parameter is a parameter of a model, with its range (both ends allowed) and where its default comes from.
type Parameter struct {
	Name    string  `json:"name"`
	Unit    string  `json:"unit"`
	Default float64 `json:"default"`
	Min     float64 `json:"min"`
	Max     float64 `json:"max"`
	Doc     string  `json:"doc"`
	Source  string  `json:"source"`
}

// Set is a published set of parameters: those that differ from the model's defaults.
type Set struct {
	Name        string             `json:"name"`
	Description string             `json:"description"`
	Source      string             `json:"source"`
	Parameters  map[string]float64 `json:"parameters"`
	Current     float64            `json:"current"` // a constant current that shows the pattern, in CurrentUnit; 0: none published
}

// values are a model's parameters by name, complete.
type values map[string]float64

// compiled is what a model makes of its parameters.
type compiled struct {
	params, initial []float64
	threshold       float64
	currentScale    float64 // CurrentUnit -> mV/ms
	conductScale    float64 // ConductanceUnit -> 1/ms
}

// timeConstant is a time constant that dt must not exceed.
type timeConstant struct {
	name string
	of   func(values) float64 // ms
}

// parameter names a parameter as its own time constant.
func parameter(name string) timeConstant {
	return timeConstant{name, func(p values) float64 { return p[name] }}
}

// Models returns all neuron models, in the order `neq models` shows them.
func Models() []Model {
	models := points()
	for _, name := range cellOrder {
		if m, err := builtIn(name); err == nil { // a test reads them all
			models = append(models, m)
		}
	}
	return models
}

// points are the point neurons.
func points() []Model {
	return []Model{lif(), izhikevich(), adex(), hh(), pospischil("rs"), pospischil("fs"), pospischil("ib"), pospischil("lts")}
}

// Lookup returns the model of that name.
func Lookup(name string) (Model, error) {
	if name == Own {
		return ownCell(), nil
	}
	if slices.Contains(cellOrder, name) {
		return builtIn(name)
	}
	models := points()
	i := slices.IndexFunc(models, func(m Model) bool { return m.Name == name })
	if i < 0 {
		var names []string
		for _, m := range models {
			names = append(names, m.Name)
		}
		names = append(append(names, cellOrder...), Own)
		if name == "" {
			return Model{}, keyError("neuron.model", "missing: choose one of %s", strings.Join(names, ", "))
		}
		return Model{}, keyError("neuron.model", "no model %q%s: there are %s", name, suggest(name, names), strings.Join(names, ", "))
	}
	return models[i], nil
}

// values returns the model's parameters under a set and overrides, each checked against its range.
func (m *Model) values(set string, over map[string]float64) (values, error) {
	p := values{}
	names := make([]string, len(m.Parameters))
	for i, q := range m.Parameters {
		p[q.Name], names[i] = q.Default, q.Name
	}
	i := 0
	if set != "" {
		i = slices.IndexFunc(m.Sets, func(s Set) bool { return s.Name == set })
	}
	if i < 0 {
		sets := make([]string, len(m.Sets))
		for i, s := range m.Sets {
			sets[i] = s.Name
		}
		return nil, keyError("neuron.set", "model %s has no set %q%s: it has %s", m.Name, set, suggest(set, sets), strings.Join(sets, ", "))
	}
	for k, v := range m.Sets[i].Parameters {
		p[k] = v
	}
	if err := override(p, over, m.Parameters, "neuron.parameters", "model "+m.Name); err != nil {
		return nil, err
	}
	return p, nil
}

// table lists parameters by name, in a kernel's order.
func (p values) table(names ...string) []float64 {
	t := make([]float64, len(names))
	for i, n := range names {
		t[i] = p[n]
	}
	return t
}
