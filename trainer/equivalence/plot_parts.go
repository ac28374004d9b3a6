package equivalence

import (
	"fmt"
	"math"
	"sort"

	"neq/internal/plot"
)

// splitPlot draws each frontier candidate's parameters as its synaptic and its core part.
func splitPlot(front []Candidate, a Answer) string {
	if len(front) > 14 {
		front = front[len(front)-14:]
	}
	d := &plot.Drawing{W: 960}
	const row, left = 34.0, 250.0
	right := d.W - 90
	d.Rect("synaptic", left, 4, 12, 12, 2, "")
	d.Text("small soft", "start", left+18, 14, "synaptic: first-layer weights on the inputs")
	d.Rect("core", left+300, 4, 12, 12, 2, "")
	d.Text("small soft", "start", left+318, 14, "core: everything after them")
	for i, c := range front {
		y := 30 + row*float64(i)
		class := "small"
		if isAnswer(c, a) {
			class = "small strong"
		}
		d.Text(class, "start", 0, y+17, plot.Cut(c.Name, 34))
		total := math.Max(1, float64(c.Synaptic+c.Core))
		wide := (right - left) * float64(c.Synaptic) / total
		d.Rect("synaptic", left, y+3, wide, 20, 0, plot.Integer(c.Synaptic)+" synaptic")
		d.Rect("core", left+wide, y+3, right-left-wide, 20, 0, plot.Integer(c.Core)+" core")
		share := 100 * float64(c.Synaptic) / total
		words := plot.Figures(share, 3) + " %"
		if share > 99.9 && c.Core > 0 {
			words = "over 99.9 %"
		}
		if wide > 90 {
			d.Text("light small", "start", left+8, y+17.5, words)
		}
		d.Text("small", "end", d.W, y+17, plot.Integer(c.Parameters))
	}
	d.H = 34 + row*float64(len(front))
	return d.Finish("Synaptic and core parameters of the surrogates on the frontier", false)
}

// brainPlot puts the answer times the number of neurons on one logarithmic line with figures a reader knows.
func brainPlot(s *Study, a Answer) string {
	b := s.Brain(a)
	type flag struct {
		at     float64
		words  string
		strong bool
	}
	one := "one " + plot.Cut(s.neuronName(), 24) + " neuron"
	flags := []flag{
		{float64(a.Parameters), one + ": " + plot.Integer(a.Parameters), true},
		{b.Mouse, "mouse brain of these: " + plot.Power(b.Mouse), false},
		{GPT3, "GPT-3: " + plot.Power(GPT3), false},
		{b.Parameters, "human brain of these: " + plot.Power(b.Parameters), true},
		{b.Synapses, "one parameter a synapse: " + plot.Power(b.Synapses), false},
	}
	sort.Slice(flags, func(i, j int) bool { return flags[i].at < flags[j].at })
	d := &plot.Drawing{W: 960}
	lo, hi := math.Floor(math.Log10(math.Max(1, flags[0].at))), math.Ceil(math.Log10(flags[len(flags)-1].at)+.05)
	x := plot.NewAxis(lo, hi, 24, d.W-24)
	const lane = 24.0
	// each flag goes to the lowest lane in which it overlaps nothing, its words to the side with room
	var ends []float64
	lanes := make([]int, len(flags))
	place := func(i int) (start float64, anchor string) {
		px, w := x.At(math.Log10(flags[i].at)), 7.4*float64(len([]rune(flags[i].words)))+14
		if px+w > d.W {
			return px - w, "end"
		}
		return px, "start"
	}
	for i := range flags {
		start, _ := place(i)
		w := 7.4*float64(len([]rune(flags[i].words))) + 14
		k := 0
		for k < len(ends) && start < ends[k]+8 {
			k++
		}
		if k == len(ends) {
			ends = append(ends, 0)
		}
		ends[k], lanes[i] = start+w, k
	}
	base := lane*float64(len(ends)) + 18
	if b.Low != nil && b.High != nil && *b.Low < *b.High {
		from, to := x.At(math.Log10(*b.Low)), x.At(math.Log10(*b.High))
		d.Rect("band", from, base-9, to-from, 18, 4, "95 % interval of the human brain of these neurons")
	}
	d.Open("ticks")
	d.Line("axis", x.A, base, x.B, base)
	for e := lo; e <= hi; e++ {
		d.Line("axis", x.At(e), base, x.At(e), base+6)
		d.Text("", "middle", x.At(e), base+24, "10"+plot.Superscript(int(e)))
	}
	d.End()
	height := func(i int) float64 { return base - 14 - lane*float64(lanes[i]) }
	for i, f := range flags { // all lines before the first word, so that words stay whole
		px := x.At(math.Log10(f.at))
		d.Line("axis", px, base, px, height(i)-10)
	}
	for i, f := range flags {
		px := x.At(math.Log10(f.at))
		_, anchor := place(i)
		shift, class := 7.0, "small halo"
		if anchor == "end" {
			shift = -7
		}
		if f.strong {
			class = "small strong halo answer"
		}
		d.Text(class, anchor, px+shift, height(i), f.words)
		dot := "hollow"
		if f.strong {
			dot = "answer"
		}
		fmt.Fprintf(d, `<circle class="%s" cx="%s" cy="%s" r="5"/>`, dot, plot.XY(px), plot.XY(base))
	}
	d.Text("small soft", "middle", d.W/2, base+46, "parameters (log scale)")
	d.H = base + 56
	return d.Finish(fmt.Sprintf("Parameters of a human brain of such neurons: %s", plot.Power(b.Parameters)), false)
}
