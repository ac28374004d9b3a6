package fidelity

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Options say how to score.
type Options struct {
	// Threshold is the decision threshold on the logit: a spike is predicted in every ms whose logit
	// reaches it. Take it from validation (BestThreshold), never from the episodes scored. Where it is nil
	// and Rate is given, the threshold is the one that predicts Rate; where Rate is 0 too, it is logit 0,
	// a probability of one half.
	Threshold *float64
	Rate      float64 // Hz; the training episodes' firing rate, used where Threshold is nil
	Resamples int     // bootstrap resamples; 0 is 1,000, negative is none (no intervals)
	Seed      uint64  // of the bootstrap
}

// Interval is a 95 % confidence interval.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Operating is the best true-positive rate at a false-positive rate that is not exceeded.
type Operating struct {
	FalsePositives float64 `json:"false_positives"` // the rate asked for
	TruePositives  float64 `json:"true_positives"`
	Threshold      float64 `json:"threshold"` // logit; above every score where only silence is quiet enough
}

// SpikeF1 compares spike trains: a predicted spike is right if it lies within so many ms of a true one that
// no other predicted spike has claimed.
type SpikeF1 struct {
	Within    int       `json:"within_ms"`
	F1        float64   `json:"f1"`
	Precision float64   `json:"precision"`
	Recall    float64   `json:"recall"`
	Interval  *Interval `json:"interval,omitempty"` // of F1
}

// Result is the fidelity of one surrogate. It never holds a NaN: a measure that is not defined is 0 and
// SpikesUndefined or VoltageUndefined says why. Intervals are nil with one episode or no resamples.
type Result struct {
	Episodes int `json:"episodes"`
	Bins     int `json:"bins"`   // ms scored
	Spikes   int `json:"spikes"` // ms in which the neuron spikes

	AUC              float64     `json:"auc"` // area under the ROC curve at 1 ms
	AUCInterval      *Interval   `json:"auc_interval,omitempty"`
	AveragePrecision float64     `json:"average_precision"` // area under the precision-recall curve, as a step function
	Operating        []Operating `json:"operating"`         // at 0.25 % and 1 % false positives

	Threshold       float64   `json:"threshold"`      // decision threshold on the logit
	ThresholdFrom   string    `json:"threshold_from"` // "validation", "training rate" or "probability 1/2"
	F1              []SpikeF1 `json:"f1"`             // within 1, 2 and 5 ms
	Rate            float64   `json:"rate_hz"`
	PredictedRate   float64   `json:"predicted_rate_hz"`
	RateError       float64   `json:"rate_error_hz"` // mean over episodes of |predicted - true|
	SpikesUndefined string    `json:"spikes_undefined,omitempty"`

	RMSE              float64   `json:"voltage_rmse_mv"`
	RMSEInterval      *Interval `json:"voltage_rmse_interval,omitempty"`
	ExplainedVariance float64   `json:"explained_variance"` // 1 - SSE/SST, SST around the scored episodes' mean
	ExplainedInterval *Interval `json:"explained_variance_interval,omitempty"`
	VoltageUndefined  string    `json:"voltage_undefined,omitempty"`
}

var metrics = []string{"auc", "average_precision", "f1_1ms", "f1_2ms", "f1_5ms", "explained_variance"}

// Metrics returns the names that Metric knows, each of a measure that is 1 where the surrogate is perfect.
func Metrics() []string { return append([]string(nil), metrics...) }

// Metric returns a measure by name ("auc", "average_precision", "f1_1ms", "f1_2ms", "f1_5ms" or
// "explained_variance") with its interval, nil where there is none. It fails on an unknown name and on a
// measure that is not defined for these episodes.
func (r Result) Metric(name string) (float64, *Interval, error) {
	switch name {
	case "auc", "average_precision":
		if r.SpikesUndefined != "" {
			return 0, nil, fmt.Errorf("fidelity: %s: %s", name, r.SpikesUndefined)
		}
		if name == "auc" {
			return r.AUC, r.AUCInterval, nil
		}
		return r.AveragePrecision, nil, nil
	case "explained_variance":
		if r.VoltageUndefined != "" {
			return 0, nil, fmt.Errorf("fidelity: %s: %s", name, r.VoltageUndefined)
		}
		return r.ExplainedVariance, r.ExplainedInterval, nil
	}
	if w, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(name, "f1_"), "ms")); err == nil {
		for _, f := range r.F1 {
			if f.Within == w {
				if r.Spikes == 0 {
					return 0, nil, fmt.Errorf("fidelity: %s: %s", name, r.SpikesUndefined)
				}
				return f.F1, f.Interval, nil
			}
		}
	}
	return 0, nil, fmt.Errorf("fidelity: no measure %q: choose from %s", name, strings.Join(metrics, ", "))
}

func finite(x float32) bool { return !math.IsNaN(float64(x)) && !math.IsInf(float64(x), 0) }
