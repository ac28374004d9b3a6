package equivalence

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"unicode"

	"neq/trainer/fidelity"
)

// Candidate is one architecture trained one way: the rows that share both and differ by seed, taken together.
type Candidate struct {
	Name           string   `json:"name"`
	Family         string   `json:"family"`
	Parameters     int      `json:"parameters"`
	Synaptic       int      `json:"synaptic"`
	Core           int      `json:"core"`
	MACs           float64  `json:"macs_per_ms"`
	State          float64  `json:"state_per_ms"`
	ReceptiveField int      `json:"receptive_field_ms"`
	Seeds          int      `json:"seeds"`
	Value          float64  `json:"value"`          // of the metric, mean over seeds
	Spread         float64  `json:"spread"`         // standard deviation over seeds; 0 with one
	Low            *float64 `json:"low,omitempty"`  // 95 % interval of Value
	High           *float64 `json:"high,omitempty"` // nil where there is none
	Frontier       bool     `json:"frontier"`       // on the frontier
	Rows           []int    `json:"-"`              // indices into the rows it was made from
}

// Candidates gathers rows by architecture, in ascending order of parameters. Rows that failed or whose
// metric is not defined are left out. The interval of several seeds adds the mean half-width of their
// bootstrap intervals (they share their test episodes, so these do not average out) and 1.96 standard
// errors of the mean over seeds in quadrature.
func Candidates(rows []Row, metric string) ([]Candidate, error) {
	if !slices.Contains(fidelity.Metrics(), metric) {
		return nil, fmt.Errorf("equivalence: no measure %q: choose from %s", metric, strings.Join(fidelity.Metrics(), ", "))
	}
	index, seen := map[string]int{}, map[string]bool{}
	var all []Candidate
	for i, r := range sound(rows) {
		if r.Error != "" {
			continue
		}
		if _, _, err := r.Fidelity.Metric(metric); err != nil {
			continue
		}
		key := architecture(r)
		if seen[fmt.Sprint(key, r.Seed)] {
			key += " " + r.Name // the same seed again: trained otherwise
		}
		seen[fmt.Sprint(key, r.Seed)] = true
		n, known := index[key]
		if !known {
			n = len(all)
			index[key] = n
			all = append(all, Candidate{Name: r.Name, Family: r.Family, Parameters: r.Parameters, Synaptic: r.Synaptic,
				Core: r.Core, MACs: r.MACs, State: r.State, ReceptiveField: r.ReceptiveField})
		}
		all[n].Rows = append(all[n].Rows, i)
		all[n].Name = commonName(all[n].Name, r.Name)
	}
	for i := range all {
		all[i].combine(rows, metric)
	}
	sort.SliceStable(all, func(i, j int) bool {
		a, b := all[i], all[j]
		if a.Parameters != b.Parameters {
			return a.Parameters < b.Parameters
		}
		return a.Value > b.Value
	})
	best := math.Inf(-1)
	for i := range all {
		if all[i].Value > best {
			best, all[i].Frontier = all[i].Value, true
		}
	}
	return all, nil
}

// combine fills value, spread and interval from the candidate's rows.
func (c *Candidate) combine(rows []Row, metric string) {
	n := float64(len(c.Rows))
	c.Seeds = len(c.Rows)
	var down, up float64
	intervals := true
	for _, i := range c.Rows {
		v, in, _ := rows[i].Fidelity.Metric(metric)
		c.Value += v / n
		if in == nil {
			intervals = false
			continue
		}
		down += max(0, v-in.Low) / n
		up += max(0, in.High-v) / n
	}
	for _, i := range c.Rows {
		v, _, _ := rows[i].Fidelity.Metric(metric)
		c.Spread += (v - c.Value) * (v - c.Value)
	}
	if c.Seeds > 1 {
		c.Spread = math.Sqrt(c.Spread / (n - 1))
	}
	if math.IsInf(c.Spread, 0) || math.IsNaN(c.Spread) {
		c.Spread, intervals = 0, false // beyond float64: a diverged voltage
	}
	if !intervals {
		return
	}
	mean := 1.96 * c.Spread / math.Sqrt(n)
	low, high := c.Value-math.Hypot(down, mean), math.Min(1, c.Value+math.Hypot(up, mean))
	c.Low, c.High = &low, &high
}

// Frontier is the Pareto front: the candidates that no other matches with as few parameters, in ascending
// order of parameters and of the metric.
func Frontier(rows []Row, metric string) ([]Candidate, error) {
	all, err := Candidates(rows, metric)
	if err != nil {
		return nil, err
	}
	var front []Candidate
	for _, c := range all {
		if c.Frontier {
			front = append(front, c)
		}
	}
	return front, nil
}

// architecture identifies what a row trained and how, whatever its name and seed.
func architecture(r Row) string {
	var spec map[string]any
	if json.Unmarshal(r.Spec, &spec) != nil || len(spec) == 0 {
		return fmt.Sprintf("%s %d %s", r.Family, r.Parameters, r.Name)
	}
	delete(spec, "name")
	delete(spec, "seed")
	b, _ := json.Marshal(spec) // keys in order
	var training any
	_ = json.Unmarshal(r.Training, &training) // absent or unreadable: nothing that tells rows apart
	how, _ := json.Marshal(training)
	return fmt.Sprintf("%s %d %s %s", r.Family, r.Parameters, b, how)
}

// commonName is what two names of one architecture share in whole words, without the word seed: "fcn 32 seed 1"
// and "fcn 32 seed 2" are "fcn 32".
func commonName(a, b string) string {
	if a == b {
		return a
	}
	x, y := []rune(a), []rune(b)
	n := 0
	for n < len(x) && n < len(y) && x[n] == y[n] {
		n++
	}
	word := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	if n < len(x) && word(x[n]) || n < len(y) && word(y[n]) {
		for n > 0 && word(x[n-1]) {
			n--
		}
	}
	separator := func(r rune) bool { return !word(r) && r != ')' }
	s := strings.TrimRightFunc(string(x[:n]), separator)
	s = strings.TrimRightFunc(strings.TrimSuffix(s, "seed"), separator)
	if s == "" {
		return a
	}
	return s
}

// sound returns the rows with those that hold a number that is not finite marked as failed.
func sound(rows []Row) []Row {
	out := append([]Row(nil), rows...)
	for i, r := range out {
		f := r.Fidelity
		numbers := []float64{r.MACs, r.State, r.TrainSeconds, r.BioSeconds, f.AUC, f.AveragePrecision, f.Threshold,
			f.Rate, f.PredictedRate, f.RateError, f.RMSE, f.ExplainedVariance}
		for _, in := range []*fidelity.Interval{f.AUCInterval, f.RMSEInterval, f.ExplainedInterval} {
			if in != nil {
				numbers = append(numbers, in.Low, in.High)
			}
		}
		for _, o := range f.Operating {
			numbers = append(numbers, o.TruePositives, o.Threshold)
		}
		for _, x := range f.F1 {
			numbers = append(numbers, x.F1, x.Precision, x.Recall)
			if x.Interval != nil {
				numbers = append(numbers, x.Interval.Low, x.Interval.High)
			}
		}
		for _, x := range numbers {
			if r.Error == "" && (math.IsNaN(x) || math.IsInf(x, 0)) {
				out[i].Error = "a measured number is not finite"
				out[i].MACs, out[i].State, out[i].TrainSeconds, out[i].BioSeconds = 0, 0, 0, 0
				out[i].Fidelity = fidelity.Result{}
			}
		}
	}
	return out
}
