package fidelity

import (
	"fmt"

	"neq/internal/philox"
)

// Baseline is the fidelity of a predictor that ignores its input.
type Baseline struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Fidelity    Result `json:"fidelity"`
}

// Baselines scores the two predictors that know the training set's firing rate (Hz) and mean voltage (mV)
// and nothing else: "constant" gives every ms the same spike probability, so never decides for a spike;
// "mean rate" spikes at random at the training rate. Both predict the mean voltage. They are scored as any
// surrogate is: what they show is computed, not assumed.
func Baselines(rate, meanV float64, episodes []Episode, opt Options) ([]Baseline, error) {
	p := rate / 1000
	if !(p >= 0 && p <= 1) {
		return nil, fmt.Errorf("fidelity: training rate %v Hz is not a rate at 1 ms: want 0 to 1000", rate)
	}
	silent, chance := 2.0, 1-p
	list := []struct {
		Baseline
		threshold float64
		score     func(rnd *philox.Stream) float32
	}{
		{Baseline{Name: "constant", Description: "the same spike probability in every ms, the mean voltage"}, silent,
			func(*philox.Stream) float32 { return float32(p) }},
		{Baseline{Name: "mean rate", Description: "random spikes at the training rate, the mean voltage"}, chance,
			func(rnd *philox.Stream) float32 { return float32(rnd.Float64()) }},
	}
	var all []Baseline
	for _, l := range list {
		o := opt
		o.Threshold = &l.threshold
		s := NewScorer(o)
		for i, e := range episodes {
			rnd := philox.New(opt.Seed, uint64(i), philox.StreamResample+1)
			b := Episode{Logit: make([]float32, len(e.TrueSpike)), TrueSpike: e.TrueSpike, TrueV: e.TrueV}
			for t := range b.Logit {
				b.Logit[t] = l.score(rnd)
			}
			if e.TrueV != nil {
				b.Voltage = make([]float32, len(e.TrueV))
				for t := range b.Voltage {
					b.Voltage[t] = float32(meanV)
				}
			}
			s.Add(b)
		}
		r, err := s.Result()
		if err != nil {
			return nil, fmt.Errorf("baseline %q: %w", l.Name, err)
		}
		r.ThresholdFrom = "training rate"
		l.Fidelity = r
		all = append(all, l.Baseline)
	}
	return all, nil
}
