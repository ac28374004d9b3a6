// Package fidelity scores a surrogate's predictions on whole held-out episodes.
package fidelity

// Episode is one held-out sample and what a surrogate predicted for it, one value per ms. Times before the
// burn-in are already cut off.
type Episode struct {
	Logit     []float32 // spike logit (any monotone score)
	Voltage   []float32 // predicted voltage, mV
	TrueV     []float32 // the neuron's, mV, clipped as the surrogate's target was
	TrueSpike []float32 // 1 where the neuron spikes in that ms, else 0
}
