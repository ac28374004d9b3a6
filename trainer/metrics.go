package trainer

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"neq/surrogates"
	"neq/trainer/fidelity"
)

// metric is a line of metrics.jsonl: either the mean training loss since the last such line, or a validation. All
// but the last three fields are the same whenever and wherever a fit runs.
type metric struct {
	Step         int       `json:"step"` // optimiser steps done
	Loss         *float64  `json:"loss,omitempty"`
	Spike        *float64  `json:"spike_loss,omitempty"`   // cross-entropy per ms, unweighted
	Voltage      *float64  `json:"voltage_loss,omitempty"` // squared error in training variances, unweighted
	Auxiliary    []float64 `json:"auxiliary_loss,omitempty"`
	Rate         float64   `json:"learning_rate,omitempty"`
	GradientNorm *float64  `json:"gradient_norm,omitempty"`

	AUC               *float64 `json:"validation_auc,omitempty"` // absent where the neuron never spikes
	AveragePrecision  *float64 `json:"validation_average_precision,omitempty"`
	RMSE              *float64 `json:"validation_voltage_rmse_mv,omitempty"`
	ExplainedVariance *float64 `json:"validation_explained_variance,omitempty"`

	BioPerSecond float64 `json:"bio_seconds_per_second,omitempty"` // neuron time trained on per wall clock, since the last line
	Waited       float64 `json:"loader_wait,omitempty"`            // fraction of the steps' time spent waiting for batches, since the last line
	Seconds      float64 `json:"wall_seconds"`                     // since the start, over all resumes
}

// lossSum adds up the losses of some steps.
type lossSum struct {
	Steps     int       `json:"steps"`
	Total     float64   `json:"total"`
	Spike     float64   `json:"spike"`
	Voltage   float64   `json:"voltage"`
	Norm      float64   `json:"gradient_norm"`
	Auxiliary []float64 `json:"auxiliary,omitempty"`
}

// batch adds the losses of a batch, counted as a step.
func (s *lossSum) batch(l surrogates.Loss) {
	t := lossSum{Steps: 1, Total: float64(l.Total), Spike: float64(l.Spike), Voltage: float64(l.Voltage)}
	for _, v := range l.Auxiliary {
		t.Auxiliary = append(t.Auxiliary, float64(v))
	}
	s.add(t)
}

// add adds other sums.
func (s *lossSum) add(o lossSum) {
	s.Steps += o.Steps
	s.Total += o.Total
	s.Spike += o.Spike
	s.Voltage += o.Voltage
	s.Norm += o.Norm
	if s.Auxiliary == nil && len(o.Auxiliary) > 0 {
		s.Auxiliary = make([]float64, len(o.Auxiliary))
	}
	for i, v := range o.Auxiliary {
		s.Auxiliary[i] += v
	}
}

// mean makes the losses of Steps batches those of one step.
func (s *lossSum) mean() {
	n := float64(s.Steps)
	s.Total, s.Spike, s.Voltage, s.Steps = s.Total/n, s.Spike/n, s.Voltage/n, 1
	for i := range s.Auxiliary {
		s.Auxiliary[i] /= n
	}
}

// metric is the mean over the steps.
func (s *lossSum) metric(step int, rate float64) metric {
	n := float64(s.Steps)
	m := metric{Step: step, Loss: ptr(s.Total / n), Spike: ptr(s.Spike / n), Voltage: ptr(s.Voltage / n),
		GradientNorm: ptr(s.Norm / n), Rate: rate}
	for _, v := range s.Auxiliary {
		m.Auxiliary = append(m.Auxiliary, v/n)
	}
	return m
}

func validationMetric(step int, r fidelity.Result) metric {
	m := metric{Step: step}
	if r.SpikesUndefined == "" {
		m.AUC, m.AveragePrecision = ptr(r.AUC), ptr(r.AveragePrecision)
	}
	if r.VoltageUndefined == "" {
		m.RMSE, m.ExplainedVariance = ptr(r.RMSE), ptr(r.ExplainedVariance)
	}
	return m
}

// metrics appends lines to metrics.jsonl. A line is written as a whole; what a crash leaves after the length in the
// last checkpoint is cut off on resume.
type metrics struct {
	file  *os.File
	bytes int64
}

func openMetrics(dir string, keep int64) (*metrics, error) {
	path := filepath.Join(dir, metricsFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	s, err := f.Stat()
	if err == nil && s.Size() < keep {
		err = fmt.Errorf("%s has %d bytes, the checkpoint was written after %d: it was cut or replaced: start again with --overwrite", path, s.Size(), keep)
	}
	if err == nil {
		err = f.Truncate(keep)
	}
	if err == nil {
		_, err = f.Seek(keep, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("trainer: %w", err)
	}
	return &metrics{f, keep}, nil
}

func (m *metrics) write(line metric) error {
	b, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("trainer: %s: %w", m.file.Name(), err)
	}
	n, err := m.file.Write(append(b, '\n'))
	m.bytes += int64(n)
	if err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	return nil
}

func (m *metrics) sync() error {
	if err := m.file.Sync(); err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	return nil
}

func (m *metrics) close() error {
	if err := m.file.Close(); err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	return nil
}
