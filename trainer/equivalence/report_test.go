package equivalence

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"neq/trainer/fidelity"
)

func all(t *testing.T, s *Study) (html, svg, table string, report map[string]any, lines [][]string) {
	t.Helper()
	dir := t.TempDir()
	files, err := WriteAll(filepath.Join(dir, "report.html"), s)
	if err != nil {
		t.Fatal(err)
	}
	text := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		text[filepath.Ext(f)] = string(b)
	}
	if err := json.Unmarshal([]byte(text[".json"]), &report); err != nil {
		t.Fatal(err)
	}
	if lines, err = csv.NewReader(strings.NewReader(text[".csv"])).ReadAll(); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := Table(&b, s, 90); err != nil {
		t.Fatal(err)
	}
	return text[".html"], text[".svg"], b.String(), report, lines
}

// wellFormed reads every tag: one left open or closed twice is an error.
func wellFormed(t *testing.T, what, text string, strict bool) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict = strict
	if !strict {
		d.AutoClose, d.Entity = xml.HTMLAutoClose, xml.HTMLEntity
	}
	depth := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		switch token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
	}
	if depth != 0 {
		t.Errorf("%s: %d elements left open", what, depth)
	}
}

// selfContained refuses whatever would ask the network or run.
func selfContained(t *testing.T, what, text string) {
	t.Helper()
	text = strings.ReplaceAll(text, `xmlns="http://www.w3.org/2000/svg"`, "")
	if m := regexp.MustCompile(`(?i)https?:|//[a-z]|<script|<link|<img|<iframe|@import|url\(|\son[a-z]+=`).FindString(text); m != "" {
		t.Errorf("%s holds %q", what, m)
	}
}

var badNumber = regexp.MustCompile(`\b(NaN|\+?Inf|1e\+\d+)\b`)

func TestReport(t *testing.T) {
	s := synthetic()
	html, svg, table, report, lines := all(t, s)
	// html/template leaves <, > and & of attribute-free text escaped, so XML can read the page
	wellFormed(t, "html", html, false)
	wellFormed(t, "svg", svg, true)
	selfContained(t, "html", html)
	selfContained(t, "svg", svg)
	for what, text := range map[string]string{"html": html, "svg": svg, "table": table} {
		for _, want := range []string{"8,005", "0.99", "leaky integrate-and-fire", "filter 80 ms"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q", what, want)
			}
		}
	}
	for _, want := range []string{"decays with 19.9 ms", "6.9×10¹⁴", "690 trillion", "beniaguev-2021", "loss is NaN at step 12",
		"600 to train", "chosen on validation", "baseline: mean rate", "nobody told the surrogate", `class="v"`, `class="spread"`} {
		if !strings.Contains(html, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if got := report["answer"].(map[string]any)["parameters"]; got != 8005.0 {
		t.Errorf("report.json answers %v", got)
	}
	if len(lines) != 11 || lines[1][0] != "filter 10 ms" || lines[10][26] != "loss is NaN at step 12" || lines[4][9] != "0.9974" || lines[10][9] != "" {
		t.Errorf("csv: %q", lines)
	}
}

// TestStudies renders what a sweep may leave behind, however little or hostile.
func TestStudies(t *testing.T) {
	hostile := `</title><script>alert("1")</script>&'` + "\x1b]0;x\a\u202e"
	for name, change := range map[string]func(s *Study){
		"no row":      func(s *Study) { s.Rows = nil },
		"all failed":  func(s *Study) { s.Rows = s.Rows[9:] },
		"one row":     func(s *Study) { s.Rows = s.Rows[3:4]; s.Rows[0].Fidelity.AUCInterval = nil },
		"perfect":     func(s *Study) { s.Rows[3].Fidelity = result(1, 0) },
		"not reached": func(s *Study) { s.Threshold = 0.99999 },
		"by voltage":  func(s *Study) { s.Metric, s.Threshold = "explained_variance", 0.95 },
		"by F1":       func(s *Study) { s.Metric, s.Threshold = "f1_2ms", 0.7 },
		"undefined":   func(s *Study) { s.Rows[3].Fidelity = fidelity.Result{SpikesUndefined: "the neuron never spikes"} },
		"far below":   func(s *Study) { s.Metric = "explained_variance"; s.Rows[0].Fidelity.ExplainedVariance = -40 },
		"huge": func(s *Study) {
			s.Rows[8].Parameters, s.Rows[8].Synaptic, s.Rows[8].MACs = math.MaxInt64, math.MaxInt64/2, 1e200
			s.Threshold = 0.996
		},
		"hostile": func(s *Study) {
			s.Title, s.Stimulus, s.Device, s.Version, s.Neuron.Model = hostile, hostile, hostile, hostile, hostile
			s.Neuron.Synapses[0].Name, s.Facts[0].Value, s.Baselines[0].Name = hostile, hostile, hostile
			s.Rows[3].Name, s.Rows[3].Family, s.Rows[9].Error = hostile, hostile, hostile
			s.Examples[0].Inputs[0].Name, s.Filters[0].Groups[0].Name = hostile, hostile
		},
		"broken figures": func(s *Study) {
			e := &s.Examples[0]
			e.PredictedV = e.PredictedV[:7]
			s.Filters[0].Groups[0].Spread = []float64{1}
		},
		"odd figures": func(s *Study) {
			e := &s.Examples[0]
			e.V[5], e.PredictedV[6], e.Probability[7] = float32(math.NaN()), float32(math.Inf(1)), -3
			e.Inputs[0].Count, e.Inputs[1].Synapse[0] = -1, -7
			e.Spikes = append(e.Spikes, math.NaN(), -5, 1e300)
			s.Filters[0].Groups[0].Mean[3] = math.NaN()
		},
		"long": func(s *Study) {
			e := &s.Examples[0]
			for range 3 {
				e.V, e.PredictedV, e.Probability = append(e.V, e.V...), append(e.PredictedV, e.PredictedV...), append(e.Probability, e.Probability...)
			}
		},
		"many channels": func(s *Study) { s.Filters[0].Channels = 32 },
		"nameless":      func(s *Study) { *s = Study{Rows: s.Rows[3:5]}; s.Rows[0].Name, s.Rows[0].Family = "", "" },
	} {
		t.Run(name, func(t *testing.T) {
			s := synthetic()
			change(s)
			html, svg, table, _, _ := all(t, s)
			wellFormed(t, "html", html, false)
			wellFormed(t, "svg", svg, true)
			selfContained(t, "html", html)
			selfContained(t, "svg", svg)
			for what, text := range map[string]string{"html": html, "svg": svg, "table": table} {
				if m := badNumber.FindString(strings.ReplaceAll(text, "loss is NaN at step 12", "")); m != "" {
					t.Errorf("%s shows %s", what, m)
				}
				if strings.ContainsAny(text, "\x1b\a\u202e") {
					t.Errorf("%s holds a control character", what)
				}
			}
			if len(html) > 1<<20 {
				t.Errorf("the page has %d bytes", len(html))
			}
		})
	}
}

func TestWriteAllName(t *testing.T) {
	if _, err := WriteAll(t.TempDir()+"/report.json", synthetic()); err == nil || !strings.Contains(err.Error(), ".html") {
		t.Errorf("a page called .json: %v", err)
	}
	if err := WriteHTML(t.TempDir()+"/no/such/folder/report.html", synthetic()); err == nil {
		t.Error("a page in a folder that is not there")
	}
}

// TestClipped: a surrogate of a clipped voltage keeps its room beside an action potential.
func TestClipped(t *testing.T) {
	e := Example{V: make([]float32, 100), PredictedV: make([]float32, 100)}
	for i := range e.V {
		e.V[i], e.PredictedV[i] = -70, -70
	}
	e.V[50], e.PredictedV[50] = 40, -55
	v := voltageAxis(e, 0, 100)
	if p := predictedAxis(e, v, 0, 100); v.To < 40 || p.To > -50 || p.To < -55 || p.From != v.From {
		t.Errorf("neuron %+v, surrogate %+v", v, p)
	}
	e.PredictedV[50] = 30
	if p := predictedAxis(e, v, 0, 100); p != v {
		t.Errorf("unclipped: %+v, want %+v", p, v)
	}
}

// TestFiles writes a sweep's files and reads them back.
func TestFiles(t *testing.T) {
	dir, s := t.TempDir(), synthetic()
	if _, err := LoadStudy(dir); err == nil || !strings.Contains(err.Error(), "is it the folder of a sweep") {
		t.Errorf("empty folder: %v", err)
	}
	if err := WriteStudyHeader(dir, *s); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadStudy(dir); err == nil || !strings.Contains(err.Error(), "neq sweep --resume") {
		t.Errorf("no trial: %v", err)
	}
	trial := func(name string) string { return filepath.Join(dir, "trials", name) }
	for _, r := range s.Rows {
		if err := WriteRow(trial(r.Name), r); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range s.Examples {
		if err := WriteExample(trial(e.Trial), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteFilters(trial(s.Filters[0].Trial), s.Filters[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(trial("not trained yet"), 0o777); err != nil {
		t.Fatal(err)
	}
	got, err := LoadStudy(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Rows) != len(s.Rows) || len(got.Examples) != 2 || len(got.Filters) != 1 || got.Rows[0].Name != "filter 10 ms" {
		t.Fatalf("%d rows, %d examples, %d filters", len(got.Rows), len(got.Examples), len(got.Filters))
	}
	a, _ := json.Marshal(mustReport(t, s).Answer)
	b, _ := json.Marshal(mustReport(t, got).Answer)
	if string(a) != string(b) {
		t.Errorf("answer %s read back as %s", a, b)
	}
	if html, _, _, _, _ := all(t, got); !strings.Contains(html, `class="v"`) || !strings.Contains(html, `class="spread"`) {
		t.Error("the figures are lost on the way")
	}
	bad := s.Rows[0]
	bad.TrainSeconds = math.NaN()
	if err := WriteRow(trial("bad"), bad); err == nil || !strings.Contains(err.Error(), "row.json") {
		t.Errorf("NaN written: %v", err)
	}
	for file, text := range map[string]string{"row.json": `{"parameters":`, "example.json": `{"v_mv":[1,2],"probability":[1]}`, "filters.json": `{"groups":[{}]}`} {
		path := filepath.Join(trial("filter 80 ms"), file)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadStudy(dir); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("broken %s: %v", file, err)
		}
		if err := os.WriteFile(path, whole, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func mustReport(t *testing.T, s *Study) Report {
	t.Helper()
	r, err := NewReport(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// FuzzStudy: whatever lies in a sweep's folder is refused or drawn, never a panic.
func FuzzStudy(f *testing.F) {
	s := synthetic()
	study, _ := json.Marshal(Study{Neuron: s.Neuron, Data: s.Data})
	r, _ := json.Marshal(s.Rows[3])
	e, _ := json.Marshal(Example{V: []float32{-70, -60}, PredictedV: []float32{-70, -61}, Probability: []float32{0, 1}, Spikes: []float64{1}, Inputs: []Raster{{Name: "a", Count: 2, Time: []float32{1}, Synapse: []int32{1}}}})
	l, _ := json.Marshal(Filters{Channels: 1, Groups: []GroupFilter{{Name: "a", Count: 2, Mean: []float64{4, 2, 1, 0.5, 0.25}}}})
	f.Add(study, r, e, l)
	f.Add([]byte(`{"metric":"accuracy"}`), r, []byte(`{}`), []byte(`[]`))
	f.Add([]byte(`{"threshold":1e308}`), []byte(`{"parameters":1}`), e, []byte(`{"groups":[{"mean":[1e308,-1e308]}]}`))
	f.Add(study, r, []byte(`{"start_ms":9007199254740993,"v_mv":[1,2]}`), l)
	f.Fuzz(func(t *testing.T, study, row, example, filters []byte) {
		dir := t.TempDir()
		trial := filepath.Join(dir, "trials", "one")
		if err := os.MkdirAll(trial, 0o777); err != nil {
			t.Fatal(err)
		}
		for path, b := range map[string][]byte{filepath.Join(dir, "study.json"): study, filepath.Join(trial, "row.json"): row,
			filepath.Join(trial, "example.json"): example, filepath.Join(trial, "filters.json"): filters} {
			if err := os.WriteFile(path, b, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		s, err := LoadStudy(dir)
		if err != nil {
			return
		}
		html, err := render(s)
		if err != nil {
			return
		}
		wellFormed(t, "html", string(html), false)
		if err := Table(io.Discard, s, 80); err != nil {
			t.Error(err)
		}
	})
}
