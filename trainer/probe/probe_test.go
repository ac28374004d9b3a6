package probe

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"neq/cuda"
	"neq/data/neuron"
)

// cell compiles a model with so many excitatory synapses that it can be probed.
func cell(t testing.TB, cfg neuron.Config, o neuron.Options) *neuron.Cell {
	t.Helper()
	c, err := neuron.Compile(cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func subject(t testing.TB, c *neuron.Cell, threads int) *Neuron {
	t.Helper()
	d, err := cuda.NewCPU(cuda.CPUOptions{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return NewNeuron("", c, d)
}

func probed(t testing.TB, name string, s Subject) *Report {
	t.Helper()
	r, err := Run(context.Background(), name, s, Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func exc(kind string, n int, weight float64) []neuron.SynapseGroup {
	return []neuron.SynapseGroup{{Name: "exc", Kind: kind, Count: n, Weight: neuron.Weight{Constant: weight}}}
}

// points are point neurons, each with synapses that make it fire.
var points = []neuron.Config{
	{Model: "lif", Synapses: exc("delta", 80, 2)},
	{Model: "izhikevich", Synapses: exc("delta", 80, 5)},
	{Model: "adex", Synapses: exc("ampa", 80, 5)},
	{Model: "hh", Synapses: exc("ampa", 80, 0.2)},
	{Model: "pospischil-rs", Synapses: exc("ampa", 40, 7)},
}

// A leaky integrator under a constant current reaches threshold after t with I = C (Vth-E)/tau / (1 - exp(-t/tau)), for
// t the second of the step less the 1 ms a step of it lasts. To 1 part in 4096, the probe's resolution.
func TestRheobaseOfLIF(t *testing.T) {
	r := probed(t, "fi", subject(t, cell(t, points[0], neuron.Options{Dt: 0.1}), 1))
	want := 250.0 * 20 / 20 / (1 - math.Exp(-1000/20.0))
	if got := float64(r.Found["rheobase"]); math.Abs(got/want-1) > 1.0/2048 {
		t.Errorf("rheobase %v pA, want %v", got, want)
	}
	// rate = 1 / (refractory + tau ln(I / (I - rheobase))), to the spike that the second cuts off
	want = 1000 / (1 + 20*math.Log(2))
	if got := float64(r.Found["rate_at_twice_rheobase_hz"]); math.Abs(got-want) > 1 {
		t.Errorf("%v Hz at twice the rheobase, want %v", got, want)
	}
}

// NEURON 8.2.2, hh on a cylinder of 20 um by 20 um, 6.3 C, rate tables off, dt 0.025 ms, a step of one second: bisected
// to 0.0282661 nA, with 1, 1 and 57 spikes at one, two and three times that.
func TestRheobaseOfHH(t *testing.T) {
	r := probed(t, "fi", subject(t, cell(t, points[3], neuron.Options{}), 1))
	if got := float64(r.Found["rheobase"]); math.Abs(got/0.0282661-1) > 1e-3 {
		t.Errorf("rheobase %v nA, NEURON has 0.0282661", got)
	}
	if n := []any{r.Found["rate_at_twice_rheobase_hz"], r.Found["rate_at_three_rheobases_hz"]}; n[0] != Number(1) || n[1] != Number(57) {
		t.Errorf("%v spikes at twice and three times the rheobase, NEURON has 1 and 57", n)
	}
}

// How a neuron fires is put into words: Izhikevich's chattering cell bursts, the fast-spiking cell of Pospischil et al. does not adapt,
// AdEx with its default set does.
func TestFiringPatterns(t *testing.T) {
	for _, c := range []struct{ model, set, want string }{
		{"izhikevich", "chattering", "fires in bursts"}, {"pospischil-fs", "", "does not adapt"}, {"adex", "", "It adapts"}, {"hh", "", "goes on firing"},
	} {
		r := probed(t, "fi", subject(t, cell(t, neuron.Config{Model: c.model, Set: c.set}, neuron.Options{}), 1))
		if text := strings.Join(r.Sentences, " "); !strings.Contains(text, c.want) {
			t.Errorf("%s %s: %q, want %q", c.model, c.set, text, c.want)
		}
	}
}

// A neuron without dendrites adds its inputs up: it cannot tell one from two, nor which came first, nor from where.
func TestPointNeurons(t *testing.T) {
	for _, cfg := range points {
		t.Run(cfg.Model, func(t *testing.T) {
			t.Parallel()
			s := subject(t, cell(t, cfg, neuron.Options{}), 1)
			x := probed(t, "xor", s)
			if *x.Verdict || float64(x.Found["accuracy"]) > 0.75+1e-9 || float64(x.Found["accuracy"]) < 0.7 {
				t.Errorf("separates XOR: %v, %v of trials told apart; want no, and 0.75 at most, which OR reaches", *x.Verdict, x.Found["accuracy"])
			}
			p := probed(t, "pairs", s)
			// the same events, in the same order to a device that does not know one synapse from another: the same to the bit
			if *p.Verdict || p.Found["pair_index"] != 0 || p.Found["sequence_index"] != 0 {
				t.Errorf("order matters: %v, by %v and %v", *p.Verdict, p.Found["pair_index"], p.Found["sequence_index"])
			}
			d := probed(t, "distance", s)
			if len(d.Rows) != 1 || d.Found["farthest_attenuation"] != 1 || !(d.Found["nearest_soma_mv"] > 0) {
				t.Errorf("distance: %v", d.Rows)
			}
		})
	}
}

// A delta synapse raises the voltage by its weight, and half of it is left after tau ln 2.
func TestDeltaSynapse(t *testing.T) {
	d := probed(t, "distance", subject(t, cell(t, points[0], neuron.Options{Dt: 0.125}), 1))
	if got := float64(d.Found["nearest_soma_mv"]); math.Abs(got-2) > 1e-4 {
		t.Errorf("%v mV, want the weight, 2", got)
	}
}

// What a probe finds depends on neither threads nor the run before it.
func TestDeterministic(t *testing.T) {
	c := cell(t, points[2], neuron.Options{})
	for _, e := range Experiments() {
		a, b := probed(t, e.Name, subject(t, c, 1)), probed(t, e.Name, subject(t, c, 3))
		if !reflect.DeepEqual(a.Rows, b.Rows) && !bytes.Equal(a.CSV(), b.CSV()) {
			t.Errorf("%s differs between 1 and 3 threads", e.Name)
		}
	}
	other, err := Run(context.Background(), "xor", subject(t, c, 1), Options{Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(other.CSV(), probed(t, "xor", subject(t, c, 1)).CSV()) {
		t.Error("another seed, the same Poisson trains")
	}
}

// Bad questions say what there is instead.
func TestRefused(t *testing.T) {
	s := subject(t, cell(t, points[0], neuron.Options{}), 1)
	silent := subject(t, cell(t, neuron.Config{Model: "lif"}, neuron.Options{}), 1)
	inhibited := subject(t, cell(t, neuron.Config{Model: "lif", Synapses: exc("delta", 10, -2)}, neuron.Options{}), 1)
	for _, c := range []struct {
		name string
		s    Subject
		o    Options
		want string
	}{
		{"gamma", s, Options{}, "there are fi, xor, pairs, distance"},
		{"xor", silent, Options{}, "no excitatory synapses"},
		{"pairs", inhibited, Options{}, "no excitatory synapses"},
		{"distance", silent, Options{}, "no excitatory synapses"},
		{"xor", s, Options{A: "apic", B: "exc"}, "there are exc"},
		{"pairs", s, Options{A: "exc"}, "name both"},
		{"fi", mute{}, Options{}, "takes no current"},
	} {
		if _, err := Run(context.Background(), c.name, c.s, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, "xor", s, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled, yet %v", err)
	}
}

// mute is a subject that takes no current.
type mute struct{}

func (mute) About() About                                     { return About{Name: "mute", Dt: 1} }
func (mute) Run(context.Context, Session) ([]Response, error) { return nil, nil }

var bad = regexp.MustCompile(`\b(NaN|\+?Inf)\b|(?i)https?:|<script|<link|<img|url\(`)

// Every probe writes a page that is whole and alone, and the same figures as JSON, CSV and SVG.
func TestFiles(t *testing.T) {
	s := subject(t, cell(t, points[2], neuron.Options{}), 1)
	s.about.Name = `<b>"a&x` // a name from a file is only words
	for _, e := range Experiments() {
		r := probed(t, e.Name, s)
		r.Version = "test"
		files, err := r.WriteAll(filepath.Join(t.TempDir(), e.Name+".html"))
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
		for ext, strict := range map[string]bool{".html": false, ".svg": true} {
			d := xml.NewDecoder(strings.NewReader(text[ext]))
			if d.Strict = strict; !strict {
				d.AutoClose, d.Entity = xml.HTMLAutoClose, xml.HTMLEntity
			}
			for {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%s%s: %v", e.Name, ext, err)
				}
			}
			if m := bad.FindString(strings.ReplaceAll(text[ext], `xmlns="http://www.w3.org/2000/svg"`, "")); m != "" {
				t.Errorf("%s%s holds %q", e.Name, ext, m)
			}
		}
		var back Report
		if err := json.Unmarshal([]byte(text[".json"]), &back); err != nil || back.Headline != r.Headline || len(back.Rows) != len(r.Rows) {
			t.Errorf("%s.json: %v", e.Name, err)
		}
		lines, err := csv.NewReader(strings.NewReader(text[".csv"])).ReadAll()
		if err != nil || len(lines) != len(r.Rows)+1 {
			t.Errorf("%s.csv: %d lines, %v", e.Name, len(lines), err)
		}
		if !strings.Contains(r.Text(), strings.Fields(r.Headline)[0]) {
			t.Errorf("%s: the text lacks the headline:\n%s", e.Name, r.Text())
		}
	}
	if _, err := probed(t, "fi", s).WriteAll("x.csv"); err == nil {
		t.Error("a page was written as x.csv")
	}
}
