package probe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"neq/cuda"
	"neq/data/neuron"
	"neq/data/neuron/morphology"
)

// Neuron is a neuron model as a subject.
type Neuron struct {
	cell   *neuron.Cell
	device cuda.Device
	about  About
}

// NewNeuron makes a compiled cell a subject that runs on a device, under the name of its model where none is given.
func NewNeuron(name string, cell *neuron.Cell, device cuda.Device) *Neuron {
	if name == "" {
		name = cell.Config.Model
	}
	n := &Neuron{cell: cell, device: device}
	p := &cell.Program
	n.about = About{Name: name, Dt: p.Dt, CurrentUnit: cell.CurrentUnit, Nodes: 1, Device: device.Name()}
	if m, err := neuron.Lookup(cell.Config.Model); err == nil {
		n.about.Words = m.Description
		set := cell.Config.Set
		if set == "" && len(m.Sets) > 0 {
			set = m.Sets[0].Name
		}
		n.about.Facts = append(n.about.Facts, Fact{"Parameter set", set})
	}
	var changed []string
	for k, v := range cell.Config.Parameters {
		changed = append(changed, fmt.Sprintf("%s %g", k, v))
	}
	if sort.Strings(changed); len(changed) > 0 {
		n.about.Facts = append(n.about.Facts, Fact{"Parameters changed", strings.Join(changed, ", ")})
	}
	arithmetic := "single precision"
	if p.Precision == cuda.Float64 {
		arithmetic = "double precision"
	}
	switch p.Solver {
	case cuda.Staggered:
		arithmetic += ", second-order staggered step"
	case cuda.TwoStage:
		arithmetic += ", second-order step of two stages"
	}
	n.about.Facts = append(n.about.Facts, Fact{"Arithmetic", arithmetic})
	for i, s := range p.States {
		unit := ""
		if i < len(cell.StateUnits) {
			unit = cell.StateUnits[i]
		}
		n.about.States = append(n.about.States, State{s, unit})
	}
	first := 0
	for g, group := range cell.Config.Synapses {
		count := 0
		for _, s := range cell.Synapses {
			if s.Group == g {
				count++
			}
		}
		n.about.Groups = append(n.about.Groups, Group{group.Name, group.Kind, first, count, excitatory(cell, g)})
		first += count
	}
	n.about.Synapses = make([]Synapse, len(cell.Synapses))
	for i, s := range cell.Synapses {
		n.about.Synapses[i] = Synapse{Group: s.Group, Weight: s.Weight, Parent: -1}
	}
	if cell.Cable != nil {
		n.place()
	}
	return n
}

// place says where the synapses of a cell with dendrites are.
func (n *Neuron) place() {
	c := n.cell.Cable
	n.about.Nodes = len(c.Nodes)
	at := map[[2]int]int{} // group, segment -> the first synapse there
	for i, s := range n.cell.Synapses {
		if _, taken := at[[2]int{s.Group, s.Segment}]; !taken {
			at[[2]int{s.Group, s.Segment}] = i
		}
	}
	for i, s := range n.cell.Synapses {
		g := &c.Segments[s.Segment]
		syn := &n.about.Synapses[i]
		syn.Site, syn.Region, syn.Section = c.Name(s.Segment), g.Region, c.Morphology.Sections[g.Of].Name()
		syn.Distance, syn.Node = g.PathDistance, g.Node
		for k := g.Parent; k >= 0; k = c.Segments[k].Parent {
			if further, ok := at[[2]int{s.Group, k}]; ok {
				syn.Parent = further
				break
			}
		}
	}
	if len(c.Morphology.Sections) > 3 { // two cylinders need no picture
		n.about.Picture = n.picture
	}
	n.about.Facts = append(n.about.Facts, Fact{"Compartments", fmt.Sprintf("%d segments, %d nodes", len(c.Segments), len(c.Nodes))})
}

// picture draws the cell.
func (n *Neuron) picture(marks map[int]string, alone bool) string {
	o := morphology.Drawing{Width: 960, Height: 860, Marks: map[int]string{}, Alone: alone}
	for i, words := range marks {
		o.Marks[n.cell.Synapses[i].Segment] = words
	}
	svg, err := morphology.Draw(n.cell.Cable, o)
	if err != nil { // a mark on a segment that is not there: these are synapses' own
		return ""
	}
	return svg
}

// excitatory tells whether a group of synapses depolarises: a positive jump, or a reversal potential above the
// threshold, or above -40 mV for those that have one each.
func excitatory(cell *neuron.Cell, g int) bool {
	for _, s := range cell.Synapses {
		if s.Group != g {
			continue
		}
		if cell.Program.Tree != nil {
			return !strings.HasPrefix(cell.Config.Synapses[g].Kind, "gaba")
		}
		r := cell.Program.Receptors[s.Receptor]
		if r.Kind == cuda.Delta {
			return s.Device > 0
		}
		return r.Reversal > math.Min(cell.Program.Threshold, -40)
	}
	return false
}

// About describes the neuron.
func (n *Neuron) About() About { return n.about }

// Run simulates a cell for each trial.
func (n *Neuron) Run(ctx context.Context, s Session) ([]Response, error) {
	dt := n.cell.Program.Dt
	every := max(1, int(math.Round(s.Every/dt)))
	records := max(1, int(math.Round(s.Duration/dt))/every)
	b := &cuda.Batch{Lanes: len(s.Trials), Steps: records * every, Every: every, Record: []int{0}}
	if math.Abs(float64(every)*dt-s.Every) > 1e-6*s.Every {
		return nil, fmt.Errorf("a record every %g ms is no multiple of dt, %g ms", s.Every, dt)
	}
	program := n.cell.Program
	local, err := n.sites(&program, b, s)
	if err != nil {
		return nil, err
	}
	n.events(b, s.Trials)
	n.currents(b, s.Trials)
	if err := n.device.Run(ctx, &program, b); err != nil {
		return nil, err
	}
	out := make([]Response, len(s.Trials))
	for l := range out {
		r := &out[l]
		trace := func(i int) []float32 { return b.Trace[i][l*records : (l+1)*records : (l+1)*records] }
		r.V = trace(0)
		for i := range s.States {
			r.State = append(r.State, trace(1+i))
		}
		for _, i := range local {
			r.Local = append(r.Local, trace(i))
		}
		r.Spikes = b.SpikeTime[b.SpikeStart[l]:b.SpikeStart[l+1]]
	}
	return out, nil
}

// events are those of all trials, in the device's order.
func (n *Neuron) events(b *cuda.Batch, trials []Trial) {
	type event struct {
		step     int32
		receptor uint16
		weight   float32
	}
	b.Events.Offset = append(b.Events.Offset, 0)
	var of []event
	for _, t := range trials {
		of = of[:0]
		for _, e := range t.Events {
			step := math.Round(e.Time / n.cell.Program.Dt)
			if step < 0 || step >= float64(b.Steps) {
				continue
			}
			syn := n.cell.Synapses[e.Synapse]
			of = append(of, event{int32(step), syn.Receptor, syn.Device * float32(e.Scale)})
		}
		slices.SortStableFunc(of, func(a, b event) int { return int(a.step - b.step) })
		for _, e := range of {
			b.Events.Step = append(b.Events.Step, e.step)
			b.Events.Receptor = append(b.Events.Receptor, e.receptor)
			b.Events.Weight = append(b.Events.Weight, e.weight)
		}
		b.Events.Offset = append(b.Events.Offset, int64(len(b.Events.Step)))
	}
}

// currents are those of all trials: steps of one extent share an entry.
func (n *Neuron) currents(b *cuda.Batch, trials []Trial) {
	for l, t := range trials {
		for _, c := range t.Current {
			from := int32(math.Max(0, math.Round(c.From/n.cell.Program.Dt)))
			to := int32(math.Min(float64(b.Steps), math.Round(c.To/n.cell.Program.Dt)))
			if from >= to {
				continue
			}
			i := slices.IndexFunc(b.Current, func(x cuda.Current) bool { return x.From == from && x.To == to })
			if i < 0 {
				i = len(b.Current)
				b.Current = append(b.Current, cuda.Current{From: from, To: to, Amp: make([]float32, len(trials))})
			}
			b.Current[i].Amp[l] += float32(c.Amp * n.cell.CurrentScale)
		}
	}
}

// sites makes the program record what a session asks for, and returns where the local voltages are in Batch.Record.
func (n *Neuron) sites(p *cuda.Program, b *cuda.Batch, s Session) ([]int, error) {
	for _, i := range s.States {
		if i < 0 || i >= len(p.States) {
			return nil, fmt.Errorf("no state %d: there are %d", i, len(p.States))
		}
		b.Record = append(b.Record, i)
	}
	if len(s.Sites) == 0 {
		return nil, nil
	}
	var local []int
	if p.Tree == nil { // one compartment: everywhere is the soma
		for range s.Sites {
			local = append(local, 0)
		}
		return local, nil
	}
	tree := *p.Tree
	tree.Sites, p.States = slices.Clone(tree.Sites), slices.Clone(p.States)
	p.Tree = &tree
	at := map[int32]int{}
	for i, site := range tree.Sites {
		if site.Instance < 0 {
			at[site.Node] = i
		}
	}
	for _, syn := range s.Sites {
		node := int32(n.about.Synapses[syn].Node)
		state, ok := at[node]
		if !ok {
			state = len(tree.Sites)
			tree.Sites = append(tree.Sites, cuda.Site{Node: node, Instance: -1, State: "v"})
			p.States = append(p.States, "v@"+n.about.Synapses[syn].Site)
			at[node] = state
		}
		i := slices.Index(b.Record, state)
		if i < 0 {
			i = len(b.Record)
			b.Record = append(b.Record, state)
		}
		local = append(local, i)
	}
	return local, nil
}

// beyond tells that a trial left what the model can bear - too much drive - rather than that something broke.
func beyond(err error) bool {
	var lane *cuda.LaneError
	return errors.As(err, &lane)
}
