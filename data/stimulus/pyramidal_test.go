package stimulus

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pyramidal is the paper's protocol for the L5 pyramidal cell: 262 basal and 377 apical segments, an excitatory and an
// inhibitory synapse on each. Lengths as they spread over that cell's segments: 8 to 40 um.
func pyramidal() (Config, []Group) {
	lengths := func(n int) []float64 {
		l := make([]float64, n)
		for i := range l {
			l[i] = 8 + 32*float64(i*7%n)/float64(n)
		}
		return l
	}
	basal, apical := lengths(262), lengths(377)
	groups := []Group{{"exc_basal", 0, 262, basal}, {"exc_apical", 262, 377, apical}, {"inh_basal", 639, 262, basal}, {"inh_apical", 901, 377, apical}}
	return Config{
		Protocol: "modulated",
		Trees: []Tree{
			{"exc_basal", "inh_basal", []float64{0, 800}, []float64{-600, 200}},
			{"exc_apical", "inh_apical", []float64{0, 800}, []float64{-600, 200}},
		},
		Interval:       []float64{25, 30, 35, 40, 45, 55, 60, 65, 70, 75, 80, 85, 90, 100, 150, 200, 300, 450},
		IntervalJitter: 20,
		Smoothing:      []float64{25, 30, 35, 40, 50, 60, 80, 100, 150, 200, 300, 400, 500, 600}, SmoothingJitter: 20,
		Share: "length", ShareOffset: 10,
	}, groups
}

// Excitatory synapses receive 12 Hz (2 trees of 400 events per 100 ms on 639 synapses), inhibitory ones 9.5 to 10 (312.5),
// each in proportion to its segment's length + 10 um. 80 samples of 6 s: a sample's rate has a standard deviation of
// about a third, so that the mean over them is known to 4 %; within a tree that cancels, and 9 % is 5 standard errors of
// the count of a synapse: 480 s at 12 Hz.
func TestPyramidalRates(t *testing.T) {
	c, groups := pyramidal()
	p, err := New(c, groups, 6000, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	const samples = 80
	count, most := make([]float64, 1278), 0
	var e Events
	for i := range uint64(samples) {
		if err := p.Draw(i, &e); err != nil {
			t.Fatal(err)
		}
		for _, s := range e.Synapse {
			count[s]++
		}
		most = max(most, len(e.Time))
	}
	if c := p.Capacity(1); most > c {
		t.Errorf("%d events in a sample exceed the capacity %d", most, c)
	}
	if c, mean := p.Capacity(64), 64*6000*p.Rate(); float64(c) > 1.7*mean {
		t.Errorf("a shard of 64 samples has room for %d events, its mean is %.0f", c, mean)
	}
	total := map[string]float64{}
	for _, g := range groups {
		shares, worst := c.shares(g), 0.
		n := 0.
		for i := range shares {
			n += count[g.First+i]
		}
		for i, s := range shares {
			worst = max(worst, math.Abs(count[g.First+i]/(n*s)-1))
		}
		// The least share is half the mean: 5 standard errors of 2,300 events and of U[0.5, 1.5] in each interval.
		if worst > 0.2 {
			t.Errorf("%s: a synapse receives %.0f %% more or less than its share", g.Name, 100*worst)
		}
		total[g.Name[:3]] += n / (639 * 6 * samples)
	}
	if math.Abs(total["exc"]/12.5-1) > 0.12 || math.Abs(total["inh"]/9.8-1) > 0.14 {
		t.Errorf("%.2f and %.2f Hz, want 12.5 and 9.8", total["exc"], total["inh"])
	}
}

// In every interval the synapses of a tree divide its events: with no spread, exactly in proportion to their shares.
func TestSharesOfAnInterval(t *testing.T) {
	c, groups := pyramidal()
	c.Spread = []float64{1, 1}
	p, err := New(c, groups, 600, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	recipe := p.Recipe()
	course := p.Course(recipe, 5)
	plan := recipe.Plan(course)
	for k := range course.Rates[0] {
		sum := 0.
		for s := range 262 {
			a := float64(plan.Amplitude[k*plan.Row+s])
			if want := course.Rates[0][k] * (groups[0].Length[s] + 10) / (262*(8+10) + 32*261./2); math.Abs(a-want) > 1e-6*want { // float32
				t.Fatalf("interval %d, synapse %d: %g events per ms, want %g", k, s, a, want)
			}
			sum += a
		}
		if r := course.Rates[0][k]; r > 8 || math.Abs(sum-r) > 1e-5*r {
			t.Fatalf("interval %d: the synapses receive %g of %g events per ms", k, sum, r)
		}
	}
}

func TestBadShares(t *testing.T) {
	for key, spoil := range map[string]func(*Config, []Group){
		"stimulus.share: \"area\"":                   func(c *Config, _ []Group) { c.Share = "area" },
		"stimulus.share_offset_um: belongs":          func(c *Config, _ []Group) { c.Share = "" },
		"stimulus.share_offset_um: -1":               func(c *Config, _ []Group) { c.ShareOffset = -1 },
		"stimulus.share: length: synapse group":      func(_ *Config, g []Group) { g[1].Length = nil },
		"stimulus.share: length: synapse 3 of group": func(_ *Config, g []Group) { g[1].Length = slices.Clone(g[1].Length); g[1].Length[3] = math.NaN() },
	} {
		c, groups := pyramidal()
		spoil(&c, groups)
		if _, err := New(c, groups, 100, 0, ""); err == nil || !strings.HasPrefix(err.Error(), key) {
			t.Errorf("error %q, want one that begins %q", err, key)
		}
	}
}

// Events named by tree and segment, as NEURON's reference inputs are.
func TestReplayBySegment(t *testing.T) {
	dir := t.TempDir()
	_, groups := pyramidal()
	for _, c := range []struct {
		name, text, err string
		want            []int32
	}{
		{"exc and inh", "time_ms,synapse,segment\n0.5,exc,0\n1,exc,262\n2,inh,638\n3,inh_basal,5\n", "", []int32{0, 262, 1277, 644}},
		{"beyond", "time_ms,synapse,segment\n0.5,exc,639\n", "replay.csv:2: segment is \"639\": want a number from 0 to 638", nil},
		{"no such group", "time_ms,synapse,segment\n0.5,gaba,1\n", "no synapse group begins so", nil},
		{"no name", "time_ms,synapse,segment\n0.5,,1\n", "no synapse group begins so", nil},
		{"no segment", "time_ms,synapse,segment\n0.5,exc\n", "segment is \"\"", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, "replay.csv"), []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			p, err := New(Config{Protocol: "replay", File: "replay.csv"}, groups, 100, 0, dir)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var e Events
			if err := p.Draw(0, &e); err != nil || !slices.Equal(e.Synapse, c.want) {
				t.Errorf("synapses %v, want %v (%v)", e.Synapse, c.want, err)
			}
		})
	}
}

func BenchmarkPyramidal(b *testing.B) {
	c, groups := pyramidal()
	p, err := New(c, groups, 6000, 1, "")
	if err != nil {
		b.Fatal(err)
	}
	var e Events
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := p.Draw(uint64(i), &e); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*6/b.Elapsed().Seconds(), "neuron-s/s")
}
