package equivalence

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"neq/internal/plot"
)

// nearest is how close to 1 the frontier's vertical axis goes; a fidelity of exactly 1 sits on its upper edge.
const nearest = 1e-6

// nines maps a fidelity to the axis that resolves 0.9, 0.99 and 0.999 alike: -log10(1 - f).
func nines(f float64) float64 { return -math.Log10(math.Max(1-f, nearest)) }

// frontierPlot draws every candidate, the front, the threshold and the answer.
func frontierPlot(s *Study, all []Candidate, a Answer, alone bool) string {
	d := &plot.Drawing{W: 960, H: 500}
	top := 44.0
	if alone {
		top = 118
		d.H += 74
		d.Text("headline", "start", 28, 42, s.title())
		d.Text("soft sub", "start", 28, 67, s.Headline(a))
	}
	left, right, bottom := 74.0, d.W-28, d.H-62
	x, y := frontierAxes(all, a, left, right, bottom, top)
	name := metricName(a.Metric)

	frontierGrid(d, x, y, left, right, top, bottom)
	d.Text("soft small", "middle", (left+right)/2, d.H-14, "parameters (log scale)")
	d.Text("soft small", "start", 16, top-18, name+" on unseen episodes")

	if a.Low != nil && a.High != nil && *a.Low < *a.High {
		from, to := x.At(logOf(*a.Low)), x.At(logOf(*a.High))
		d.Rect("band", from, top, to-from, bottom-top, 0, fmt.Sprintf("95 %% interval of the answer: %s to %s parameters", plot.Integer(*a.Low), plot.Integer(*a.High)))
	}
	asked := y.At(nines(a.Threshold))
	d.Line("asked", left, asked, right, asked)
	d.Text("answer small strong halo", "end", right-4, asked-7, "asked: "+threshold(a.Threshold))

	families := familiesOf(all)
	labels := &labeller{left: left, right: right, top: top, bottom: bottom}
	labels.block(right-86, asked-20, 86, 18)
	labels.block(left, asked-2, right-left, 4)
	d.Path("step", staircase(all, x, y, right))
	for _, c := range all {
		px, py := x.At(logOf(c.Parameters)), y.Clamp(nines(c.Value))
		labels.block(px-7, py-7, 14, 14)
	}
	if a.Reached {
		px, py := x.At(logOf(a.Parameters)), y.Clamp(nines(a.Smallest.Value))
		d.Line("asked", px, py, px, bottom)
		words := plot.Integer(a.Parameters)
		width := 9*float64(len(words)) + 18
		px = math.Max(left+width/2, math.Min(right-width/2, px))
		d.Rect("answer", px-width/2, bottom-27, width, 23, 11.5, "")
		d.Text("pill", "middle", px, bottom-10.5, words)
		labels.block(px-width/2, bottom-27, width, 23)
	}
	for _, c := range all {
		drawCandidate(d, s.Rows, c, a, slices.Index(families, c.Family), x, y)
	}
	// the answer's name first, then from the most faithful down: the crowd is at the small end
	order := slices.Clone(all)
	sort.SliceStable(order, func(i, j int) bool {
		if p, q := isAnswer(order[i], a), isAnswer(order[j], a); p != q {
			return p
		}
		return order[i].Value > order[j].Value
	})
	for _, c := range order {
		if c.Frontier {
			labels.place(d, plot.Cut(c.Name, 26), x.At(logOf(c.Parameters)), y.Clamp(nines(c.Value)), isAnswer(c, a))
		}
	}
	legend(d, families, right, top-18)
	return d.Finish(fmt.Sprintf("%s against parameters, %d surrogates. %s", name, len(all), s.Headline(a)), alone)
}

func logOf(n int) float64 { return math.Log10(math.Max(1, float64(n))) }

func isAnswer(c Candidate, a Answer) bool {
	return a.Reached && c.Name == a.Smallest.Name && c.Parameters == a.Parameters && c.Value == a.Smallest.Value
}

// familiesOf are the families present, in alphabetical order: their place is their colour and shape.
func familiesOf(all []Candidate) []string {
	var f []string
	for _, c := range all {
		if !slices.Contains(f, c.Family) {
			f = append(f, c.Family)
		}
	}
	slices.Sort(f)
	return f
}

// frontierAxes cover every candidate with its interval, the threshold and nothing below 0.5 where the
// metric's floor is chance; a candidate below the axis is drawn on its lower edge.
func frontierAxes(all []Candidate, a Answer, left, right, bottom, top float64) (x, y plot.Axis) {
	floor := 0.0
	if a.Metric == "auc" {
		floor = 0.5
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	u0, u1 := nines(math.Max(floor, a.Threshold)), nines(a.Threshold)
	for _, c := range all {
		lo, hi = math.Min(lo, logOf(c.Parameters)), math.Max(hi, logOf(c.Parameters))
		for _, v := range []*float64{&c.Value, c.Low, c.High} {
			if v != nil {
				u := nines(math.Max(floor, *v))
				u0 = math.Min(u0, u)
				if v != c.High || *v < 1 {
					u1 = math.Max(u1, u)
				}
			}
		}
	}
	if len(all) == 0 {
		lo, hi = 2, 5
	}
	if hi-lo < 1 {
		lo, hi = (lo+hi-1)/2, (lo+hi+1)/2
	}
	pad := 0.07 * (hi - lo)
	x = plot.NewAxis(lo-pad, hi+pad, left, right)
	pad = math.Max(0.08*(u1-u0), 0.06)
	y = plot.NewAxis(math.Max(nines(floor), u0-pad), math.Min(u1+pad, -math.Log10(nearest)), bottom, top)
	return x, y
}

// frontierGrid draws the ticks: the coarse ones first, finer ones where there is room.
func frontierGrid(d *plot.Drawing, x, y plot.Axis, left, right, top, bottom float64) {
	d.Open("ticks")
	defer d.End()
	var taken []float64
	free := func(p, gap float64) bool {
		for _, q := range taken {
			if math.Abs(p-q) < gap {
				return false
			}
		}
		taken = append(taken, p)
		return true
	}
	for _, level := range [][]float64{
		{0, 0.9, 0.99, 0.999, 0.9999, 0.99999}, {0.5, 0.95, 0.995, 0.9995, 0.99995}, {0.8, 0.98, 0.998, 0.9998},
		{0.7, 0.97, 0.997, 0.9997}, {0.6, 0.85, 0.96, 0.996}, {0.75, 0.92, 0.94, 0.975, 0.985, 0.992, 0.994},
	} {
		for _, v := range level {
			p := y.At(nines(v))
			if p > bottom+.5 || p < top-.5 || !free(p, 26) {
				continue
			}
			d.Line("grid", left, p, right, p)
			d.Text("", "end", left-10, p+4, threshold(v))
		}
	}
	taken = nil
	for _, m := range []float64{1, 2, 5, 3, 7, 1.5} {
		for e := math.Floor(x.From); e <= x.To; e++ {
			v := m * math.Pow(10, e)
			p := x.At(math.Log10(v))
			if p < left || p > right || !free(p, 54) {
				continue
			}
			d.Line("grid", p, top, p, bottom)
			d.Text("", "middle", p, bottom+20, short(v))
		}
	}
	d.Line("axis", left, bottom, right, bottom)
}

// staircase is the best fidelity to be had with so many parameters.
func staircase(all []Candidate, x, y plot.Axis, right float64) string {
	var xs, ys []float64
	for _, c := range all {
		if !c.Frontier {
			continue
		}
		px, py := x.At(logOf(c.Parameters)), y.Clamp(nines(c.Value))
		if n := len(ys); n > 0 {
			xs, ys = append(xs, px), append(ys, ys[n-1])
		}
		xs, ys = append(xs, px), append(ys, py)
	}
	if n := len(ys); n > 0 {
		xs, ys = append(xs, right), append(ys, ys[n-1])
	}
	return plot.Poly(xs, ys)
}

// drawCandidate draws a point with its interval, its seeds and a title that says everything.
func drawCandidate(d *plot.Drawing, rows []Row, c Candidate, a Answer, family int, x, y plot.Axis) {
	px, py := x.At(logOf(c.Parameters)), y.Clamp(nines(c.Value))
	d.Open(fmt.Sprintf("f%d", family%6))
	defer d.End()
	words := fmt.Sprintf("%s · %s parameters (%s synaptic, %s core) · %s %s", c.Name, plot.Integer(c.Parameters),
		plot.Integer(c.Synaptic), plot.Integer(c.Core), metricName(a.Metric), fraction(c.Value, 4))
	if c.Low != nil {
		words += fmt.Sprintf(" [%s, %s]", fraction(*c.Low, 4), fraction(*c.High, 4))
		d.Line("error", px, y.Clamp(nines(*c.Low)), px, y.Clamp(nines(*c.High)))
		for _, v := range []float64{*c.Low, *c.High} {
			d.Line("error", px-4, y.Clamp(nines(v)), px+4, y.Clamp(nines(v)))
		}
	}
	if c.Seeds > 1 {
		words += fmt.Sprintf(" · %d seeds, standard deviation %s", c.Seeds, plot.Figures(c.Spread, 2))
		for _, i := range c.Rows {
			if v, _, err := rows[i].Fidelity.Metric(a.Metric); err == nil {
				fmt.Fprintf(d, `<circle class="seed" cx="%s" cy="%s" r="2.2"/>`, plot.XY(px+9), plot.XY(y.Clamp(nines(v))))
			}
		}
	}
	class := "hollow"
	if c.Frontier {
		class = "mark"
	}
	d.Open("point")
	d.Title(words)
	d.Mark(class, family, px, py, 6)
	d.End()
	if isAnswer(c, a) {
		fmt.Fprintf(d, `<circle class="ring" cx="%s" cy="%s" r="11.5"/>`, plot.XY(px), plot.XY(py))
	}
}

// legend names the families, right-aligned.
func legend(d *plot.Drawing, families []string, right, y float64) {
	at := right
	for i := len(families) - 1; i >= 0; i-- {
		words := plot.Cut(families[i], 16)
		if words == "" {
			words = "surrogate"
		}
		at -= 7.2*float64(len([]rune(words))) + 4
		d.Text("soft small", "start", at, y, words)
		at -= 12
		d.Open(fmt.Sprintf("f%d", i%6))
		d.Mark("mark", i, at, y-4, 5)
		d.End()
		at -= 18
	}
}

// labeller places names beside points where nothing is in the way.
type labeller struct {
	left, right, top, bottom float64
	taken                    [][4]float64
}

func (l *labeller) block(x, y, w, h float64) { l.taken = append(l.taken, [4]float64{x, y, w, h}) }

// place tries the sides of a point, upper left first: the staircase leaves to the right and comes from below.
// A name that fits nowhere is left to the point's title.
func (l *labeller) place(d *plot.Drawing, words string, x, y float64, strong bool) {
	w := 7.0 * float64(len([]rune(words)))
	class := "small halo"
	away := 10.0
	if strong {
		class, w, away = "small strong halo", w*1.07, 15
	}
	for _, o := range []struct {
		anchor string
		dx, dy float64
	}{{"end", -away, -6}, {"start", away, 17}, {"end", -away, 4}, {"start", away, -8}, {"end", -away, 17}, {"middle", 0, -away - 5}, {"middle", 0, away + 14}} {
		x0 := x + o.dx
		switch o.anchor {
		case "end":
			x0 -= w
		case "middle":
			x0 -= w / 2
		}
		box := [4]float64{x0, y + o.dy - 11, w, 14}
		if box[0] < l.left || box[0]+w > l.right || box[1] < l.top || box[1]+box[3] > l.bottom || l.hits(box) {
			continue
		}
		l.taken = append(l.taken, box)
		d.Text(class, o.anchor, x+o.dx, y+o.dy, words)
		return
	}
}

func (l *labeller) hits(b [4]float64) bool {
	for _, t := range l.taken {
		if b[0] < t[0]+t[2] && t[0] < b[0]+b[2] && b[1] < t[1]+t[3] && t[1] < b[1]+b[3] {
			return true
		}
	}
	return false
}
