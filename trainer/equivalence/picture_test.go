package equivalence

import (
	"encoding/base64"
	"html"
	"strings"
	"testing"
)

// A picture is shown as an image, whose scripts a browser does not run; what is no SVG is not shown.
func TestPicture(t *testing.T) {
	const svg = `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`
	for _, c := range []struct {
		picture string
		shown   bool
	}{{svg, true}, {"", false}, {`"><script>alert(1)</script>`, false}} {
		s := &Study{Neuron: Neuron{Model: "l5pc", Picture: c.picture, Colours: "<b>regions</b>"}}
		b, err := render(s)
		if err != nil {
			t.Fatal(err)
		}
		page := html.UnescapeString(string(b))
		if strings.Contains(string(b), "<script") || strings.Contains(string(b), "<b>regions") {
			t.Errorf("%.20q: the page holds what the file says as it is", c.picture)
		}
		image := base64.StdEncoding.EncodeToString([]byte(c.picture))
		if got := strings.Contains(page, `src="data:image/svg+xml;base64,`+image[:min(24, len(image))]); got != c.shown && c.picture != "" {
			t.Errorf("%.20q: shown %v", c.picture, got)
		}
		if strings.Contains(page, `class="cell"`) != c.shown {
			t.Errorf("%.20q: shown %v, want %v", c.picture, !c.shown, c.shown)
		}
	}
}
