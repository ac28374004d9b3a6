package equivalence

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"neq/internal/plot"
)

var rewrite = flag.Bool("rewrite", false, "rewrite testdata/answers.txt")

// TestAnswers compares every number of the made-up study with a file checked by eye.
func TestAnswers(t *testing.T) {
	s := synthetic()
	var b bytes.Buffer
	all, err := Candidates(s.Rows, "auc")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		fmt.Fprintln(&b, c)
	}
	answers, err := s.Answers()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range answers {
		fmt.Fprintf(&b, "%v: %d (%s), %.4g per synapse\n", a.Threshold, a.Parameters, interval(a), a.PerSynapse)
	}
	a, _ := s.Answer()
	fmt.Fprintln(&b, s.Headline(a))
	fmt.Fprintln(&b, strings.Join(s.Sentences(a), "\n"))
	if err := Table(&b, s, 100); err != nil {
		t.Fatal(err)
	}
	if *rewrite {
		if err := os.WriteFile("testdata/answers.txt", b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/answers.txt")
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// TestEquivalent works the bracket out by hand.
func TestEquivalent(t *testing.T) {
	rows := []Row{
		row("a", "filter", 100, 0.90, 0.03, 1), row("b", "filter", 200, 0.94, 0.02, 1), row("c", "filter", 400, 0.96, 0.02, 1),
		row("d", "filter", 800, 0.95, 0.001, 1), row("e", "filter", 1600, 0.99, 0.001, 1),
	}
	n := func(p *int) int {
		if p == nil {
			return 0
		}
		return *p
	}
	for _, c := range []struct {
		at                     float64
		parameters, low, high  int
		smallest, below, words string
	}{
		{0.95, 400, 200, 1600, "c", "b", "200 to 1,600"},
		{0.89, 100, 100, 200, "a", "", "Nothing smaller was tried"},
		{0.985, 1600, 1600, 1600, "e", "d", "does not leave this size"},
		{0.9905, 0, 1600, 0, "", "e", "None of the 5 surrogates"},
		{0.999, 0, 0, 0, "", "e", "The best is “e”"},
	} {
		a, err := Equivalent(rows, "auc", c.at)
		if err != nil {
			t.Fatal(err)
		}
		if a.Parameters != c.parameters || n(a.Low) != c.low || n(a.High) != c.high || a.Reached != (c.parameters > 0) {
			t.Errorf("%v: %d [%d, %d], want %d [%d, %d]", c.at, a.Parameters, n(a.Low), n(a.High), c.parameters, c.low, c.high)
		}
		if (a.Smallest == nil) != (c.smallest == "") || a.Smallest != nil && a.Smallest.Name != c.smallest {
			t.Errorf("%v: smallest is %v, want %q", c.at, a.Smallest, c.smallest)
		}
		if (a.Below == nil) != (c.below == "") || a.Below != nil && a.Below.Name != c.below {
			t.Errorf("%v: below is %v, want %q", c.at, a.Below, c.below)
		}
		s := &Study{Neuron: Neuron{Model: "lif"}, Rows: rows}
		if words := s.Headline(a) + " " + strings.Join(s.Sentences(a), " "); !strings.Contains(words, c.words) {
			t.Errorf("%v: %q does not say %q", c.at, words, c.words)
		}
	}
	if _, err := Equivalent(rows, "accuracy", 0.9); err == nil || !strings.Contains(err.Error(), "choose from auc") {
		t.Errorf("unknown metric: %v", err)
	}
	front, err := Frontier(rows, "auc")
	if err != nil {
		t.Fatal(err)
	}
	names := ""
	for _, c := range front {
		names += c.Name
	}
	if names != "abce" {
		t.Errorf("frontier is %s, want abce: d is larger and worse than c", names)
	}
}

func TestSeeds(t *testing.T) {
	rows := []Row{row("fcn 8 seed 1", "fcn", 100, 0.95, 0.01, 1), row("fcn 8 seed 2", "fcn", 100, 0.97, 0.01, 2), row("fcn 8 seed 3", "fcn", 100, 0.96, 0.01, 3)}
	for i := range rows {
		rows[i].Spec = []byte(fmt.Sprintf(`{"width":8, "name":"fcn 8 seed %d", "family":"fcn"}`, i+1))
	}
	all, err := Candidates(rows, "auc")
	if err != nil || len(all) != 1 {
		t.Fatalf("%v %v", all, err)
	}
	c := all[0]
	// standard deviation 0.01; half-width sqrt(0.01^2 + (1.96 0.01 / sqrt 3)^2)
	half := math.Hypot(0.01, 1.96*0.01/math.Sqrt(3))
	if c.Name != "fcn 8" || c.Seeds != 3 || math.Abs(c.Value-0.96) > 1e-12 || math.Abs(c.Spread-0.01) > 1e-12 ||
		math.Abs(*c.Low-0.96+half) > 1e-12 || math.Abs(*c.High-0.96-half) > 1e-12 {
		t.Errorf("%v [%v, %v]", c, *c.Low, *c.High)
	}
	rows[1].Fidelity.AUCInterval = nil
	if all, _ = Candidates(rows, "auc"); all[0].Low != nil {
		t.Error("an interval although one seed has none")
	}
}

// TestTrainedOtherwise: one architecture trained two ways is two candidates, told apart by how it was trained or,
// where a row does not say, by a seed that comes twice.
func TestTrainedOtherwise(t *testing.T) {
	rows := []Row{row("slow", "fcn", 100, 0.95, 0.01, 1), row("fast", "fcn", 100, 0.97, 0.01, 2)}
	rows[0].Spec, rows[1].Spec = []byte(`{"width":8}`), []byte(`{"width":8}`)
	count := func(want int) {
		t.Helper()
		if all, err := Candidates(rows, "auc"); err != nil || len(all) != want {
			t.Errorf("%d candidates, want %d: %v %v", len(all), want, all, err)
		}
	}
	count(1)
	rows[0].Training, rows[1].Training = []byte(`{"rate":1}`), []byte(`{"rate":2}`)
	count(2)
	rows[0].Training, rows[1].Training, rows[1].Seed = nil, nil, 1
	count(2)
}

func TestCommonName(t *testing.T) {
	for _, c := range [][3]string{
		{"fcn 8 seed 1", "fcn 8 seed 2", "fcn 8"}, {"fcn-32-s1", "fcn-32-s12", "fcn-32"}, {"tcn/seed1", "tcn/seed2", "tcn"},
		{"fcn 32 1", "fcn 32 2", "fcn 32"}, {"a", "b", "a"}, {"same", "same", "same"}, {"tcn (3)", "tcn (3) #2", "tcn (3)"},
	} {
		if got := commonName(c[0], c[1]); got != c[2] {
			t.Errorf("%q and %q: %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

// TestUnsound: a number that is not finite fails its row and no other.
func TestUnsound(t *testing.T) {
	s := synthetic()
	s.Rows[0].Fidelity.AUC = math.NaN()
	s.Rows[1].TrainSeconds = math.Inf(1)
	s.Rows[2].Fidelity.ExplainedVariance = -1e300
	s.Rows[3].MACs = 1e300
	a, err := s.Answer()
	if err != nil || a.Parameters != 8005 || a.Tried != 6 {
		t.Errorf("%+v %v", a, err)
	}
	if s.Rows[0].Error != "" {
		t.Error("the study's own row was changed")
	}
	for _, metric := range []string{"auc", "explained_variance"} {
		s.Metric = metric
		if _, err := WriteAll(t.TempDir()+"/report.html", s); err != nil {
			t.Error(err)
		}
	}
}

func TestBrain(t *testing.T) {
	s := synthetic()
	a, _ := s.Answer()
	b := s.Brain(a)
	// 86e9 x 8005; 1e15 x 8000/100 + 86e9 x 5
	if b.Parameters != 86e9*8005 || math.Abs(b.OverSynapses-0.68843) > 1e-9 || b.BySynapse != 8e16+86e9*5 ||
		b.MACsPerSecond != 86e9*8005*1000 || *b.Low != 86e9*6114 || *b.High != 86e9*8005 {
		t.Errorf("%+v, low %v, high %v", b, *b.Low, *b.High)
	}
	a.Reached = false
	if (s.Brain(a) != Brain{}) {
		t.Error("a brain without an answer")
	}
}

func TestDecay(t *testing.T) {
	curve := func(tau, rise float64) []float64 {
		var w []float64
		for k := range 80 {
			w = append(w, -3*(math.Exp(-float64(k)/tau)-rise*math.Exp(-float64(k)/2)))
		}
		return w
	}
	for _, tau := range []float64{2, 20, 100} {
		d, ok := fitDecay(curve(tau, 0))
		// the search ends at 1e-9 in log tau; the fit is exact
		if !ok || math.Abs(d.Tau/tau-1) > 1e-6 || math.Abs(d.Amplitude+3) > 1e-6 || math.Abs(d.Explained-1) > 1e-9 {
			t.Errorf("tau %v: %+v", tau, d)
		}
	}
	wave := make([]float64, 80)
	for k := range wave {
		wave[k] = math.Sin(float64(k) / 5)
	}
	for name, w := range map[string][]float64{"wave": wave, "zero": make([]float64, 80), "short": {1, 0.5}, "nan": {1, math.NaN(), 1, 1, 1}} {
		if d, ok := fitDecay(w); ok {
			t.Errorf("%s is an exponential: %+v", name, d)
		}
	}
}

func TestWords(t *testing.T) {
	for _, c := range [][2]string{
		{plot.Integer(8005), "8,005"}, {plot.Integer(-1234567), "-1,234,567"}, {plot.Integer(12), "12"},
		{short(950), "950"}, {short(8005), "8.01k"}, {short(256098), "256k"}, {short(999600), "1M"}, {short(4e6), "4M"}, {short(2.5e9), "2.5×10⁹"},
		{short(math.NaN()), "–"}, {plot.Power(6.88e14), "6.9×10¹⁴"}, {plot.Power(9.99e14), "10¹⁵"}, {plot.Power(0), "–"},
		{inWords(6.88e14), "690 trillion"}, {inWords(8005), "8,005"}, {inWords(1e15), "1 quadrillion"}, {inWords(1e30), "10³⁰"},
		{fraction(0.9, 3), "0.900"}, {fraction(0.99741, 3), "0.9974"}, {fraction(0.999812, 3), "0.99981"}, {fraction(1, 3), "1.000"},
		{fraction(-0.5, 2), "−0.50"}, {fraction(math.Inf(1), 2), "–"}, {between(0.9969, 0.9979, 3), "0.9969–0.9979"},
		{between(-1.01, -0.99, 3), "−1.010 to −0.990"}, {between(0.9796, 0.9996, 3), "0.9796–0.9996"},
		{duration(0.42), "0.42 s"}, {duration(150), "2.5 min"}, {duration(1e6), "12 days"}, {count(8005), "8,005"}, {each(80.05), "80"},
		{plot.Printable("a\x1b[31mb\u202ec\n"), "a [31mb c "}, {plot.Cut("abcdef", 4), "abc…"}, {cell("=1+1"), "'=1+1"},
	} {
		if c[0] != c[1] {
			t.Errorf("got %q, want %q", c[0], c[1])
		}
	}
}
