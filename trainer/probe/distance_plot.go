package probe

import (
	"fmt"
	"math"
	"slices"

	"neq/internal/plot"
)

// drawDistance draws potentials and the time to the somatic peak against distance, a colour a region.
func drawDistance(a About, r *Report, found []heard, alone bool) string {
	d := &plot.Drawing{W: 960, H: 470}
	top := 62.0
	if alone {
		top = 128
		d.H += 66
		d.Text("headline", "start", 28, 42, plot.Cut(r.Headline, 84))
	}
	var um, local, soma, delay []float64
	var regions []string
	for _, h := range found {
		s := a.Synapses[h.synapse]
		um, local, soma, delay = append(um, s.Distance), append(local, logOf(h.local)), append(soma, logOf(h.soma)), append(delay, h.somaAt)
		if !slices.Contains(regions, s.Region) {
			regions = append(regions, s.Region)
		}
	}
	x := extent(0.03, true, um)
	left := newChart(d, frame{left: 64, top: top, width: 470, height: 320, x: "distance from the soma (µm)", y: "mV, log scale", rangeX: x,
		rangeY: decades(extent(0.08, false, local, soma)), ticksY: -1})
	d.Open("ticks")
	for e := math.Floor(left.y.From); e <= math.Ceil(left.y.To); e++ {
		for _, m := range []float64{1, 2, 5} {
			if v := e + math.Log10(m); v >= left.y.From && v <= left.y.To {
				d.Line("grid", left.x.A, left.y.At(v), left.x.B, left.y.At(v))
				d.Text("", "end", left.x.A-8, left.y.At(v)+4, plot.Figures(m*math.Pow(10, e), 2))
			}
		}
	}
	d.End()
	right := newChart(d, frame{left: 620, top: top, width: d.W - 620 - 28, height: 320, x: "distance from the soma (µm)", y: "peak at the soma after (ms)", rangeX: x, rangeY: extent(0.08, true, delay), ticksX: 4})
	for k, h := range found {
		s := a.Synapses[h.synapse]
		n := slices.Index(regions, s.Region)
		d.Open(regionClass(n))
		d.Open("point")
		d.Title(fmt.Sprintf("%s, %s µm: %s mV there, %s mV at the soma after %s ms", s.Site, plot.Figures(s.Distance, 3), plot.Figures(h.local, 3), plot.Figures(h.soma, 3), plot.Figures(h.somaAt, 3)))
		d.Mark("hollow", n, left.x.At(um[k]), left.y.Clamp(local[k]), 4)
		d.Mark("mark", n, left.x.At(um[k]), left.y.Clamp(soma[k]), 4.5)
		d.Mark("mark", n, right.x.At(um[k]), right.y.Clamp(delay[k]), 4.5)
		d.End()
		d.End()
	}
	at := 64.0
	for n, region := range regions {
		words := region
		if words == "" {
			words = "soma"
		}
		d.Open(regionClass(n))
		d.Mark("mark", n, at+5, top-36, 4.5)
		d.End()
		d.Text("small", "start", at+14, top-32, words)
		at += 14 + 7.2*float64(len(words)) + 16
	}
	d.Text("small soft", "start", at+6, top-32, "hollow: where the synapse is; filled: at the soma")
	return d.Finish(r.Headline, alone)
}

func regionClass(n int) string { return fmt.Sprintf("f%d", []int{0, 3, 1, 2, 4, 5}[n%6]) }

func logOf(mv float64) float64 {
	if mv <= 0 {
		return math.NaN()
	}
	return math.Log10(mv)
}

// decades widens a logarithmic range to where a tick is.
func decades(r [2]float64) [2]float64 {
	if r[1]-r[0] < 0.8 {
		m := (r[0] + r[1]) / 2
		return [2]float64{m - 0.5, m + 0.5}
	}
	return r
}

// shownOf are the synapses shown in time: near, in the middle and far.
func shownOf(found []heard) []int {
	if n := len(found); n > 2 {
		return []int{0, n / 2, n - 1}
	}
	return []int{0}
}

// drawHeard shows the traces of up to three synapses.
func drawHeard(a About, found []heard, every float64, alone bool) string {
	d := &plot.Drawing{W: 960}
	picks := shownOf(found)
	y := 60.0
	legend(d, 64, 18, entry{"f3", "where the synapse is", 1}, entry{"f0", "at the soma", 0})
	for n, k := range picks {
		const high = 130.0
		h, s := found[k], a.Synapses[found[k].synapse]
		half := (d.W - 160) / 2
		for side, v := range [][]float32{h.localTrace, h.somaTrace} {
			ch := newChart(d, frame{left: 64 + float64(side)*(half+68), top: y, width: half, height: high, x: "ms after the event", y: "mV", rangeX: [2]float64{-5, distanceAfter},
				rangeY: zeroed(rangeOf(0.08, v)), ticksY: 4, bare: n < len(picks)-1})
			x := plot.NewAxis(0, float64(len(v)-1), ch.x.At(0), ch.x.At(float64(len(v)-1)*every))
			d.Open([]string{"f3", "f0"}[side])
			d.Path("curve", plot.Poly([]float64{ch.x.A, ch.x.At(0)}, []float64{ch.y.At(0), ch.y.At(0)}))
			d.Path("curve", plot.Series(v, x, ch.y))
			d.End()
		}
		words := "soma"
		if s.Site != "" {
			words = fmt.Sprintf("%s, %s µm", s.Site, plot.Figures(s.Distance, 3))
		}
		d.Text("small strong halo", "start", 64+34, y-10, words)
		y += high + 42
	}
	d.H = y + 8
	return d.Finish("Single events at synapses of "+a.Name, alone)
}

// zeroed keeps zero in a range.
func zeroed(r [2]float64) [2]float64 { return [2]float64{math.Min(r[0], 0), math.Max(r[1], 0)} }
