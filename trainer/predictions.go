package trainer

import (
	"context"
	"fmt"
	"math"

	"neq/cuda/driver"
	"neq/data/traces"
	"neq/surrogates/ops"
)

// PredictOptions say how to write predictions. The zero value is the default.
type PredictOptions struct {
	Resume    bool               // go on with the folder there
	Overwrite bool               // delete the predictions there
	Threads   int                // cores, 0: all
	GPU       *driver.Context    // nil: the CPU
	Version   string             // of neq, for the record
	Hook      func(done, of int) // samples, called after each; may be nil
}

// Predictions is what Predict wrote.
type Predictions struct {
	Model   string `json:"model"`
	Split   string `json:"split"`
	Samples int    `json:"samples"`
	Folder  string `json:"predictions"`
}

// Predict writes what the model in modelDir says about whole samples of a split of the data set in dataDir: a Zarr group
// in outDir with the probability of a spike and the voltage, [sample][time], and which samples they are.
func Predict(ctx context.Context, modelDir, dataDir, splitName, outDir string, o PredictOptions) (_ *Predictions, err error) {
	m, err := Load(modelDir)
	if err != nil {
		return nil, err
	}
	set, err := traces.Open(dataDir)
	if err != nil {
		return nil, err
	}
	data, err := split(set, splitName)
	if err != nil {
		return nil, err
	}
	if err := m.Fits(data.info); err != nil {
		return nil, err
	}
	info := traces.PredictionInfo{Model: m.Title, Weights: m.Weights.SHA256, Data: set.Identity(), Neuron: data.info.Neuron, Split: splitName,
		First: data.first, Samples: data.count, Chunk: min(data.info.SamplesPerShard, data.count), Duration: data.info.Duration, Version: o.Version}
	if m.Threshold != nil {
		p := probability(*m.Threshold)
		info.Threshold = &p
	}
	w, err := traces.CreatePredictions(outDir, info, traces.Options{Resume: o.Resume, Overwrite: o.Overwrite})
	if err != nil {
		return nil, err
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
	p, err := newPredictor(m.Network, m.Normalisation, data.info.Duration, info.Chunk, o.Threads, gpu)
	if err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	defer p.close()
	missing := w.Missing()
	done := data.count
	for _, k := range missing {
		_, n := w.Samples(k)
		done -= n
	}
	var spike, voltage []float32
	for _, k := range missing {
		spike, voltage = spike[:0], voltage[:0]
		first, count := w.Samples(k)
		run := data
		run.first, run.count = first, count
		at := done
		err := run.each(0, func(s *traces.Shard, from, to int) error {
			return p.run(ctx, s, from, to, func(_ int, out Prediction) error {
				for _, x := range out.Logit {
					spike = append(spike, float32(probability(float64(x))))
				}
				voltage = append(voltage, out.Voltage...)
				if at++; o.Hook != nil {
					o.Hook(at, data.count)
				}
				return nil
			})
		})
		if err == nil {
			err = w.WriteChunk(k, spike, voltage)
		}
		if isCancel(err) {
			return nil, &InterruptedError{fmt.Sprintf("%d of %d samples of %s are predicted", done, data.count, splitName), err}
		}
		if err != nil {
			return nil, err
		}
		done += count
	}
	return &Predictions{m.Title, splitName, data.count, outDir}, w.Commit()
}

// probability is that of a logit.
func probability(logit float64) float64 { return 1 / (1 + math.Exp(-logit)) }
