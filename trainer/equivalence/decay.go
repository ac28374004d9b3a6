package equivalence

import "math"

// Decay is a single exponential fitted to a filter: amplitude exp(-tap / tau).
type Decay struct {
	Tau       float64 `json:"tau_ms"`
	Amplitude float64 `json:"amplitude"`
	Explained float64 `json:"explained"` // share of the filter's sum of squares around zero
}

// fitDecay fits by least squares: for a given tau the best amplitude is closed-form, and tau is searched from
// half a ms to four times the filter, first on a logarithmic grid, then by golden section.
func fitDecay(w []float64) (Decay, bool) {
	var total float64
	for _, v := range w {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return Decay{}, false
		}
		total += v * v
	}
	if len(w) < 4 || total == 0 || math.IsInf(total, 0) {
		return Decay{}, false
	}
	at := func(logTau float64) Decay {
		tau := math.Exp(logTau)
		var we, ee float64
		for k, v := range w {
			e := math.Exp(-float64(k) / tau)
			we += v * e
			ee += e * e
		}
		return Decay{Tau: tau, Amplitude: we / ee, Explained: we * we / ee / total}
	}
	lo, hi := math.Log(0.5), math.Log(4*float64(len(w)))
	const steps = 60
	best := 0
	for i := range steps + 1 {
		if at(lo+(hi-lo)*float64(i)/steps).Explained > at(lo+(hi-lo)*float64(best)/steps).Explained {
			best = i
		}
	}
	if best == 0 || best == steps {
		return at(lo + (hi-lo)*float64(best)/steps), false
	}
	a, b := lo+(hi-lo)*float64(best-1)/steps, lo+(hi-lo)*float64(best+1)/steps
	const golden = 0.6180339887498949
	for b-a > 1e-9 {
		c, d := b-golden*(b-a), a+golden*(b-a)
		if at(c).Explained > at(d).Explained {
			b = d
		} else {
			a = c
		}
	}
	d := at((a + b) / 2)
	return d, d.Explained > 0.9
}
