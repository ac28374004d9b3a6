package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"

	"neq/data/traces"
	"neq/surrogates/ops"
)

// RateOptions say for which fit a learning rate is sought. Zero values of the rest are the defaults.
type RateOptions struct {
	FitOptions // OutDir, Resume and Overwrite are not used: nothing is written
	Lowest     float64
	Highest    float64 // 1e-6 to 1
	Trials     int     // steps of the sweep, default 300
}

// RatePoint is a step of the sweep.
type RatePoint struct {
	Rate   float64 `json:"learning_rate"` // of the step
	Loss   float64 `json:"loss"`          // before it, over its own batch
	Smooth float64 `json:"smoothed_loss"`
}

// RateCurve is the loss over a sweep of learning rates.
type RateCurve struct {
	Title     string      `json:"title"`
	Suggested float64     `json:"suggested"`           // Minimum / 10; 0: the loss never fell
	Steepest  float64     `json:"steepest"`            // where the smoothed loss falls fastest over the rate's logarithm
	Minimum   float64     `json:"minimum"`             // where it is lowest
	Diverged  bool        `json:"diverged"`            // before the highest rate
	Points    []RatePoint `json:"points"`              // in order
	Optimiser string      `json:"optimiser"`           // that it holds for
	Clip      float64     `json:"gradient_clip"`       // 0: none
	Batch     int         `json:"windows_per_step"`    // that it holds for
	Window    int         `json:"window_ms,omitempty"` // scored part of each
}

const (
	smoothing    = 0.95 // of the loss, the weight of the past
	divergedAt   = 4.0  // times the lowest smoothed loss
	settledAfter = 10   // steps that the mean needs before a minimum counts
)

// FindRate is the learning rate range test (Smith 2017, "Cyclical learning rates for training neural networks", section
// 3.3): one short training whose rate grows exponentially from step to step, until the loss diverges. A tenth of the rate
// at which the smoothed loss is lowest is a good peak rate. The weights are thrown away.
func FindRate(ctx context.Context, o RateOptions) (*RateCurve, error) {
	set, err := traces.Open(o.DataDir)
	if err != nil {
		return nil, err
	}
	return findRate(ctx, set, o)
}

func findRate(ctx context.Context, src source, o RateOptions) (_ *RateCurve, err error) {
	def(&o.Lowest, 1e-6)
	def(&o.Highest, 1)
	def(&o.Trials, 300)
	if !(o.Lowest > 0 && o.Lowest < o.Highest) || math.IsInf(o.Highest, 0) || o.Trials < 2*settledAfter {
		return nil, fmt.Errorf("trainer: a sweep of %d learning rates from %g to %g: want at least %d, ascending", o.Trials, o.Lowest, o.Highest, 2*settledAfter)
	}
	o.OutDir, o.Resume, o.Overwrite = "", false, false
	o.Config.Steps, o.Config.WarmUp, o.Config.Patience, o.Config.TensorBoard, o.TensorBoard = o.Trials, 0, 0, false, ""
	r, err := prepare(src, o.FitOptions)
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := r.close(); err == nil && e != nil {
			err = e
		}
	}()
	if err := r.assemble(ctx, src); err != nil {
		return nil, err
	}
	if err := r.feed(ctx); err != nil {
		return nil, err
	}
	c := &RateCurve{Title: o.Spec.Title(), Optimiser: r.c.Optimiser, Clip: r.c.GradientClip, Batch: r.c.Batch * r.c.batches(), Window: r.c.Window}
	mean, lowest := 0.0, math.Inf(1)
	for step := range o.Trials {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rate := o.Lowest * math.Pow(o.Highest/o.Lowest, float64(step)/float64(o.Trials-1))
		loss, err := r.try(step, rate)
		var d *DivergenceError
		if errors.As(err, &d) {
			c.Diverged = true
			break
		}
		if err != nil {
			return nil, err
		}
		mean = smoothing*mean + (1-smoothing)*loss
		smooth := mean / (1 - math.Pow(smoothing, float64(step+1)))
		c.Points = append(c.Points, RatePoint{rate, loss, smooth})
		if lowest = min(lowest, smooth); step >= settledAfter && smooth > divergedAt*lowest {
			c.Diverged = true
			break
		}
		r.st.Step++
		r.running = smooth
		r.tell(false)
	}
	c.suggest()
	return c, nil
}

// try makes a step at a rate and gives the loss before it.
func (r *run) try(step int, rate float64) (float64, error) {
	var now lossSum
	if err := r.descend(step, r.c.Weights(0), rate, &now); err != nil {
		return 0, err
	}
	if r.gpu == nil {
		now.mean()
		return now.Total, nil
	}
	sum, err := r.graph.Losses()
	if err != nil {
		return 0, fmt.Errorf("trainer: step %d: %w", step, err)
	}
	var bad *ops.NotFiniteError
	if _, err := r.solver.GradientNorms(); errors.As(err, &bad) || sum.NotFinite > 0 {
		return 0, r.diverged(step, -1, "the loss or its gradient is not finite", nil)
	} else if err != nil {
		return 0, fmt.Errorf("trainer: step %d: %w", step, err)
	}
	return sum.Total / float64(sum.Steps), nil
}

// suggest finds the lowest point of the smoothed loss, and where it falls fastest before that.
func (c *RateCurve) suggest() {
	p := c.Points
	if len(p) <= 2*settledAfter {
		return
	}
	low := settledAfter
	for i := low; i < len(p); i++ {
		if p[i].Smooth < p[low].Smooth {
			low = i
		}
	}
	if low == settledAfter || !(p[low].Smooth < p[settledAfter].Smooth) {
		return
	}
	fastest, at := 0.0, low
	for i := settledAfter; i <= low; i++ { // over the points around it: the rates' logarithms are evenly spaced
		a, b := max(settledAfter, i-settledAfter/2), min(len(p)-1, i+settledAfter/2)
		if slope := (p[b].Smooth - p[a].Smooth) / float64(b-a); slope < fastest {
			fastest, at = slope, i
		}
	}
	c.Minimum, c.Steepest, c.Suggested = p[low].Rate, p[at].Rate, p[low].Rate/10
}
