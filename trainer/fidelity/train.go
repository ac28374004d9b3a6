package fidelity

import (
	"fmt"
	"math"
	"slices"
)

// within are the tolerances of spike F1, ms.
var within = [...]int{1, 2, 5}

// train is the comparison of a predicted and a true spike train, or the sum of several.
type train struct {
	predicted, actual float64
	matched           [len(within)]float64
}

func (t *train) add(o train, times float64) {
	t.predicted += times * o.predicted
	t.actual += times * o.actual
	for i := range t.matched {
		t.matched[i] += times * o.matched[i]
	}
}

// f1 is the harmonic mean of precision and recall at tolerance w: 0 where nothing matches.
func (t train) f1(w int) float64 {
	if t.predicted+t.actual == 0 {
		return 0
	}
	return 2 * t.matched[w] / (t.predicted + t.actual)
}

// match is the largest number of pairs (one of a, one of b) at most tolerance ms apart, each spike in one
// pair at most. Both ascend; pairing the earliest that can be paired is optimal, since any pairing can be
// uncrossed without leaving the tolerance.
func match(a, b []int32, tolerance int32) int {
	n := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch d := a[i] - b[j]; {
		case d > tolerance:
			j++
		case d < -tolerance:
			i++
		default:
			n, i, j = n+1, i+1, j+1
		}
	}
	return n
}

func compare(predicted, actual []int32) train {
	t := train{predicted: float64(len(predicted)), actual: float64(len(actual))}
	for i, w := range within {
		t.matched[i] = float64(match(predicted, actual, int32(w)))
	}
	return t
}

// compareTrains compares the spike trains at a threshold, fills r and returns the comparison by episode.
func (s *Scorer) compareTrains(threshold float64, r *Result) []train {
	trains := make([]train, len(s.logits))
	var all train
	var predicted []int32
	for e, logit := range s.logits {
		predicted = predicted[:0]
		for i, x := range logit {
			if float64(x) >= threshold {
				predicted = append(predicted, int32(i))
			}
		}
		trains[e] = compare(predicted, s.spikes[e])
		all.add(trains[e], 1)
		r.RateError += 1000 * math.Abs(trains[e].predicted-trains[e].actual) / float64(len(logit)) / float64(len(s.logits))
	}
	r.PredictedRate = 1000 * all.predicted / float64(s.bins)
	for i, w := range within {
		f := SpikeF1{Within: w, F1: all.f1(i)}
		if all.predicted > 0 {
			f.Precision = all.matched[i] / all.predicted
		}
		if all.actual > 0 {
			f.Recall = all.matched[i] / all.actual
		}
		r.F1 = append(r.F1, f)
	}
	return trains
}

// BestThreshold is the decision threshold with the best spike F1 within 2 ms on the given episodes: call it
// on validation and give the result to Options.Threshold. It tries 200 thresholds, from those that predict
// a fifth of the spikes there are to those that predict five times as many.
func BestThreshold(episodes []Episode) (float64, error) {
	s := NewScorer(Options{})
	for _, e := range episodes {
		s.Add(e)
	}
	return s.BestThreshold()
}

// BestThreshold is BestThreshold of the episodes added so far.
func (s *Scorer) BestThreshold() (float64, error) {
	if s.err != nil {
		return 0, s.err
	}
	if s.count == 0 {
		return 0, fmt.Errorf("fidelity: no spike in %d episodes to choose a threshold on: "+
			"simulate more validation episodes or drive the neuron harder", len(s.logits))
	}
	scores := make([]float32, 0, s.bins)
	for _, logit := range s.logits {
		scores = append(scores, logit...)
	}
	slices.Sort(scores)
	const tries, spread = 200, 5.0
	best, bestF1, last := 0.0, -1.0, math.NaN()
	var predicted []int32
	bins := s.above(float64(scores[s.bins-min(s.bins, int(spread*float64(s.count))+1)]))
	for i := range tries {
		factor := math.Pow(spread, 1-2*float64(i)/(tries-1))
		at := float64(scores[s.bins-min(s.bins, max(1, int(math.Round(factor*float64(s.count)))))])
		if at == last {
			continue
		}
		last = at
		var matched, n float64
		for e, logit := range s.logits {
			predicted = predicted[:0]
			for _, t := range bins[e] {
				if float64(logit[t]) >= at {
					predicted = append(predicted, t)
				}
			}
			n += float64(len(predicted))
			matched += float64(match(predicted, s.spikes[e], 2))
		}
		if f1 := 2 * matched / (n + float64(s.count)); f1 > bestF1 {
			best, bestF1 = at, f1
		}
	}
	return best, nil
}

// above lists the bins of each episode that reach a threshold.
func (s *Scorer) above(threshold float64) [][]int32 {
	bins := make([][]int32, len(s.logits))
	for e, logit := range s.logits {
		for i, x := range logit {
			if float64(x) >= threshold {
				bins[e] = append(bins[e], int32(i))
			}
		}
	}
	return bins
}
