package compress

import (
	"fmt"
	"math"

	"neq/internal/plot"
)

// panel is fidelity against one logarithmic measure of size.
type panel struct {
	title string
	of    func(Row) float64
}

// Picture draws fidelity against parameters and against bits: pruned weights before fine-tuning hollow, every width of a
// weight as a line of its own.
func (r *Report) Picture(alone bool) string {
	d := &plot.Drawing{W: 860, H: 400}
	d.Text("strong", "start", 24, 30, "What is left of "+plot.Cut(r.Request.Title, 50))
	m := r.compared()
	if m < 0 {
		d.Text("soft", "start", 24, 60, r.words())
		return d.Finish("no fidelity is defined", alone)
	}
	widths := append([]int{Full}, r.Request.Bits...)
	left := 24.0
	for n, bits := range widths {
		words := fmt.Sprintf("%d bits a weight", bits)
		if d.Open(fmt.Sprintf("f%d", n%6)); left > 760 {
			d.End()
			break
		}
		d.Line("curve", left, 52, left+18, 52)
		d.Mark("mark", n, left+9, 52, 4)
		d.End()
		d.Text("small", "start", left+24, 56, words)
		left += 24 + 7.1*float64(len(words)) + 16
	}
	if r.Request.Prune != "" && left < 700 {
		d.Mark("hollow", 0, left+9, 52, 4)
		d.Text("small", "start", left+20, 56, "before fine-tuning")
	}
	for i, p := range []panel{
		{"parameters that are not zero", func(x Row) float64 { return float64(x.Size.Nonzero) }},
		{"bits in all", func(x Row) float64 { return x.Size.Bits }},
	} {
		r.panel(d, p, m, widths, 74+float64(i)*420, 90, 340, 250, i == 0)
	}
	return d.Finish(fmt.Sprintf("%s against parameters and bits of %s", measures[m].words, r.Request.Title), alone)
}

// panel draws one at a place.
func (r *Report) panel(d *plot.Drawing, p panel, m int, widths []int, left, top, wide, high float64, named bool) {
	lowX, highX, lowY, highY := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, x := range r.Rows {
		s := math.Log10(max(1, p.of(x)))
		lowX, highX = min(lowX, s), max(highX, s)
		for _, score := range []*Score{x.Before, x.After} {
			if score == nil {
				continue
			}
			if v := measures[m].of(score); v != nil {
				lowY, highY = min(lowY, *v), max(highY, *v)
			}
		}
	}
	padX, padY := max(0.05, 0.06*(highX-lowX)), max(1e-4, 0.06*(highY-lowY))
	ax := plot.NewAxis(lowX-padX, highX+padX, left, left+wide)
	ay := plot.NewAxis(lowY-padY, highY+padY, top+high, top)
	d.Open("ticks")
	for _, t := range ay.Ticks(6) {
		d.Line("grid", left, ay.At(t), left+wide, ay.At(t))
		d.Text("", "end", left-8, ay.At(t)+4, plot.Figures(t, 4))
	}
	last, said := math.Inf(-1), [10]bool{1: true, 2: true, 5: true}
	if decade := ax.At(1) - ax.At(0); decade < wide {
		said = [10]bool{1: true, 3: decade > 130}
	}
	for e := math.Floor(ax.From); e <= ax.To; e++ {
		for k := 1; k < 10; k++ {
			v := float64(k) * math.Pow(10, e)
			at := ax.At(math.Log10(v))
			if at < left || at > left+wide {
				continue
			}
			d.Line("grid", at, top, at, top+high)
			if words := plot.Integer(int(v + 0.5)); said[k] && at-last > 7*float64(len(words))+10 {
				d.Text("", "middle", at, top+high+18, words)
				last = at
			}
		}
	}
	d.End()
	d.Line("axis", left, top+high, left+wide, top+high)
	d.Text("small soft", "middle", left+wide/2, top+high+38, p.title)
	if named {
		d.Text("small soft", "start", left-50, top-10, measures[m].words)
	}
	for n, bits := range widths {
		d.Open(fmt.Sprintf("f%d", n%6))
		var xs, ys []float64
		for _, x := range r.Rows {
			v := measures[m].of(x.After)
			if x.Bits != bits || v == nil {
				continue
			}
			xs, ys = append(xs, ax.At(math.Log10(max(1, p.of(x))))), append(ys, ay.Clamp(*v))
		}
		d.Path("curve", plot.Poly(xs, ys))
		for i := range xs {
			d.Mark("mark", n, xs[i], ys[i], 4)
		}
		d.End()
	}
	d.Open("f0")
	for _, x := range r.Rows {
		if x.Before == nil {
			continue
		}
		if v := measures[m].of(x.Before); v != nil {
			d.Mark("hollow", 0, ax.At(math.Log10(max(1, p.of(x)))), ay.Clamp(*v), 3.5)
		}
	}
	d.End()
}
