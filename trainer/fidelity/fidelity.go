// Package fidelity scores a surrogate's predictions on whole held-out episodes: does it spike when the
// neuron spikes, and does its voltage follow the neuron's?
//
// Spikes are scored bin by bin at 1 ms (ROC AUC, average precision, true-positive rate at fixed false-
// positive rates) and as a spike train (F1 within 1, 2 and 5 ms at one decision threshold). Nothing is
// fitted on the episodes that are scored: the threshold comes from validation, and voltages are compared
// in mV, never rescaled. Intervals are 95 % percentile bootstraps over episodes, since the bins of one
// episode are not independent.
package fidelity

// Episode is one held-out sample and what a surrogate predicted for it, one value per ms. Times before the
// burn-in are already cut off. Voltage and TrueV may both be nil where no voltage is predicted.
type Episode struct {
	Logit     []float32 // spike logit (any monotone score)
	Voltage   []float32 // predicted voltage, mV
	TrueV     []float32 // the neuron's, mV, clipped as the surrogate's target was
	TrueSpike []float32 // 1 where the neuron spikes in that ms, else 0
}

// Score scores episodes that are all in memory; see Scorer.
func Score(episodes []Episode, opt Options) (Result, error) {
	s := NewScorer(opt)
	for _, e := range episodes {
		s.Add(e)
	}
	return s.Result()
}
