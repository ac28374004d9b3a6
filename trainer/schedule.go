package trainer

import (
	"math"

	"neq/surrogates"
)

// Rate is the learning rate of a step, 0 <= step < Steps, of a filled configuration. During warm-up it rises
// linearly; cosine (Loshchilov & Hutter 2017, without restarts) and linear then fall to FinalRate of the peak
// at the last step.
func (c *Config) Rate(step int) float64 {
	if step < c.WarmUp {
		return c.LearningRate * float64(step+1) / float64(c.WarmUp)
	}
	left := 1.0 // falls from 1 to 0
	if span := c.Steps - 1 - c.WarmUp; span > 0 {
		left = 1 - min(1, float64(step-c.WarmUp)/float64(span))
	}
	switch c.Schedule {
	case "cosine":
		return c.LearningRate * (c.FinalRate + (1-c.FinalRate)*0.5*(1-math.Cos(math.Pi*left)))
	case "linear":
		return c.LearningRate * (c.FinalRate + (1-c.FinalRate)*left)
	case "steps":
		rate := c.LearningRate
		for _, d := range c.Drops {
			if float64(step) >= d.At*float64(c.Steps) {
				rate *= d.Factor
			}
		}
		return rate
	}
	return c.LearningRate
}

// Weights are the loss weights of a step of a filled configuration, auxiliary ones in the order of AuxiliaryNames.
func (c *Config) Weights(step int) surrogates.LossWeights {
	names := c.Loss.AuxiliaryNames()
	w := surrogates.LossWeights{Spike: float32(*c.Loss.Spike), Voltage: float32(*c.Loss.Voltage), Auxiliary: make([]float32, len(names))}
	for i, n := range names {
		w.Auxiliary[i] = float32(c.Loss.Auxiliary[n])
	}
	for i := range c.Loss.Stages {
		s := &c.Loss.Stages[i]
		if step < s.from(c.Steps) {
			break
		}
		if s.Spike != nil {
			w.Spike = float32(*s.Spike)
		}
		if s.Voltage != nil {
			w.Voltage = float32(*s.Voltage)
		}
		for j, n := range names {
			if v, ok := s.Auxiliary[n]; ok {
				w.Auxiliary[j] = float32(v)
			}
		}
	}
	return w
}
