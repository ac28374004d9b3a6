package fidelity

import (
	"math"
	"slices"
	"sync"

	"neq/internal/philox"
	"neq/internal/team"
)

// bootstrap fills the intervals of r: the 2.5 % and 97.5 % quantiles over resamples of episodes drawn with
// replacement. An episode's bins stay together. With the pairs counted by episodes in advance a resample's
// AUC is c'Ac for its vector of draws c, so no resample sorts anything.
func (s *Scorer) bootstrap(r *Result, k *ranking, trains []train) {
	resamples := s.opt.Resamples
	if resamples == 0 {
		resamples = 1000
	}
	if resamples < 2 || len(s.logits) < 2 {
		return
	}
	groups := make([]train, k.groups)
	volts := make([]voltage, k.groups)
	for e, t := range trains {
		groups[e%k.groups].add(t, 1)
		if !s.novolt {
			volts[e%k.groups].merge(s.volts[e], 1)
		}
	}
	const auc, rmse, explained, f1 = 0, 1, 2, 3
	values := make([][]float64, f1+len(within))
	for i := range values {
		values[i] = make([]float64, resamples)
	}
	one := func(b int, draws []float64) {
		clear(draws)
		rnd := philox.New(s.opt.Seed, uint64(b), philox.StreamResample)
		for range k.groups {
			draws[rnd.Intn(k.groups)]++
		}
		var t train
		for g, c := range draws {
			t.add(groups[g], c)
		}
		for w := range within {
			values[f1+w][b] = t.f1(w)
		}
		values[auc][b] = math.NaN()
		if r.SpikesUndefined == "" {
			values[auc][b] = k.auc(draws)
		}
		v := sumVoltage(volts, draws)
		values[rmse][b], values[explained][b] = v.rmse(), v.explained()
	}
	var wait sync.WaitGroup
	workers := team.Cores()
	for w := range workers {
		wait.Go(func() {
			draws := make([]float64, k.groups)
			for b := w; b < resamples; b += workers {
				one(b, draws)
			}
		})
	}
	wait.Wait()
	if r.SpikesUndefined == "" {
		r.AUCInterval = quantiles(values[auc])
	}
	if r.Spikes > 0 {
		for w := range within {
			r.F1[w].Interval = quantiles(values[f1+w])
		}
	}
	if !s.novolt {
		r.RMSEInterval = quantiles(values[rmse])
	}
	if r.VoltageUndefined == "" {
		r.ExplainedInterval = quantiles(values[explained])
	}
}

// quantiles is the middle 95 % of x, which it sorts. Resamples in which a measure is not defined (no spike
// drawn) are left out; nil where fewer than half are left.
func quantiles(x []float64) *Interval {
	all := len(x)
	x = slices.DeleteFunc(x, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	if 2*len(x) < all || len(x) < 2 {
		return nil
	}
	slices.Sort(x)
	at := func(q float64) float64 {
		h := q * float64(len(x)-1)
		i := min(int(h), len(x)-2)
		return x[i] + (h-float64(i))*(x[i+1]-x[i])
	}
	return &Interval{Low: at(0.025), High: at(0.975)}
}
