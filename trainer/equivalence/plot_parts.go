package equivalence

import (
	"fmt"
	"math"
	"sort"
)

// splitPlot draws each frontier candidate's parameters as its synaptic and its core part.
func splitPlot(front []Candidate, a Answer) string {
	if len(front) > 14 {
		front = front[len(front)-14:]
	}
	d := &drawing{w: 960}
	const row, left = 34.0, 250.0
	right := d.w - 90
	d.rect("synaptic", left, 4, 12, 12, 2, "")
	d.text("small soft", "start", left+18, 14, "synaptic: first-layer weights on the inputs")
	d.rect("core", left+300, 4, 12, 12, 2, "")
	d.text("small soft", "start", left+318, 14, "core: everything after them")
	for i, c := range front {
		y := 30 + row*float64(i)
		class := "small"
		if isAnswer(c, a) {
			class = "small strong"
		}
		d.text(class, "start", 0, y+17, cut(c.Name, 34))
		total := math.Max(1, float64(c.Synaptic+c.Core))
		wide := (right - left) * float64(c.Synaptic) / total
		d.rect("synaptic", left, y+3, wide, 20, 0, integer(c.Synaptic)+" synaptic")
		d.rect("core", left+wide, y+3, right-left-wide, 20, 0, integer(c.Core)+" core")
		share := 100 * float64(c.Synaptic) / total
		words := figures(share, 3) + " %"
		if share > 99.9 && c.Core > 0 {
			words = "over 99.9 %"
		}
		if wide > 90 {
			d.text("light small", "start", left+8, y+17.5, words)
		}
		d.text("small", "end", d.w, y+17, integer(c.Parameters))
	}
	d.h = 34 + row*float64(len(front))
	return d.finish("Synaptic and core parameters of the surrogates on the frontier", false)
}

// brainPlot puts the answer times the number of neurons on one logarithmic line with figures a reader knows.
func brainPlot(s *Study, a Answer) string {
	b := s.Brain(a)
	type flag struct {
		at     float64
		words  string
		strong bool
	}
	one := "one " + cut(s.neuronName(), 24) + " neuron"
	flags := []flag{
		{float64(a.Parameters), one + ": " + integer(a.Parameters), true},
		{b.Mouse, "mouse brain of these: " + power(b.Mouse), false},
		{GPT3, "GPT-3: " + power(GPT3), false},
		{b.Parameters, "human brain of these: " + power(b.Parameters), true},
		{b.Synapses, "one parameter a synapse: " + power(b.Synapses), false},
	}
	sort.Slice(flags, func(i, j int) bool { return flags[i].at < flags[j].at })
	d := &drawing{w: 960}
	lo, hi := math.Floor(math.Log10(math.Max(1, flags[0].at))), math.Ceil(math.Log10(flags[len(flags)-1].at)+.05)
	x := axis{lo, hi, 24, d.w - 24}
	const lane = 24.0
	// each flag goes to the lowest lane in which it overlaps nothing, its words to the side with room
	var ends []float64
	lanes := make([]int, len(flags))
	place := func(i int) (start float64, anchor string) {
		px, w := x.at(math.Log10(flags[i].at)), 7.4*float64(len([]rune(flags[i].words)))+14
		if px+w > d.w {
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
		from, to := x.at(math.Log10(*b.Low)), x.at(math.Log10(*b.High))
		d.rect("band", from, base-9, to-from, 18, 4, "95 % interval of the human brain of these neurons")
	}
	d.open("ticks")
	d.line("axis", x.a, base, x.b, base)
	for e := lo; e <= hi; e++ {
		d.line("axis", x.at(e), base, x.at(e), base+6)
		d.text("", "middle", x.at(e), base+24, "10"+superscript(int(e)))
	}
	d.end()
	height := func(i int) float64 { return base - 14 - lane*float64(lanes[i]) }
	for i, f := range flags { // all lines before the first word, so that words stay whole
		px := x.at(math.Log10(f.at))
		d.line("axis", px, base, px, height(i)-10)
	}
	for i, f := range flags {
		px := x.at(math.Log10(f.at))
		_, anchor := place(i)
		shift, class := 7.0, "small halo"
		if anchor == "end" {
			shift = -7
		}
		if f.strong {
			class = "small strong halo answer"
		}
		d.text(class, anchor, px+shift, height(i), f.words)
		dot := "hollow"
		if f.strong {
			dot = "answer"
		}
		fmt.Fprintf(d, `<circle class="%s" cx="%s" cy="%s" r="5"/>`, dot, xy(px), xy(base))
	}
	d.text("small soft", "middle", d.w/2, base+46, "parameters (log scale)")
	d.h = base + 56
	return d.finish(fmt.Sprintf("Parameters of a human brain of such neurons: %s", power(b.Parameters)), false)
}
