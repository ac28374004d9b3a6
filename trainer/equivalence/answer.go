package equivalence

import (
	"slices"
	"sort"
)

// Answer is how many parameters are equivalent to one neuron at one fidelity. Low and High are the 95 %
// interval: the smallest candidate whose own interval still reaches the threshold at its upper end, and the
// smallest that reaches it even at its lower end. They are nil where no candidate tried bounds them.
type Answer struct {
	Metric     string     `json:"metric"`
	Threshold  float64    `json:"threshold"`
	Reached    bool       `json:"reached"`
	Parameters int        `json:"parameters,omitempty"` // of the smallest candidate that reaches the threshold
	Low        *int       `json:"low,omitempty"`
	High       *int       `json:"high,omitempty"`
	Smallest   *Candidate `json:"smallest,omitempty"` // that reaches it
	Below      *Candidate `json:"below,omitempty"`    // the largest tried that is smaller, and so failed
	Best       *Candidate `json:"best,omitempty"`     // the most faithful of all
	Tried      int        `json:"tried"`              // candidates with a fidelity
	PerSynapse float64    `json:"parameters_per_synapse,omitempty"`
}

// Equivalent answers for one metric (a name of fidelity.Metrics) and threshold. It fails on an unknown metric.
func Equivalent(rows []Row, metric string, threshold float64) (Answer, error) {
	all, err := Candidates(rows, metric)
	if err != nil {
		return Answer{}, err
	}
	return equivalent(all, metric, threshold), nil
}

func equivalent(all []Candidate, metric string, threshold float64) Answer {
	a := Answer{Metric: metric, Threshold: threshold, Tried: len(all)}
	for i := range all {
		c := &all[i]
		if a.Best == nil || c.Value > a.Best.Value {
			a.Best = c
		}
		if a.Low == nil && c.High != nil && *c.High >= threshold {
			a.Low = &c.Parameters
		}
		if a.High == nil && c.Low != nil && *c.Low >= threshold {
			a.High = &c.Parameters
		}
		if a.Smallest == nil && c.Value >= threshold {
			a.Smallest, a.Reached, a.Parameters = c, true, c.Parameters
		}
	}
	for i := range all {
		c := &all[i]
		if c.Value < threshold && (!a.Reached || c.Parameters < a.Parameters) {
			a.Below = c
		}
	}
	return a
}

// thresholds are the fidelities of the table beside the answer.
var thresholds = []float64{0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.997, 0.999}

// Answers answers for a row of thresholds, the study's own among them, in ascending order.
func (s *Study) Answers() ([]Answer, error) {
	metric, asked := s.question()
	all, err := Candidates(s.Rows, metric)
	if err != nil {
		return nil, err
	}
	at := append([]float64(nil), thresholds...)
	if !slices.Contains(at, asked) {
		at = append(at, asked)
	}
	sort.Float64s(at)
	var out []Answer
	for _, t := range at {
		out = append(out, s.perSynapse(equivalent(all, metric, t)))
	}
	return out, nil
}

// Answer answers the study's own question.
func (s *Study) Answer() (Answer, error) {
	metric, asked := s.question()
	a, err := Equivalent(s.Rows, metric, asked)
	return s.perSynapse(a), err
}

// question is the metric and the threshold of the study, with their defaults.
func (s *Study) question() (string, float64) {
	metric, threshold := s.Metric, s.Threshold
	if metric == "" {
		metric = "auc"
	}
	if !(threshold > 0) {
		threshold = 0.99
	}
	return metric, threshold
}

// synapses is the number of synapses of the neuron.
func (s *Study) synapses() int {
	n := 0
	for _, g := range s.Neuron.Synapses {
		n += g.Count
	}
	return n
}

func (s *Study) perSynapse(a Answer) Answer {
	if n := s.synapses(); n > 0 {
		a.PerSynapse = float64(a.Parameters) / float64(n)
	}
	return a
}
