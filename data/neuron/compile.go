package neuron

import (
	"cmp"
	"math"
	"slices"

	"neq/cuda"
)

// Compile checks a configuration and makes the program that a device runs. Errors are *KeyError and name the key.
func Compile(cfg Config, o Options) (*Cell, error) {
	m, err := Lookup(cfg.Model)
	if err != nil {
		return nil, err
	}
	if m.dendritic() {
		return compileTree(&m, cfg, o)
	}
	if k := cfg.described(); k != "" {
		return nil, keyError("neuron."+k, "belongs to a cell with dendrites; %s is a point neuron", m.Name)
	}
	if o.Solver == cuda.TwoStage {
		return nil, keyError("solver", "two-stage is for cells with dendrites; %s is a point neuron: euler or staggered", m.Name)
	}
	p, err := m.values(cfg.Set, cfg.Parameters)
	if err != nil {
		return nil, err
	}
	c, err := m.compile(p)
	if err != nil {
		return nil, err
	}
	receptors, names, all, err := synapses(&m, cfg.Synapses, c.conductScale, o.Seed)
	if err != nil {
		return nil, err
	}
	dt, err := m.dt(p, receptors, names, o.Dt)
	if err != nil {
		return nil, err
	}
	if i := slices.Index(m.stateNames(), "hold"); i >= 0 { // refractory period in steps
		n := p["refractory_ms"] / dt
		if math.Round(n) < 1 || math.Abs(n-math.Round(n)) > 1e-6*n {
			return nil, keyError("neuron.parameters.refractory_ms", "%v is not a multiple of dt, %v ms", p["refractory_ms"], dt)
		}
		c.params[3] = math.Round(n)
	}
	cell := &Cell{
		Config:   cfg,
		Synapses: all,
		Program: cuda.Program{
			Kernel: m.kernel, Precision: o.Precision, Solver: o.Solver, Dt: dt, Params: c.params,
			States: m.stateNames(), Initial: c.initial, Receptors: receptors, Threshold: c.threshold,
		},
		CurrentUnit: m.CurrentUnit, CurrentScale: c.currentScale, ConductanceUnit: m.ConductanceUnit,
	}
	for _, v := range m.States {
		cell.StateUnits = append(cell.StateUnits, v.Unit)
	}
	for i, r := range receptors {
		if r.Kind != cuda.Delta {
			cell.Program.States = append(cell.Program.States, names[i])
			cell.StateUnits = append(cell.StateUnits, "1/ms")
		}
	}
	return cell, nil
}

func (m *Model) stateNames() []string {
	names := make([]string, len(m.States))
	for i, v := range m.States {
		names[i] = v.Name
	}
	return names
}

// dt checks a time step against every time constant. The model's own, where none is given, gives way to 0.1 ms
// when a synapse is faster than it.
func (m *Model) dt(p values, receptors []cuda.Receptor, names []string, dt float64) (float64, error) {
	type bound struct {
		name string
		ms   float64
	}
	var all []bound
	for _, t := range m.constants {
		all = append(all, bound{t.name, t.of(p)})
	}
	for i, r := range receptors {
		if r.Kind == cuda.Delta {
			continue
		}
		all = append(all, bound{"decay_ms of " + names[i][2:], r.Decay})
		if r.Rise > 0 {
			all = append(all, bound{"rise_ms of " + names[i][2:], r.Rise})
		}
	}
	least := slices.MinFunc(all, func(a, b bound) int { return cmp.Compare(a.ms, b.ms) })
	if dt == 0 {
		if dt = m.DefaultDt; dt > least.ms {
			dt = min(dt, 0.1)
		}
	}
	if !(dt > 0) || math.IsInf(dt, 0) {
		return 0, keyError("dt_ms", "%v: want a time above 0", dt)
	}
	if dt > least.ms*(1+1e-9) {
		return 0, keyError("dt_ms", "%v ms is above a time constant of model %s, %s = %.4g ms: take a smaller step", dt, m.Name, least.name, least.ms)
	}
	return dt, nil
}
