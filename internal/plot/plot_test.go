package plot

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

// Words of a user never become markup, numbers that are not finite never reach a path.
func TestDrawingIsWellFormed(t *testing.T) {
	d := &Drawing{W: 100, H: 50}
	d.Open("a")
	d.Title(`<b> & "c"`)
	d.Line("grid", 0, 0, math.NaN(), 10)
	d.Rect("band", 0, 0, -5, math.Inf(1), 2, "x < y")
	d.Text("small", "start", 1, 2, "</text><script>\x1b")
	for n := range 4 {
		d.Mark("mark", n, 10, 10, 5)
	}
	d.End()
	x, y := NewAxis(0, 3, 0, 100), NewAxis(0, 1, 50, 0)
	d.Path("v", Series([]float32{0, float32(math.NaN()), 0.5, 9}, x, y))
	for _, alone := range []bool{false, true} {
		text := d.Finish("a <label>", alone)
		r := xml.NewDecoder(strings.NewReader(text))
		for {
			if _, err := r.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("alone %v: %v\n%s", alone, err, text)
			}
		}
		if strings.Contains(text, "<script") || strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
			t.Errorf("alone %v: %s", alone, text)
		}
	}
}

func TestAxis(t *testing.T) {
	a := NewAxis(-1, 1, 0, 200)
	if a.At(0) != 100 || a.Clamp(5) != 200 || a.Clamp(-5) != 0 || NewAxis(2, 2, 7, 9).At(2) != 7 {
		t.Errorf("%v %v %v", a.At(0), a.Clamp(5), a.Clamp(-5))
	}
	for _, c := range []struct {
		from, to float64
		want     []float64
	}{{0, 10, []float64{0, 2, 4, 6, 8, 10}}, {-0.3, 0.3, []float64{-0.2, 0, 0.2}}, {1, 1, nil}, {0, math.Inf(1), nil}} {
		got := NewAxis(c.from, c.to, 0, 1).Ticks(5)
		if !slices.EqualFunc(got, c.want, func(a, b float64) bool { return math.Abs(a-b) < 1e-12 }) {
			t.Errorf("ticks of %v..%v: %v, want %v", c.from, c.to, got, c.want)
		}
	}
}

// More values than pixels: each pixel keeps its lowest and its highest, so that no spike is lost.
func TestSeriesKeepsExtremes(t *testing.T) {
	v := make([]float32, 5000)
	v[3333] = 1
	path := Series(v, NewAxis(0, 4999, 0, 100), NewAxis(0, 1, 50, 0))
	if n := strings.Count(path, "L"); n > 200 || !strings.Contains(path, " 0L") {
		t.Errorf("%d points, or no peak: %s", n, path)
	}
}

func TestWords(t *testing.T) {
	for _, c := range [][2]string{
		{Integer(-1234567), "-1,234,567"}, {Figures(0.0012345, 2), "0.0012"}, {Figures(1299, 2), "1299"}, {Fixed(-0.25, 1), "−0.2"},
		{Power(6.88e14), "6.9×10¹⁴"}, {Superscript(-12), "⁻¹²"}, {Plural(1, "spike"), "1 spike"}, {Plural(2000, "spike"), "2,000 spikes"},
		{Printable("a\x1b[31mb"), "a [31mb"}, {Cut("abcdef", 4), "abc…"},
	} {
		if c[0] != c[1] {
			t.Errorf("%q, want %q", c[0], c[1])
		}
	}
}
