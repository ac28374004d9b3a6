package probe

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"neq/internal/atomicfile"
	"neq/internal/plot"
)

// Report is what a probe found.
type Report struct {
	Experiment string            `json:"experiment"`
	Subject    About             `json:"subject"`
	Headline   string            `json:"headline"`
	Sentences  []string          `json:"sentences"`
	Verdict    *bool             `json:"verdict,omitempty"` // of probes that ask a question: xor, is it separated; pairs, does order matter
	Found      map[string]Number `json:"found"`             // the figures behind the headline, named with their unit
	Tiles      []Fact            `json:"-"`
	Columns    []string          `json:"columns"`
	Rows       [][]any           `json:"rows"` // a Number, an int or a string each
	Figures    []Figure          `json:"-"`
	Facts      []Fact            `json:"facts"`
	Version    string            `json:"version,omitempty"`
}

// Fact is a name and a value in words.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Figure is a drawing with what it shows. The first of a report also is a file of its own.
type Figure struct {
	Heading, Words string
	Draw           func(alone bool) string // an svg element; alone: as a file of its own
}

// Number is a measurement; NaN, which is null in JSON and empty in CSV, was not defined.
type Number float64

// MarshalJSON writes null for what is not finite.
func (x Number) MarshalJSON() ([]byte, error) {
	if f := float64(x); math.IsNaN(f) || math.IsInf(f, 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(x), 'g', 7, 64), nil
}

func (x Number) String() string {
	if f := float64(x); math.IsNaN(f) || math.IsInf(f, 0) {
		return "–"
	}
	return plot.Figures(float64(x), 4)
}

// row makes a row of a table.
func row(values ...any) []any {
	for i, v := range values {
		switch v := v.(type) {
		case float64:
			values[i] = Number(v)
		case string:
			values[i] = plot.Printable(v)
		}
	}
	return values
}

// Text is the report for a terminal: the table, then the headline and what explains it.
func (r *Report) Text() string {
	cells := [][]string{r.Columns}
	for _, line := range r.Rows {
		var c []string
		for _, v := range line {
			c = append(c, fmt.Sprint(v))
		}
		cells = append(cells, c)
	}
	width := make([]int, len(r.Columns))
	for _, line := range cells {
		for i, c := range line {
			width[i] = max(width[i], len([]rune(c)))
		}
	}
	var b strings.Builder
	for n, line := range cells {
		for i, c := range line {
			pad := strings.Repeat(" ", width[i]-len([]rune(c)))
			if _, word := r.firstOf(i).(string); word { // words to the left, numbers to the right
				b.WriteString("  " + c + pad)
			} else {
				b.WriteString("  " + pad + c)
			}
		}
		b.WriteString("\n")
		if n == 0 {
			total := 0
			for _, w := range width {
				total += w + 2
			}
			b.WriteString(strings.Repeat("─", total) + "\n")
		}
	}
	b.WriteString("\n" + wrap(r.Headline+" "+strings.Join(r.Sentences, " "), 110) + "\n")
	return b.String()
}

func (r *Report) firstOf(column int) any {
	if len(r.Rows) == 0 || column >= len(r.Rows[0]) {
		return ""
	}
	return r.Rows[0][column]
}

// wrap breaks words into lines of at most n runes.
func wrap(s string, n int) string {
	var b strings.Builder
	at := 0
	for i, w := range strings.Fields(s) {
		l := len([]rune(w))
		switch {
		case i == 0:
		case at+1+l > n:
			b.WriteString("\n")
			at = 0
		default:
			b.WriteString(" ")
			at++
		}
		b.WriteString(w)
		at += l
	}
	return b.String()
}

// CSV is the report's table for pandas and spreadsheets.
func (r *Report) CSV() []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write(r.Columns) // into memory: cannot fail
	for _, line := range r.Rows {
		var c []string
		for _, v := range line {
			switch v := v.(type) {
			case Number:
				s := ""
				if f := float64(v); !math.IsNaN(f) && !math.IsInf(f, 0) {
					s = strconv.FormatFloat(f, 'g', 7, 64)
				}
				c = append(c, s)
			case string:
				if v != "" && strings.ContainsRune("=+-@", rune(v[0])) {
					v = "'" + v // else a spreadsheet takes a name for a formula
				}
				c = append(c, v)
			default:
				c = append(c, fmt.Sprint(v))
			}
		}
		w.Write(c)
	}
	w.Flush()
	return b.Bytes()
}

// WriteAll writes the report's page at path and, beside it under the same name, .json, .csv and .svg: the first
// figure. It returns the files written.
func (r *Report) WriteAll(path string) ([]string, error) {
	base := strings.TrimSuffix(path, filepath.Ext(path))
	switch filepath.Ext(path) {
	case ".json", ".csv", ".svg":
		return nil, fmt.Errorf("probe: %s: the report is a page: give it a name that ends in .html; .json, .csv and .svg are written beside it", path)
	}
	page, err := r.page()
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	var done []string
	for _, f := range []struct {
		path string
		text []byte
	}{{path, page}, {base + ".json", append(text, '\n')}, {base + ".csv", r.CSV()}, {base + ".svg", []byte(r.Figures[0].Draw(true) + "\n")}} {
		if err := atomicfile.WriteFile(f.path, f.text); err != nil {
			return done, fmt.Errorf("probe: %w", err)
		}
		done = append(done, f.path)
	}
	return done, nil
}
