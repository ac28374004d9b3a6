package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"neq/surrogates"
	"neq/surrogates/ops"
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
	waited := r.waiting()
	step := r.st.Step
	rate, weights := r.c.Rate(step), r.c.Weights(step)
	var now lossSum
	if err := r.descend(step, weights, rate, &now); err != nil {
		return err
	}
	r.st.Step++
	if r.gpu == nil {
		now.mean()
		now.Norm = r.solver.GradientNorm()
		r.st.Sum.add(now)
		r.running = decay(r.running, now.Total, 0.02)
	}
	r.waited += (r.waiting() - waited).Seconds()
	r.speed = decay(r.speed, r.bioSeconds(1)/max(1e-9, time.Since(began).Seconds()), 0.05)
	due := r.st.Step%r.c.LogEvery == 0 || r.st.Step == r.c.Steps
	if due {
		if err := r.drain(); err != nil {
			return err
		}
	}
	r.stepped += time.Since(began).Seconds()
	if due {
		if err := r.logLoss(rate); err != nil {
			return err
		}
	}
	r.tell(false)
	return nil
}

// descend makes a step from its batches, whose losses on the CPU are added to sum.
func (r *run) descend(step int, w surrogates.LossWeights, rate float64, sum *lossSum) error {
	for part := range r.c.batches() {
		if err := r.batch(step, part, w, sum); err != nil {
			return err
		}
		r.hold(r.graph.Gradients())
		var err error
		if part < r.c.batches()-1 {
			err = r.solver.Accumulate(r.params, r.graph.Gradients())
		} else {
			err = r.solver.Step(r.params, r.graph.Gradients(), rate)
		}
		if err != nil {
			return r.unsolved(step, err)
		}
	}
	r.hold(r.params)
	return nil
}

// waiting is how long the trainer has waited for batches.
func (r *run) waiting() time.Duration {
	if r.ahead == nil {
		return 0
	}
	return r.ahead.waited
}

// batch computes the gradients of a step's batch. On the GPU it is queued: nothing waits for it, and its loss is looked
// at when a line of metrics is due.
func (r *run) batch(step, part int, w surrogates.LossWeights, sum *lossSum) error {
	if r.list != nil {
		if err := r.load.windows(step, part*r.c.Batch, r.rows); err != nil {
			return err
		}
		if err := r.graph.QueueWindows(r.place(), w); err != nil {
			return fmt.Errorf("trainer: step %d: %w", step, err)
		}
		return nil
	}
	f, err := r.ahead.next()
	if err != nil {
		return err
	}
	defer r.ahead.giveBack(f)
	if err := r.graph.Events().Take(f.events); err != nil {
		return fmt.Errorf("trainer: step %d: %w", step, err)
	}
	if r.gpu != nil {
		err = r.graph.Queue(&f.fill.target, w)
	} else {
		var loss surrogates.Loss
		loss, err = r.graph.Run(&f.fill.target, w)
		if err == nil && !finite(float64(loss.Total)) {
			return r.diverged(step, part, fmt.Sprintf("the loss is %v", loss.Total), r.graph)
		}
		sum.batch(loss)
	}
	if err != nil {
		return fmt.Errorf("trainer: step %d: %w", step, err)
	}
	return nil
}

// drain waits for the steps on the GPU and adds up their losses.
func (r *run) drain() error {
	if r.gpu == nil {
		return nil
	}
	sum, err := r.graph.Losses()
	if err != nil {
		return fmt.Errorf("trainer: step %d: %w", r.st.Step, err)
	}
	steps := sum.Steps / r.c.batches()
	norms, err := r.solver.GradientNorms()
	var stopped *ops.NotFiniteError
	if bad := sum.NotFinite - 1; bad >= 0 { // perhaps in a later step than the solver's, which then tells of more
		at := r.st.Step - steps + bad/r.c.batches()
		if !errors.As(err, &stopped) || at < int(stopped.Step) {
			return r.diverged(at, bad%r.c.batches(), "the loss is not finite", nil)
		}
	}
	if err != nil {
		return r.unsolved(r.st.Step, err)
	}
	if steps == 0 {
		return nil
	}
	now := lossSum{Total: sum.Total, Spike: sum.Spike, Voltage: sum.Voltage, Auxiliary: sum.Auxiliary, Steps: r.c.batches()}
	now.mean()
	now.Steps, now.Norm = steps, norms
	r.st.Sum.add(now)
	r.running = decay(r.running, now.Total/float64(steps), 1-math.Pow(0.98, float64(steps)))
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
	m.Waited = r.waited / max(1e-9, r.stepped)
	r.st.Sum, r.logged, r.stepped, r.waited = lossSum{}, now, 0, 0
	return r.write(m)
}

// validate scores the weights and keeps them if they are the best so far.
func (r *run) validate(ctx context.Context) error {
	scorer, err := r.check.score(ctx, nil)
	if err != nil {
		return err
	}
	res, err := scorer.Result()
	if err != nil { // the neuron's side was checked when it was written
		return r.unsound(fmt.Sprintf("a prediction is no number (%v)", err))
	}
	m := validationMetric(r.st.Step, res)
	m.Seconds = r.seconds()
	if err := r.write(m); err != nil {
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
	for _, w := range r.net.Weights() {
		if at := firstNonFinite(values(w)); at >= 0 {
			return r.unsound(fmt.Sprintf("value %d of weight %q is %v", at, w.Name, values(w)[at]))
		}
	}
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
