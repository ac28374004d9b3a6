package fidelity

import "math"

// voltage is what an episode's voltages, or several episodes', come down to. The true voltage is kept as
// mean and sum of squares around it, which merge without cancellation (Chan, Golub & LeVeque 1983).
type voltage struct {
	n    float64 // ms
	mean float64 // mV, of the neuron
	m2   float64 // mV^2, sum of squares around mean
	sse  float64 // mV^2, sum of squared errors
}

func measureVoltage(predicted, truth []float32) voltage {
	v := voltage{n: float64(len(truth))}
	for i, x := range truth {
		d := float64(x) - v.mean
		v.mean += d / float64(i+1)
		v.m2 += d * (float64(x) - v.mean)
		e := float64(predicted[i]) - float64(x)
		v.sse += e * e
	}
	return v
}

// merge adds o, taken times times.
func (v *voltage) merge(o voltage, times float64) {
	if times == 0 || o.n == 0 {
		return
	}
	n := v.n + times*o.n
	d := o.mean - v.mean
	v.m2 += times*o.m2 + d*d*v.n*times*o.n/n
	v.mean += d * times * o.n / n
	v.sse += times * o.sse
	v.n = n
}

// sumVoltage merges parts, each taken draws times; nil takes each once.
func sumVoltage(parts []voltage, draws []float64) voltage {
	var v voltage
	for i, p := range parts {
		c := 1.0
		if draws != nil {
			c = draws[i]
		}
		v.merge(p, c)
	}
	return v
}

// sst is the sum of squares around the mean, mV^2; 0 where the voltage does not move.
func (v voltage) sst() float64 { return v.m2 }

func (v voltage) rmse() float64 { return math.Sqrt(v.sse / v.n) }

func (v voltage) explained() float64 { return 1 - v.sse/v.m2 }
