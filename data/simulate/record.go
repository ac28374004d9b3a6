package simulate

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"neq/data/traces"
)

// recorded finds the state variables to record. Of a cell with dendrites the program's states are what was asked for,
// here put in the order of traces: all sites of one state together.
func (p *Plan) recorded(s *Simulation) error {
	states := p.Cell.Program.States
	tree := p.Cell.Program.Tree
	if tree == nil {
		for i, name := range s.Record {
			k := slices.Index(states, name)
			if k < 1 || slices.Contains(p.record, k) {
				return fmt.Errorf("simulation.record[%d]: %q: %s has the state variables %s, each recorded once and v always", i, name, p.Info.Neuron, strings.Join(states[1:], ", "))
			}
			p.record = append(p.record, k)
			p.Info.Record = append(p.Info.Record, traces.Variable{Name: name, Unit: p.Cell.StateUnits[k]})
		}
		return nil
	}
	var order []string
	at := map[string][]int{}
	for k := 1; k < len(states); k++ {
		state, _, _ := strings.Cut(states[k], "@")
		if at[state] == nil {
			order = append(order, state)
		}
		at[state] = append(at[state], k)
	}
	for _, state := range order {
		for _, k := range at[state] {
			_, site, _ := strings.Cut(states[k], "@")
			segment := p.Cell.Cable.Nodes[tree.Sites[k].Node].Segment
			p.record = append(p.record, k)
			p.Info.Record = append(p.Info.Record, traces.Variable{Name: states[k], Unit: p.Cell.StateUnits[k], Site: site, Segment: int32(segment)})
		}
	}
	return nil
}

// windows checks the windows, and chooses how often a device is to record: as often as all of them and the values at
// whole ms have in common.
func (p *Plan) windows(s *Simulation) error {
	dt := p.Cell.Program.Dt
	for i, w := range s.Windows {
		whole := func(key string, ms float64) (int, error) {
			n := math.Round(ms / dt)
			if !(math.Abs(n*dt-ms) < 1e-6*dt+1e-12*ms) {
				return 0, fmt.Errorf("simulation.windows[%d].%s: %g: want a whole number of steps of %g ms", i, key, ms, dt)
			}
			return int(n), nil
		}
		if !(w.Start >= 0 && w.Start < w.Stop && w.Stop <= float64(s.Duration) && w.Every > 0) {
			return fmt.Errorf("simulation.windows[%d].start_ms: from %g to %g ms every %g: want 0 <= start_ms < stop_ms <= the sample's %d ms, every_ms above 0", i, w.Start, w.Stop, w.Every, s.Duration)
		}
		start, err := whole("start_ms", w.Start)
		if err != nil {
			return err
		}
		every, err := whole("every_ms", w.Every)
		if err != nil {
			return err
		}
		if every < 1 {
			return fmt.Errorf("simulation.windows[%d].every_ms: %g: want at least one step of %g ms", i, w.Every, dt)
		}
		p.every = common(p.every, common(start, every))
		p.Info.Windows = append(p.Info.Windows, traces.Window{Start: w.Start, Stop: w.Stop, Every: w.Every})
	}
	return nil
}

// common is the greatest common divisor; of 0 and n, n.
func common(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// pick takes the values at whole ms and those of the windows out of what a device recorded.
func (p *Plan) pick(samples int, trace [][]float32) (ms [][]float32, windows [][][]float32) {
	if p.every == p.perMs {
		return trace, nil
	}
	records := p.steps / p.every
	take := func(v []float32, first, every, count int) []float32 { // in records
		out := make([]float32, 0, samples*count)
		for i := range samples {
			for k := range count {
				out = append(out, v[i*records+first+k*every])
			}
		}
		return out
	}
	dt := p.Cell.Program.Dt
	for range p.Info.Windows {
		windows = append(windows, nil)
	}
	for i, v := range trace {
		for j, w := range p.Info.Windows {
			first, every := int(math.Round(w.Start/dt)), int(math.Round(w.Every/dt))
			windows[j] = append(windows[j], take(v, first/p.every, every/p.every, w.Values()))
		}
		ms = append(ms, take(v, 0, p.perMs/p.every, p.Info.Duration))
		trace[i] = nil
	}
	return ms, windows
}
