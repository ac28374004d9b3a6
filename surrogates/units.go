package surrogates

import "fmt"

// Connection says whether a tensor holds the weights of connections, which compression may take away or round: those of
// input synapses and matrices, but no biases, norms and time constants.
func (w *Weight) Connection() bool {
	return w.Trainable && !w.Kept && (w.Synaptic || w.Value.Dims() >= 2)
}

// OutputAxis is the axis of a tensor whose index says which output a weight is of.
func (w *Weight) OutputAxis() int {
	if w.OutputFirst {
		return 0
	}
	return w.Value.Dims() - 1
}

// Units are parts of a network that fall whole: hidden channels, units of a memory, branches, synapses. Without some of
// them, and what leads to and from them, it is a smaller network of the same kind.
type Units struct {
	Name     string
	Count    int
	Synapses bool // inputs, not hidden units
	Cuts     []Cut
}

// Cut is where units lie in a tensor: Unit says of every index of the axis which unit it is of, -1: of none.
type Cut struct {
	Weight *Weight
	Axis   int
	Unit   []int
}

// sculpted is a stage of which channels can fall. Others keep all channels that come in and go out.
type sculpted interface {
	sculpt(prefix string) sculpture
}

// sculpture is what falls with the channels of a stage that turn to zero.
type sculpture struct {
	in, out []Cut   // with a channel of input, of output
	tied    bool    // an output is zero only with its input: the channel of input c is that of output c mod the outputs
	stay    bool    // all channels that come in and go out
	inner   []Units // besides channels
}

// along is a cut with a unit an index of all of an axis, there twice or more where there are fewer units.
func along(w *Weight, axis int) Cut { return span(w, axis, 0, w.Value.Shape()[axis]) }

// span is a cut with a unit an index of from <= index < to.
func span(w *Weight, axis, from, to int) Cut {
	c := Cut{w, axis, make([]int, w.Value.Shape()[axis])}
	for i := range c.Unit {
		if c.Unit[i] = -1; i >= from && i < to {
			c.Unit[i] = i - from
		}
	}
	return c
}

// flow is channels on their way through stages.
type flow struct {
	cuts []Cut
	stay bool // they cannot fall
	name string
}

// units counts those of a flow.
func (f flow) units(count int) Units {
	u := Units{Name: f.name, Count: count}
	for _, c := range f.cuts {
		of := make([]int, len(c.Unit))
		for i, k := range c.Unit {
			if of[i] = k; k >= 0 {
				of[i] = k % count
			}
		}
		u.Cuts = append(u.Cuts, Cut{c.Weight, c.Axis, of})
	}
	return u
}

// follow takes channels through stages of given widths: entry are those that come in, up to where they are summed into
// others, exit those that go out; one flow where the stages never sum.
func follow(stages []stage, width []int, prefix string) (entry, exit flow, one bool, all []Units) {
	at, first := flow{}, true
	for i, s := range stages {
		name := fmt.Sprintf("%slayer%d.", prefix, i)
		if prefix != "" {
			name = fmt.Sprintf("%s%d.", prefix, i)
		}
		c := sculpture{stay: true}
		if x, ok := s.(sculpted); ok {
			c = x.sculpt(name)
		}
		for _, u := range c.inner {
			if u.Count > 1 {
				all = append(all, u)
			}
		}
		if c.tied && !c.stay {
			at.cuts = append(append(at.cuts, c.in...), c.out...)
			continue
		}
		at.cuts, at.stay = append(at.cuts, c.in...), at.stay || c.stay
		if first {
			entry, first = at, false
		} else if count := width[i-1]; !at.stay && count > 1 {
			all = append(all, at.units(count))
		}
		at = flow{cuts: c.out[:len(c.out):len(c.out)], stay: c.stay, name: name + "channels"}
	}
	if first {
		return at, at, true, all
	}
	return entry, at, false, all
}

// Units are the network's groups of more than one. Where channels go on through tied stages these fall with them.
func (n *Network) Units() []Units {
	_, exit, one, all := follow(n.stages, n.width, "")
	if count := n.width[len(n.width)-1]; !one && !exit.stay && count > 1 {
		exit.cuts = append(exit.cuts, along(n.headW, 1))
		all = append(all, exit.units(count))
	}
	return all
}

func synapses(w *Weight) Units {
	c := along(w, 0)
	return Units{Name: "synapses", Count: len(c.Unit), Synapses: true, Cuts: []Cut{c}}
}

func (l *layer) sculpt(prefix string) sculpture {
	c := sculpture{out: []Cut{along(l.b, 0)}}
	if h := l.shared; h != nil { // [taps*width] outputs
		c.out = append(c.out, along(h.w2, 1), along(h.b2, 0))
		c.inner = []Units{h.units(prefix)}
	} else {
		c.out = append(c.out, along(l.w, 2))
	}
	if l.norm {
		for _, w := range []*Weight{l.gamma, l.beta, l.mean, l.variance} {
			c.out = append(c.out, along(w, 0))
		}
	}
	switch {
	case l.first && l.shared == nil:
		c.inner = []Units{synapses(l.w)}
	case !l.first:
		c.in = []Cut{along(l.w, 1)}
	}
	return c
}

func (h *sharing) units(prefix string) Units {
	return Units{Name: prefix + "shared", Count: h.hidden, Cuts: []Cut{along(h.w1, 1), along(h.b1, 0), along(h.w2, 0)}}
}

func (l *depthwise) sculpt(string) sculpture {
	return sculpture{tied: true, out: []Cut{along(l.w, 1), along(l.b, 0)}}
}

// sculpt: a unit without weights stays at zero, and its gates' channels of input with it.
func (u *recurrent) sculpt(string) sculpture {
	c := sculpture{tied: true, out: []Cut{along(u.w, 0), along(u.w, 1)}}
	if u.b != nil {
		c.out = append(c.out, along(u.b, 0))
	}
	return c
}

// sculpt: a channel falls from the input and from what is added to it.
func (r *residual) sculpt(prefix string) sculpture {
	entry, exit, one, inner := follow(r.inner, r.width, prefix)
	c := sculpture{tied: true, in: entry.cuts, out: exit.cuts, stay: entry.stay || exit.stay, inner: inner}
	if one {
		c.out = nil
	}
	return c
}

func (m *mixture) sculpt(prefix string) sculpture {
	return sculpture{
		in: []Cut{along(m.router, 0), along(m.w1, 1)}, out: []Cut{along(m.w2, 2), along(m.b2, 1)},
		inner: []Units{{Name: prefix + "hidden", Count: m.hidden, Cuts: []Cut{along(m.w1, 2), along(m.b1, 1), along(m.w2, 1)}}},
	}
}

// sculpt: the channels of input are traces, or of the vanilla neuron hidden units; those of output memory units, which
// stay at zero where nothing is added.
func (m *elm) sculpt(prefix string) sculpture {
	hidden := []Cut{along(m.w1, 1), along(m.b1, 0), along(m.w2, 0)}
	c := sculpture{out: []Cut{span(m.w1, 0, m.in, m.in+m.memory), along(m.w2, 1), along(m.b2, 0), along(m.tau, 0)}}
	if m.vanilla {
		c.in = hidden
	} else {
		c.in = []Cut{span(m.w1, 0, 0, m.in)}
		c.inner = []Units{{Name: prefix + "hidden", Count: m.hidden, Cuts: hidden}}
	}
	return c
}

func (s *traces) sculpt(string) sculpture {
	return sculpture{out: []Cut{along(s.w, 2)}, inner: []Units{synapses(s.w)}}
}

// sculpt: a branch falls with its slots, a synapse with those that listen to it.
func (b *branches) sculpt(prefix string) sculpture {
	if b.shared != nil { // of which no slot has a weight of its own
		return sculpture{stay: true, inner: []Units{b.shared.units(prefix)}}
	}
	branch, synapse := along(b.w, 0), along(b.w, 0)
	for i, y := range data(b.synapse.Value) {
		branch.Unit[i], synapse.Unit[i] = i/b.size, int(y)
	}
	table := Cut{Axis: 0, Unit: branch.Unit}
	out := []Cut{branch}
	for _, w := range []*Weight{b.synapse, b.sign} {
		table.Weight = w
		out = append(out, table)
	}
	return sculpture{out: out, inner: []Units{{Name: "synapses", Count: b.inputs, Synapses: true, Cuts: []Cut{synapse}}}}
}
