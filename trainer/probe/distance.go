package probe

import (
	"context"
	"fmt"
	"math"
	"slices"

	"neq/internal/plot"
)

// The clock of the distance probe.
const (
	distanceSettle = 200.0 // ms before the event
	distanceAfter  = 120.0 // ms recorded after it
	distanceEvery  = 0.125 // ms between two values
	distanceMost   = 72    // synapses probed
)

// heard is what one event at one synapse does.
type heard struct {
	synapse               int
	local, soma           float64 // mV above rest, at the peak
	localAt, somaAt       float64 // ms from the event to the peak
	localTrace, somaTrace []float32
}

// attenuation is how much larger the potential is where it begins.
func (h heard) attenuation() float64 { return h.local / h.soma }

// distance gives one event to one synapse at a time, and measures the potential where it is and at the soma.
func distance(ctx context.Context, s Subject, o Options) (*Report, error) {
	a := s.About()
	in, err := listened(a, o)
	if err != nil {
		return nil, err
	}
	session := Session{Duration: distanceSettle + distanceAfter, Every: a.every(distanceEvery), Trials: []Trial{{}}, Sites: in.Synapses}
	for _, i := range in.Synapses {
		session.Trials = append(session.Trials, Trial{Events: []Event{{distanceSettle, i, 1}}})
	}
	all, err := s.Run(ctx, session)
	if err != nil {
		return nil, err
	}
	o.Progress(1, 1)
	var found []heard
	for k, i := range in.Synapses {
		r := all[k+1]
		h := heard{synapse: i, localTrace: above(r.Local[k], all[0].Local[k], session.Every), somaTrace: above(r.V, all[0].V, session.Every)}
		h.local, h.localAt = peak(r.Local[k], all[0].Local[k], session.Every, distanceSettle)
		h.soma, h.somaAt = peak(r.V, all[0].V, session.Every, distanceSettle)
		h.localAt, h.somaAt = h.localAt-distanceSettle, h.somaAt-distanceSettle
		found = append(found, h)
	}
	return reportDistance(a, in, found, session.Every), nil
}

// above is a trace from the event on, without what is there without it.
func above(v, control []float32, every float64) []float32 {
	var d []float32
	for k := int(math.Round(distanceSettle / every)); k < len(v); k++ {
		d = append(d, v[k]-control[k])
	}
	return d
}

// listened chooses the synapses: those named with --a, else all excitatory ones; evenly along the distance.
func listened(a About, o Options) (input, error) {
	var in input
	if o.A != "" {
		var err error
		if in, err = a.named(o.A); err != nil {
			return in, err
		}
	} else {
		in = a.excitatory()
		if len(in.Synapses) == 0 {
			return in, fmt.Errorf("%s has no excitatory synapses: name a group with --a", a.Name)
		}
	}
	slices.SortStableFunc(in.Synapses, func(i, j int) int {
		switch x, y := a.Synapses[i].Distance, a.Synapses[j].Distance; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	if a.Synapses[in.Synapses[len(in.Synapses)-1]].Distance == 0 { // one place: one synapse tells all
		in.Synapses = in.Synapses[:1]
	}
	return in.thin(distanceMost), nil
}

func reportDistance(a About, in input, found []heard, every float64) *Report {
	near, far := found[0], found[len(found)-1]
	r := &Report{Found: map[string]Number{"nearest_soma_mv": Number(near.soma), "farthest_soma_mv": Number(far.soma),
		"farthest_local_mv": Number(far.local), "farthest_attenuation": Number(far.attenuation()), "farthest_um": Number(a.Synapses[far.synapse].Distance)}}
	um := func(h heard) string { return plot.Figures(a.Synapses[h.synapse].Distance, 3) + " µm" }
	if len(found) == 1 {
		r.Headline = fmt.Sprintf("%s has no distance: every synapse is at its soma.", a.Name)
		r.Sentences = []string{fmt.Sprintf("One event at one synapse of %s raises its voltage by %s mV, %s ms later.", in.Name, plot.Figures(near.soma, 3), plot.Figures(near.somaAt, 3))}
		r.Tiles = []Fact{{"one event", plot.Figures(near.soma, 3) + " mV"}}
	} else {
		r.Headline = fmt.Sprintf("A synapse of %s %s away is heard %s times weaker at the soma than where it is.", a.Name, um(far), plot.Figures(far.attenuation(), 2))
		r.Sentences = []string{fmt.Sprintf("There one event is %s mV, at the soma %s mV, which peaks %s ms later; at %s it is %s mV at the soma.",
			plot.Figures(far.local, 3), plot.Figures(far.soma, 2), plot.Figures(far.somaAt-far.localAt, 2), um(near), plot.Figures(near.soma, 2))}
		r.Tiles = []Fact{{"soma, nearest synapse", plot.Figures(near.soma, 2) + " mV"}, {"soma, farthest synapse", plot.Figures(far.soma, 2) + " mV"},
			{"attenuation, farthest", plot.Figures(far.attenuation(), 2) + " times"}}
	}
	r.Columns = []string{"site", "distance (µm)", "there (mV)", "at the soma (mV)", "attenuation", "peak there (ms)", "peak at the soma (ms)"}
	for _, h := range found {
		s := a.Synapses[h.synapse]
		site := s.Site
		if site == "" {
			site = "soma"
		}
		r.Rows = append(r.Rows, row(site, s.Distance, h.local, h.soma, h.attenuation(), h.localAt, h.somaAt))
	}
	r.Facts = []Fact{{"Synapses probed", fmt.Sprintf("%s of %s, evenly chosen by distance", plot.Integer(len(found)), in.Name)},
		{"Protocol", fmt.Sprintf("One event at one synapse after %g ms, at its own weight, one synapse a trial. Peaks are above the voltage of the same neuron without input; distance is along the dendrite from the soma.", distanceSettle)}}
	marks := map[int]string{}
	for _, k := range shownOf(found) {
		if s := a.Synapses[found[k].synapse]; s.Site != "" {
			marks[found[k].synapse] = plot.Figures(s.Distance, 3) + " µm"
		}
	}
	r.Figures = []Figure{{"Potentials against distance", "The peak of the potential where the synapse is, and at the soma. A point is a synapse.",
		func(alone bool) string { return drawDistance(a, r, found, alone) }},
		{"In time", "One event at synapses near, in the middle and far: where it is, and at the soma.",
			func(alone bool) string { return drawHeard(a, found, every, alone) }}}
	r.Figures = append(r.Figures, a.pictures("The cell, and the synapses shown in time.", marks)...)
	return r
}
