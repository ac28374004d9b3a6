package equivalence

import (
	_ "embed"
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

//go:embed style/plot.css
var plotCSS string

// drawing is an SVG under construction. Text is escaped here and nowhere else.
type drawing struct {
	strings.Builder
	w, h float64
}

// xy writes a coordinate to a tenth of a pixel; what is not finite goes to the origin.
func xy(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) || math.Abs(v) > 1e6 {
		return "0"
	}
	s := strconv.FormatFloat(v, 'f', 1, 64)
	return strings.TrimSuffix(s, ".0")
}

// escape makes a user's words safe inside SVG and HTML.
func escape(s string) string { return html.EscapeString(printable(s)) }

// finish returns the whole element; alone adds what a file of its own needs.
func (d *drawing) finish(label string, alone bool) string {
	style, space := "", ""
	if alone {
		space = ` xmlns="http://www.w3.org/2000/svg"`
		style = "<style>" + plotCSS + `</style><rect class="card" width="100%" height="100%" rx="10"/>`
	}
	return fmt.Sprintf(`<svg%s class="plot" viewBox="0 0 %s %s" width="%s" height="%s" role="img" aria-label="%s">%s%s</svg>`,
		space, xy(d.w), xy(d.h), xy(d.w), xy(d.h), escape(label), style, d.String())
}

func (d *drawing) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(d, `<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s"/>`, class, xy(x1), xy(y1), xy(x2), xy(y2))
}

func (d *drawing) rect(class string, x, y, w, h, r float64, title string) {
	fmt.Fprintf(d, `<rect class="%s" x="%s" y="%s" width="%s" height="%s" rx="%s"`, class, xy(x), xy(y), xy(max(w, 0)), xy(max(h, 0)), xy(r))
	if title != "" {
		fmt.Fprintf(d, `><title>%s</title></rect>`, escape(title))
		return
	}
	d.WriteString("/>")
}

func (d *drawing) path(class, data string) {
	if data != "" {
		fmt.Fprintf(d, `<path class="%s" d="%s"/>`, class, data)
	}
}

// text writes words at a place; anchor is start, middle or end.
func (d *drawing) text(class, anchor string, x, y float64, words string) {
	fmt.Fprintf(d, `<text class="%s" text-anchor="%s" x="%s" y="%s">%s</text>`, class, anchor, xy(x), xy(y), escape(words))
}

// open starts a group and end ends it.
func (d *drawing) open(class string) { fmt.Fprintf(d, `<g class="%s">`, class) }
func (d *drawing) end()              { d.WriteString("</g>") }

// title is shown when a pointer rests on the group it opens.
func (d *drawing) title(s string) { fmt.Fprintf(d, `<title>%s</title>`, escape(s)) }

// mark draws family n's shape around a point.
func (d *drawing) mark(class string, n int, x, y, r float64) {
	switch n % 4 {
	case 0:
		fmt.Fprintf(d, `<circle class="%s" cx="%s" cy="%s" r="%s"/>`, class, xy(x), xy(y), xy(r))
	case 1:
		d.rect(class, x-r*.9, y-r*.9, r*1.8, r*1.8, 1.5, "")
	case 2:
		d.path(class, poly([]float64{x, x + r*1.25, x, x - r*1.25}, []float64{y - r*1.25, y, y + r*1.25, y})+"Z")
	default:
		d.path(class, poly([]float64{x, x + r*1.2, x - r*1.2}, []float64{y - r*1.3, y + r*.9, y + r*.9})+"Z")
	}
}

// poly is the path data of a line through points.
func poly(x, y []float64) string {
	var b strings.Builder
	for i := range x {
		if i == 0 {
			b.WriteByte('M')
		} else {
			b.WriteByte('L')
		}
		b.WriteString(xy(x[i]))
		b.WriteByte(' ')
		b.WriteString(xy(y[i]))
	}
	return b.String()
}

// axis maps a range of values to a range of pixels.
type axis struct{ from, to, a, b float64 }

func (s axis) at(v float64) float64 {
	if s.to == s.from {
		return s.a
	}
	return s.a + (v-s.from)/(s.to-s.from)*(s.b-s.a)
}

// clamp is at, kept inside the range.
func (s axis) clamp(v float64) float64 { return s.at(math.Max(s.from, math.Min(s.to, v))) }

// ticks are about n round values across the range.
func (s axis) ticks(n int) []float64 {
	span := math.Abs(s.to - s.from)
	if span == 0 || math.IsNaN(span) || math.IsInf(span, 0) {
		return nil
	}
	step := math.Pow(10, math.Floor(math.Log10(span/float64(n))))
	for _, m := range []float64{1, 2, 5, 10} {
		if span/(step*m) <= float64(n) {
			step *= m
			break
		}
	}
	var out []float64
	lo, hi := math.Min(s.from, s.to), math.Max(s.from, s.to)
	for k := math.Ceil(lo/step - 1e-9); k*step <= hi+step*1e-9 && len(out) <= 2*n; k++ {
		out = append(out, k*step+0) // +0 turns -0 into 0
	}
	return out
}

// cut shortens a name to n runes.
func cut(s string, n int) string {
	r := []rune(printable(s))
	if len(r) <= n {
		return string(r)
	}
	return string(r[:max(0, n-1)]) + "…"
}
