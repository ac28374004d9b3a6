package fidelity

import (
	"fmt"
	"math"
)

// Scorer gathers episodes one by one and scores them together. It keeps the logits and spike times but not
// the voltages; scoring needs 12 bytes a bin, 72 MB for 1,000 episodes of 6 s.
type Scorer struct {
	opt    Options
	logits [][]float32
	spikes [][]int32 // ms of each episode's true spikes
	volts  []voltage
	bins   int
	count  int // true spikes
	novolt bool
	err    error
}

// NewScorer returns a scorer without episodes.
func NewScorer(opt Options) *Scorer { return &Scorer{opt: opt} }

// Add adds an episode, whose slices may be used again afterwards. An episode that is empty, whose slices
// differ in length or that holds a value that is not finite makes Result fail, naming it.
func (s *Scorer) Add(e Episode) {
	if s.err != nil {
		return
	}
	n := len(s.logits)
	if s.err = check(n, e); s.err != nil {
		return
	}
	logit := make([]float32, len(e.Logit))
	var times []int32
	for i, x := range e.Logit {
		logit[i] = x + 0 // -0 becomes 0, so that the two tie
		if e.TrueSpike[i] != 0 {
			times = append(times, int32(i))
		}
	}
	s.logits = append(s.logits, logit)
	s.spikes = append(s.spikes, times)
	s.bins += len(logit)
	s.count += len(times)
	if e.Voltage == nil {
		s.novolt = true
	} else {
		s.volts = append(s.volts, measureVoltage(e.Voltage, e.TrueV))
	}
}

// check says what is wrong with episode n.
func check(n int, e Episode) error {
	bins := len(e.Logit)
	switch {
	case bins == 0:
		return fmt.Errorf("fidelity: episode %d is empty: is the burn-in as long as the episode?", n)
	case len(e.TrueSpike) != bins:
		return fmt.Errorf("fidelity: episode %d: %d logits but %d ms of true spikes", n, bins, len(e.TrueSpike))
	case (e.Voltage == nil) != (e.TrueV == nil):
		return fmt.Errorf("fidelity: episode %d: a predicted and a true voltage are both needed, or neither", n)
	case e.Voltage != nil && (len(e.Voltage) != bins || len(e.TrueV) != bins):
		return fmt.Errorf("fidelity: episode %d: %d logits but %d predicted and %d true voltages",
			n, bins, len(e.Voltage), len(e.TrueV))
	}
	for i, x := range e.TrueSpike {
		if x != 0 && x != 1 {
			return fmt.Errorf("fidelity: episode %d, %d ms: true spike is %v, want 0 or 1", n, i, x)
		}
	}
	for _, v := range []struct {
		what string
		of   []float32
	}{{"predicted spike logit", e.Logit}, {"predicted voltage", e.Voltage}, {"true voltage", e.TrueV}} {
		for i, x := range v.of {
			if !finite(x) {
				return fmt.Errorf("fidelity: episode %d, %d ms: %s is %v: did the training diverge?", n, i, v.what, x)
			}
		}
	}
	return nil
}

// Result scores the episodes added so far.
func (s *Scorer) Result() (Result, error) {
	if s.err != nil {
		return Result{}, s.err
	}
	if len(s.logits) == 0 {
		return Result{}, fmt.Errorf("fidelity: no episodes to score: the split is empty")
	}
	if t := s.opt.Threshold; t != nil && (math.IsNaN(*t) || math.IsInf(*t, 0)) {
		return Result{}, fmt.Errorf("fidelity: decision threshold is %v: want a number, as BestThreshold gives", *t)
	}
	r := Result{Episodes: len(s.logits), Bins: s.bins, Spikes: s.count}
	r.Rate = 1000 * float64(s.count) / float64(s.bins)
	rank := s.rank()
	switch {
	case s.count == 0:
		r.SpikesUndefined = fmt.Sprintf("the neuron never spikes in these %d episodes", r.Episodes)
	case s.count == s.bins:
		r.SpikesUndefined = fmt.Sprintf("the neuron spikes in every ms of these %d episodes", r.Episodes)
	default:
		r.AUC = rank.auc(nil)
		r.AveragePrecision = rank.averagePrecision()
		for _, fpr := range []float64{0.0025, 0.01} {
			r.Operating = append(r.Operating, rank.operating(fpr))
		}
	}
	r.Threshold, r.ThresholdFrom = s.threshold(rank)
	trains := s.compareTrains(r.Threshold, &r)
	if s.novolt {
		r.VoltageUndefined = "no voltage was predicted"
	} else if all := sumVoltage(s.volts, nil); all.sst() == 0 {
		r.VoltageUndefined = "the neuron's voltage never changes in these episodes"
		r.RMSE = all.rmse()
	} else {
		r.RMSE, r.ExplainedVariance = all.rmse(), all.explained()
	}
	s.bootstrap(&r, rank, trains)
	return r, nil
}

// threshold is the decision threshold and where it comes from.
func (s *Scorer) threshold(k *ranking) (float64, string) {
	switch {
	case s.opt.Threshold != nil:
		return *s.opt.Threshold, "validation"
	case s.opt.Rate > 0:
		return k.atCount(int(math.Round(s.opt.Rate / 1000 * float64(s.bins)))), "training rate"
	}
	return 0, "probability 1/2"
}
