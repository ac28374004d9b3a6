package trainer

import (
	"context"
	"fmt"

	"neq/data/traces"
	"neq/surrogates"
	"neq/surrogates/ops"
	"neq/trainer/fidelity"
)

// validation scores a network on the validation split, up to training.validation_samples episodes. They stay in
// memory.
type validation struct {
	shards []*traces.Shard
	info   traces.Info
	p      *predictor
	c      *Config
	burn   int
}

// newValidation is nil where the data set has no validation split.
func newValidation(src source, net *surrogates.Network, norm Normalisation, c *Config, threads int, gpu *ops.Device) (*validation, error) {
	data, err := split(src, "validation")
	if err != nil {
		return nil, nil // prepare has refused this where it matters
	}
	v := &validation{info: data.info, c: c, burn: burnIn(net.ReceptiveField(), data.info.Duration)}
	err = data.each(c.ValidationSamples, func(s *traces.Shard, from, to int) error {
		v.shards = append(v.shards, excerpt(s, from, to, data.info.Duration))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if v.p, err = newPredictor(net, norm, data.info.Duration, min(data.count, c.ValidationSamples), threads, gpu); err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	return v, nil
}

func (v *validation) close() { v.p.close() }

// score predicts all episodes; its memory is the scorer's. threshold is the decision threshold, nil before one is
// chosen.
func (v *validation) score(ctx context.Context, threshold *float64) (*fidelity.Scorer, error) {
	scorer := fidelity.NewScorer(fidelity.Options{Resamples: -1, Threshold: threshold})
	t := newTruth(v.info.Duration, v.burn, v.c.predictsVoltage(), v.p.norm.Clip)
	for _, s := range v.shards {
		err := v.p.run(ctx, s, 0, s.Samples, func(i int, out Prediction) error {
			scorer.Add(t.episode(s, i, out))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return scorer, nil
}

// excerpt copies samples from <= i < to of a shard of episodes of a duration in ms.
func excerpt(s *traces.Shard, from, to, duration int) *traces.Shard {
	out := &traces.Shard{First: s.First + from, Samples: to - from}
	run := func(start []int64) (relative []int64, a, b int64) {
		a, b = start[from], start[to]
		for _, p := range start[from : to+1] {
			relative = append(relative, p-a)
		}
		return relative, a, b
	}
	var a, b int64
	out.InputStart, a, b = run(s.InputStart)
	out.InputTime = append(out.InputTime, s.InputTime[a:b]...)
	out.InputSynapse = append(out.InputSynapse, s.InputSynapse[a:b]...)
	out.SpikeStart, a, b = run(s.SpikeStart)
	out.SpikeTime = append(out.SpikeTime, s.SpikeTime[a:b]...)
	out.SomaV = append(out.SomaV, s.SomaV[from*duration:to*duration]...)
	return out
}

// truth pairs a prediction with what the neuron did, reusing its memory.
type truth struct {
	burn    int
	voltage bool
	clip    *float64
	spike   []float32
	v       []float32
}

func newTruth(duration, burn int, voltage bool, clip *float64) *truth {
	return &truth{burn, voltage, clip, make([]float32, duration), make([]float32, duration)}
}

// episode is sample i of a shard from the burn-in on. Without a prediction it has the neuron's side only.
func (t *truth) episode(s *traces.Shard, i int, out Prediction) fidelity.Episode {
	d := len(t.spike)
	spikes(s, i, 0, t.spike)
	e := fidelity.Episode{TrueSpike: t.spike[t.burn:]}
	if out.Logit != nil {
		e.Logit = out.Logit[t.burn:]
	}
	if t.voltage {
		clipped(t.v, s.SomaV[i*d:(i+1)*d], t.clip)
		e.TrueV = t.v[t.burn:]
		if out.Voltage != nil {
			e.Voltage = out.Voltage[t.burn:]
		}
	}
	return e
}

// final scores the weights that are kept at the threshold that is best for them, nil where the neuron never spikes.
func (v *validation) final(ctx context.Context) (*fidelity.Result, *float64, error) {
	scorer, err := v.score(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	res, err := scorer.Result()
	if err != nil || res.SpikesUndefined != "" {
		return &res, nil, err
	}
	t, err := scorer.BestThreshold()
	if err != nil {
		return nil, nil, err
	}
	if scorer, err = v.score(ctx, &t); err != nil {
		return nil, nil, err
	}
	res, err = scorer.Result()
	return &res, &t, err
}
