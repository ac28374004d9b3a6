package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"neq/cuda/driver"
)

// loop runs the steps that are left. Every decision depends on r.st alone, so that a resumed fit takes the same ones.
func (r *run) loop(ctx context.Context) error {
	for {
		if r.dueValidation() {
			if err := r.validate(ctx); err != nil {
				return r.stopped(err)
			}
		}
		if r.st.Step >= r.c.Steps || (r.c.Patience > 0 && r.st.Worse >= r.c.Patience) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return r.stopped(err)
		}
		if err := r.step(); err != nil {
			return err
		}
		if time.Since(r.saved).Seconds() >= r.c.CheckpointEvery {
			if err := r.checkpoint(); err != nil {
				return err
			}
		}
	}
}

// stopped keeps what was done when ctx ended; any other error passes.
func (r *run) stopped(err error) error {
	if !isCancel(err) {
		return err
	}
	if e := r.checkpoint(); e != nil {
		return e
	}
	return &InterruptedError{fmt.Sprintf("training of %s stopped at step %d of %d", r.o.Spec.Title(), r.st.Step, r.c.Steps), err}
}

func (r *run) dueValidation() bool {
	return r.check != nil && r.st.Step > 0 && r.st.Validated != r.st.Step && (r.st.Step%r.c.ValidateEvery == 0 || r.st.Step == r.c.Steps)
}

// step is one optimiser step and what is written of it.
func (r *run) step() error {
	began := time.Now()
	step := r.st.Step
	if err := r.load.windows(step, r.rows); err != nil {
		return err
	}
	if r.gpu != nil {
		return r.queue(step, began)
	}
	r.fill.fill(r.rows, r.graph.Events())
	loss, err := r.graph.Run(&r.fill.target, r.c.Weights(step))
	if err != nil {
		return fmt.Errorf("trainer: step %d: %w", step, err)
	}
	if v := float64(loss.Total); math.IsNaN(v) || math.IsInf(v, 0) {
		return &DivergenceError{Step: step, What: fmt.Sprintf("the loss is %v", loss.Total)}
	}
	rate := r.c.Rate(step)
	if err := r.solver.Step(r.params, r.graph.Gradients(), rate); err != nil {
		return fmt.Errorf("trainer: step %d: %w", step, err)
	}
	norm := r.solver.GradientNorm()
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return &DivergenceError{Step: step, What: fmt.Sprintf("the gradient's norm is %v", norm)}
	}
	r.st.Step++
	r.st.Sum.add(loss, norm)
	r.running = decay(r.running, float64(loss.Total), 0.02)
	r.speed = decay(r.speed, r.bioSeconds(1)/max(1e-9, time.Since(began).Seconds()), 0.05)
	if r.st.Step%r.c.LogEvery == 0 || r.st.Step == r.c.Steps {
		if err := r.logLoss(rate); err != nil {
			return err
		}
	}
	r.tell(false)
	return nil
}

// queue is a step on the GPU: nothing waits for it, and its loss is looked at when a line of metrics is due.
func (r *run) queue(step int, began time.Time) error {
	var err error
	if r.list != nil {
		err = r.graph.QueueWindows(r.place(), r.c.Weights(step))
	} else {
		r.fill.fill(r.rows, r.graph.Events())
		err = r.graph.Queue(&r.fill.target, r.c.Weights(step))
	}
	if err != nil {
		return fmt.Errorf("trainer: step %d: %w", step, err)
	}
	rate := r.c.Rate(step)
	if err := r.solver.Step(r.params, r.graph.Gradients(), rate); err != nil {
		var lost *driver.Error
		if errors.As(err, &lost) {
			return fmt.Errorf("trainer: step %d: %w", step, err)
		}
		return &DivergenceError{Step: step, What: err.Error()}
	}
	r.st.Step++
	r.speed = decay(r.speed, r.bioSeconds(1)/max(1e-9, time.Since(began).Seconds()), 0.05)
	if r.st.Step%r.c.LogEvery == 0 || r.st.Step == r.c.Steps {
		if err := r.drain(); err != nil {
			return err
		}
		if err := r.logLoss(rate); err != nil {
			return err
		}
	}
	r.tell(false)
	return nil
}

// drain waits for the steps on the GPU and adds up their losses.
func (r *run) drain() error {
	sum, err := r.graph.Losses()
	if err != nil {
		return fmt.Errorf("trainer: step %d: %w", r.st.Step, err)
	}
	norms, err := r.solver.GradientNorms()
	if err != nil {
		return fmt.Errorf("trainer: step %d: %w", r.st.Step, err)
	}
	if sum.Steps == 0 {
		return nil
	}
	mean := sum.Total / float64(sum.Steps)
	if math.IsNaN(mean) || math.IsInf(mean, 0) || math.IsNaN(norms) || math.IsInf(norms, 0) {
		return &DivergenceError{Step: r.st.Step - sum.Steps, What: fmt.Sprintf("within %d steps from here the loss is %v, the gradient's norm %v", sum.Steps, mean, norms)}
	}
	s := &r.st.Sum
	s.Steps += sum.Steps
	s.Total, s.Spike, s.Voltage, s.Norm = s.Total+sum.Total, s.Spike+sum.Spike, s.Voltage+sum.Voltage, s.Norm+norms
	if s.Auxiliary == nil && len(sum.Auxiliary) > 0 {
		s.Auxiliary = make([]float64, len(sum.Auxiliary))
	}
	for i, v := range sum.Auxiliary {
		s.Auxiliary[i] += v
	}
	r.running = decay(r.running, mean, 1-math.Pow(0.98, float64(sum.Steps)))
	return nil
}

// decay moves a running mean towards v; NaN is no value yet.
func decay(mean, v, by float64) float64 {
	if math.IsNaN(mean) {
		return v
	}
	return mean + by*(v-mean)
}

func (r *run) logLoss(rate float64) error {
	m := r.st.Sum.metric(r.st.Step, rate)
	now := r.seconds()
	m.Seconds, m.BioPerSecond = now, r.bioSeconds(r.st.Sum.Steps)/max(1e-9, now-r.logged)
	r.st.Sum, r.logged = lossSum{}, now
	return r.log.write(m)
}

// validate scores the weights and keeps them if they are the best so far.
func (r *run) validate(ctx context.Context) error {
	scorer, err := r.check.score(ctx, nil)
	if err != nil {
		return err
	}
	res, err := scorer.Result()
	if err != nil { // the neuron's side was checked when it was written
		return &DivergenceError{Step: r.st.Step, What: fmt.Sprintf("a prediction is no number (%v)", err)}
	}
	m := validationMetric(r.st.Step, res)
	m.Seconds = r.seconds()
	if err := r.log.write(m); err != nil {
		return err
	}
	// The score is the AUC; where the neuron never spikes or spikes are not trained, the voltage's explained variance.
	score, auc := res.ExplainedVariance, math.NaN()
	if res.SpikesUndefined == "" {
		auc = res.AUC
		if r.c.predictsSpikes() {
			score = auc
		}
	}
	r.st.Validated = r.st.Step
	r.st.Worse++
	if r.st.Best == nil || score > r.st.Best.Score {
		r.st.Best, r.st.Worse = &best{Step: r.st.Step, Score: score}, 0
		if err := r.readBack(); err != nil {
			return err
		}
		r.best = copyWeights(r.best, r.net)
		if !math.IsNaN(auc) {
			r.st.Best.AUC = ptr(auc)
		}
	}
	r.st.LastAUC = nil
	if !math.IsNaN(auc) {
		r.st.LastAUC = ptr(auc)
	}
	r.tell(true)
	return nil
}

func (r *run) checkpoint() error {
	if err := r.readBack(); err != nil {
		return err
	}
	r.st.Seconds = r.seconds()
	if err := r.log.sync(); err != nil {
		return err
	}
	r.st.MetricsBytes = r.log.bytes
	if err := writeCheckpoint(r.o.disk, r.o.OutDir, r.st, r.who, r.net, r.solver, r.best); err != nil {
		return err
	}
	r.saved = time.Now()
	return nil
}

// tell calls the hooks.
func (r *run) tell(validated bool) {
	if len(r.o.Hooks) == 0 {
		return
	}
	elapsed := r.seconds()
	p := Progress{Title: r.o.Spec.Title(), Step: r.st.Step, Steps: r.c.Steps, Loss: r.running, AUC: math.NaN(), BestAUC: math.NaN(),
		BioPerSecond: r.speed, Elapsed: time.Duration(elapsed * float64(time.Second)), Validated: validated}
	if r.st.LastAUC != nil {
		p.AUC = *r.st.LastAUC
	}
	if r.st.Best != nil && r.st.Best.AUC != nil {
		p.BestAUC = *r.st.Best.AUC
	}
	if r.st.Step > 0 {
		p.Left = time.Duration(elapsed / float64(r.st.Step) * float64(r.c.Steps-r.st.Step) * float64(time.Second))
	}
	for _, h := range r.o.Hooks {
		h(p)
	}
}

func (c *Config) predictsVoltage() bool {
	on := c.Loss.Voltage != nil && *c.Loss.Voltage > 0
	for _, s := range c.Loss.Stages {
		on = on || (s.Voltage != nil && *s.Voltage > 0)
	}
	return on
}

func (c *Config) predictsSpikes() bool {
	on := c.Loss.Spike != nil && *c.Loss.Spike > 0
	for _, s := range c.Loss.Stages {
		on = on || (s.Spike != nil && *s.Spike > 0)
	}
	return on
}
