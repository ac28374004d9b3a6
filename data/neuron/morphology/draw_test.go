package morphology

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

func grown(t testing.TB) *Cable {
	t.Helper()
	c, err := Grow(GrownSeed).StubAxon().Divide(Division{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Every drawing is well formed, names no other file, and lies within its frame.
func TestDraw(t *testing.T) {
	c := grown(t)
	values := make([]float64, len(c.Segments))
	for i, s := range c.Segments {
		values[i] = s.PathDistance
	}
	values[3], values[4] = math.NaN(), math.Inf(1)
	sphere, err := ReadSWC(strings.NewReader("1 1 0 0 0 5 -1\n"), "sphere")
	if err != nil {
		t.Fatal(err)
	}
	ball, err := sphere.Divide(Division{})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct {
		name string
		c    *Cable
		o    Drawing
		want []string
	}{
		{"regions", c, Drawing{Title: `a <b> & "c"`, Alone: true}, []string{"apical dendrites", "377 segments", "µm</text>", "a &lt;b&gt; &amp;"}},
		{"values", c, Drawing{Values: values, Label: "path (µm)", Marks: map[int]string{0: "<soma>", 600: "here"}}, []string{"path (µm)", `class="none"`, `class="h8"`, "&lt;soma&gt;", "ring"}},
		{"logarithms", c, Drawing{Values: values, Log: true}, []string{`class="h0"`}},
		{"equal values", ball, Drawing{Values: []float64{2}}, []string{`class="h4"`, ">2</text>"}},
		{"no values above 0", ball, Drawing{Values: []float64{-2}, Log: true}, []string{"no values"}},
		{"a sphere", ball, Drawing{Width: 300, Height: 10}, []string{"<circle"}},
	} {
		t.Run(k.name, func(t *testing.T) {
			s, err := Draw(k.c, k.o)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range k.want {
				if !strings.Contains(s, w) {
					t.Errorf("lacks %s", w)
				}
			}
			for _, w := range []string{"NaN", "Inf", "http://", "url("} {
				if strings.Contains(strings.ReplaceAll(s, `xmlns="http://www.w3.org/2000/svg"`, ""), w) {
					t.Errorf("has %s", w)
				}
			}
			r := xml.NewDecoder(strings.NewReader(s))
			for {
				if _, err := r.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestDrawRefuses(t *testing.T) {
	c := grown(t)
	for _, o := range []Drawing{{Values: []float64{1}}, {Marks: map[int]string{-1: ""}}, {Marks: map[int]string{len(c.Segments): ""}}} {
		if _, err := Draw(c, o); err == nil {
			t.Errorf("%+v was drawn", o)
		}
	}
}

// Drawing changes nothing: a morphology is shared.
func TestDrawLeavesTheMorphology(t *testing.T) {
	c := grown(t)
	before := c.Morphology.Sections[0].Points[0]
	if _, err := Draw(c, Drawing{}); err != nil {
		t.Fatal(err)
	}
	if got := c.Morphology.Sections[0].Points[0]; got != before {
		t.Errorf("%v became %v", before, got)
	}
}
