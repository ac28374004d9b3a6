package trainer

import (
	"context"
	"fmt"

	"neq/cuda/driver"
	"neq/data/traces"
	"neq/surrogates/ops"
	"neq/trainer/fidelity"
)

// EvaluateOptions say how to score a model on held-out episodes. The zero value is the default.
type EvaluateOptions struct {
	BurnIn    *int               // ms at the start of an episode that are not scored; nil: the receptive field, at most half the episode
	Threads   int                // cores, 0: all
	GPU       *driver.Context    // nil: the CPU
	Samples   int                // at most so many episodes, 0: all
	Resamples int                // of the bootstrap, 0: 1,000, negative: no intervals
	Baselines bool               // score the baselines on the same episodes too
	Seed      uint64             // of the bootstrap
	Hook      func(done, of int) // episodes, called after each; may be nil
}

// Evaluation is a model's fidelity on a split.
type Evaluation struct {
	Title      string              `json:"title"`
	Parameters int                 `json:"parameters"`
	Synaptic   int                 `json:"synaptic_parameters"`
	Core       int                 `json:"core_parameters"`
	Split      string              `json:"split"`
	BurnIn     int                 `json:"burn_in_ms"`
	Fidelity   fidelity.Result     `json:"fidelity"`
	Baselines  []fidelity.Baseline `json:"baselines,omitempty"`
}

// Evaluate scores the model in modelDir on whole episodes of a split of the data set in dataDir. Voltages are compared
// in mV, the neuron's cut as the model's targets were; spikes are decided at the threshold chosen on validation. A model
// is evaluated in float32, whatever the precision it was trained in.
func Evaluate(ctx context.Context, modelDir, dataDir, splitName string, o EvaluateOptions) (*Evaluation, error) {
	m, err := Load(modelDir)
	if err != nil {
		return nil, err
	}
	set, err := traces.Open(dataDir)
	if err != nil {
		return nil, err
	}
	return m.evaluate(ctx, set, splitName, o)
}

func (m *Model) evaluate(ctx context.Context, src source, splitName string, o EvaluateOptions) (_ *Evaluation, err error) {
	data, err := split(src, splitName)
	if err != nil {
		return nil, err
	}
	if err := m.Fits(data.info); err != nil {
		return nil, err
	}
	burn := burnIn(m.ReceptiveField, data.info.Duration)
	if o.BurnIn != nil {
		burn = *o.BurnIn
	}
	if burn < 0 || burn >= data.info.Duration {
		return nil, fmt.Errorf("trainer: a burn-in of %d ms leaves nothing of episodes of %d ms", burn, data.info.Duration)
	}
	n := data.count
	if o.Samples > 0 {
		n = min(n, o.Samples)
	}
	var gpu *ops.Device
	if o.GPU != nil {
		if gpu, err = ops.OpenDevice(o.GPU, ops.DeviceOptions{}); err != nil {
			return nil, fmt.Errorf("trainer: %w", err)
		}
		defer func() {
			if e := gpu.Close(); err == nil && e != nil {
				err = fmt.Errorf("trainer: %w", e)
			}
		}()
	}
	p, err := newPredictor(m.Network, m.Normalisation, data.info.Duration, n, o.Threads, gpu)
	if err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	defer p.close()
	opt := fidelity.Options{Threshold: m.Threshold, Rate: m.Normalisation.Rate, Resamples: o.Resamples, Seed: o.Seed}
	scorer := fidelity.NewScorer(opt)
	var neurons []fidelity.Episode
	done := 0
	t := newTruth(data.info.Duration, burn, m.Config.predictsVoltage(), m.Normalisation.Clip)
	err = data.each(n, func(s *traces.Shard, from, to int) error {
		return p.run(ctx, s, from, to, func(i int, out Prediction) error {
			e := t.episode(s, i, out)
			scorer.Add(e)
			if o.Baselines {
				neurons = append(neurons, fidelity.Episode{TrueV: append([]float32(nil), e.TrueV...), TrueSpike: append([]float32(nil), e.TrueSpike...)})
			}
			if done++; o.Hook != nil {
				o.Hook(done, n)
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	e := &Evaluation{Title: m.Title, Parameters: m.Parameters, Synaptic: m.Synaptic, Core: m.Core, Split: splitName, BurnIn: burn}
	if e.Fidelity, err = scorer.Result(); err != nil {
		return nil, err
	}
	if o.Baselines {
		if e.Baselines, err = fidelity.Baselines(m.Normalisation.Rate, m.Normalisation.Mean, neurons, opt); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// burnIn is how much of an episode is left out by default: what a surrogate of a receptive field needs to be itself, at
// most half of it.
func burnIn(receptiveField, duration int) int { return min(settling(receptiveField), duration/2) }

// settling is how many ms of input a surrogate of a receptive field must have seen: as many as it has, and where that is
// all of the past 500 (the published scores' choice: Beniaguev et al. 2021, Spieler et al. 2024).
func settling(receptiveField int) int {
	if receptiveField == 0 {
		return 500
	}
	return receptiveField
}
