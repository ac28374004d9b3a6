package equivalence

import (
	"fmt"
	"html/template"

	"neq/internal/plot"
)

// shown finds the candidates worth a figure: the answer (or the best where none is) and the largest below it.
func shown(all []Candidate, a Answer) []Candidate {
	var out []Candidate
	for _, c := range []*Candidate{a.Smallest, a.Below, a.Best} {
		if c == nil || c == a.Best && a.Reached || c == a.Below && !a.Reached {
			continue
		}
		out = append(out, *c)
	}
	return out
}

func (s *Study) traceFigures(all []Candidate, a Answer) []figure {
	var out []figure
	for n, c := range shown(all, a) {
		e, ok := s.exampleOf(c)
		if !ok {
			continue
		}
		f := figure{Plot: template.HTML(tracesPlot(e, s.Neuron.Synapses))}
		if n == 0 {
			f.Heading = "The neuron and its surrogate on unseen input"
			f.Words = fmt.Sprintf("%s, %s parameters, held-out sample %d. Top: the neuron's voltage, its spikes drawn upwards. Below it: what the surrogate predicts (grey: the neuron again), then its spike probability with the neuron's spikes as ticks, and the input spikes that are all it knows.",
				plot.Cut(c.Name, 60), plot.Integer(c.Parameters), e.Sample)
		} else {
			f.Heading = "The largest surrogate that falls short"
			f.Words = fmt.Sprintf("%s, %s parameters: %s %s, below the %s asked for.", plot.Cut(c.Name, 60), plot.Integer(c.Parameters),
				metricName(a.Metric), fraction(c.Value, 3), threshold(a.Threshold))
		}
		out = append(out, f)
	}
	return out
}

// exampleOf finds the example of a candidate's first row that has one.
func (s *Study) exampleOf(c Candidate) (Example, bool) {
	for _, i := range c.Rows {
		for _, e := range s.Examples {
			if len(e.V) > 1 && e.check() == nil && belongs(s.Rows[i], e.Trial, e.Surrogate) {
				return e, true
			}
		}
	}
	return Example{}, false
}

// belongs tells whether something read from a trial's folder, or made under a surrogate's name, is a row's.
func belongs(r Row, trial, surrogate string) bool {
	if r.Trial != "" || trial != "" {
		return r.Trial == trial
	}
	return r.Name == surrogate
}

// filterFigures shows the filters of the answer, and of the best single-filter surrogate where that is another.
func (s *Study) filterFigures(all []Candidate, a Answer) []figure {
	var out []figure
	of := func(c Candidate) (Filters, bool) {
		for _, i := range c.Rows {
			for _, f := range s.Filters {
				if len(f.Groups) > 0 && f.check() == nil && belongs(s.Rows[i], f.Trial, f.Surrogate) {
					return f, true
				}
			}
		}
		return Filters{}, false
	}
	var picks []Candidate
	if list := shown(all, a); len(list) > 0 {
		picks = append(picks, list[0])
	}
	var single *Candidate
	for i, c := range all {
		if f, ok := of(c); ok && f.Channels == 1 && temporal(f) && (single == nil || c.Value > single.Value) {
			single = &all[i]
		}
	}
	if single != nil && (len(picks) == 0 || picks[0].Name != single.Name || picks[0].Parameters != single.Parameters) {
		picks = append(picks, *single)
	}
	for _, c := range picks {
		f, ok := of(c)
		if !ok || !temporal(f) {
			continue
		}
		words := fmt.Sprintf("First-layer weights of %s against the age of an input spike: the mean over each group's synapses, shaded by their standard deviation.", plot.Cut(c.Name, 60))
		if f.Channels == 1 {
			words += " Dashed: the exponential that fits best."
			if s.Neuron.Tau > 0 {
				words += fmt.Sprintf(" The membrane's own time constant is %s ms; nobody told the surrogate.", plot.Figures(s.Neuron.Tau, 3))
			}
		}
		out = append(out, figure{Heading: "What the surrogate learned of the synapses", Words: words,
			Plot: template.HTML(filtersPlot(f, s.Neuron.Synapses))})
	}
	if len(out) > 1 {
		out[1].Heading = "The same in a single filter"
	}
	return out
}

// temporal tells whether a first layer looks back far enough to draw its weights over time.
func temporal(f Filters) bool { return len(f.Groups) > 0 && len(f.Groups[0].Mean) > 2 }
