package trainer

import (
	"context"
	"fmt"

	"neq/data/traces"
	"neq/internal/team"
	"neq/surrogates"
	"neq/surrogates/ops"
)

// Prediction is what a surrogate says about one whole episode, one value per ms.
type Prediction struct {
	Logit   []float32 // of a spike in that ms
	Voltage []float32 // mV
}

// predictor runs a network over whole episodes. Rows of its graph are episodes, or pieces of long ones with
// the history they need before them, so that memory is bounded whatever the episodes' length.
type predictor struct {
	graph   *surrogates.Graph
	norm    Normalisation
	batch   int
	history int // ms before a piece; 0 where an episode is one piece
	piece   int // ms
	length  int // of an episode, ms
	out     Prediction
	net     *surrogates.Network // that remembers all of the past, of episodes too long for a row: streamed; nil otherwise
}

// Bounds of a prediction's graph: ms in a row, and ms in all its rows.
const (
	longestRow = 8192
	largestRun = 65536
	streamRows = 64 // episodes streamed at once
)

// newPredictor makes one for episodes of a length in ms, on a GPU or, where that is nil, the CPU. rows bounds the batch
// (0: no bound of its own).
func newPredictor(net *surrogates.Network, norm Normalisation, length, rows, threads int, gpu *ops.Device) (*predictor, error) {
	p := &predictor{norm: norm, length: length, piece: length}
	if length > longestRow && net.ReceptiveField() == 0 && gpu == nil {
		p.net, p.batch = net, min(max(rows, 1), streamRows)
		return p, nil
	}
	if length > longestRow && net.ReceptiveField() > 0 {
		p.history = net.ReceptiveField() - 1
		p.piece = min(length, max(longestRow-p.history, p.history, 1))
	}
	p.batch = max(1, largestRun/(p.history+p.piece))
	if rows > 0 {
		p.batch = min(p.batch, rows*p.pieces())
	}
	if threads <= 0 {
		threads = team.Cores()
	}
	if b := p.batch - p.batch%threads; b > 0 {
		p.batch = b
	}
	g, err := net.Graph(surrogates.GraphOptions{Batch: p.batch, Time: p.history + p.piece, Threads: threads, Device: gpu})
	if err != nil {
		return nil, err
	}
	p.graph = g
	return p, nil
}

func (p *predictor) close() {
	if p.graph != nil {
		p.graph.Close()
	}
}

func (p *predictor) pieces() int { return (p.length + p.piece - 1) / p.piece }

// run predicts samples from <= i < to of a shard and calls f with each in order; the prediction's memory is
// used again for the next.
func (p *predictor) run(ctx context.Context, s *traces.Shard, from, to int, f func(i int, out Prediction) error) error {
	if p.net != nil {
		return p.stream(ctx, s, from, to, f)
	}
	pieces := p.pieces()
	rows := (to - from) * pieces
	span := p.history + p.piece
	if p.out.Logit == nil {
		p.out = Prediction{make([]float32, p.length), make([]float32, p.length)}
	}
	mean, sd := float32(p.norm.Mean), float32(p.norm.SD)
	for row := 0; row < rows; row += p.batch {
		if err := ctx.Err(); err != nil {
			return err
		}
		e := p.graph.Events()
		e.Start, e.Bin, e.Synapse = append(e.Start[:0], 0), e.Bin[:0], e.Synapse[:0]
		for r := row; r < row+p.batch; r++ {
			if r < rows {
				start := r % pieces * p.piece
				e.Bin, e.Synapse = inputs(s, from+r/pieces, start-p.history, start-p.history, start+p.piece, e.Bin, e.Synapse)
			}
			e.Start = append(e.Start, len(e.Bin))
		}
		if _, err := p.graph.Run(nil, surrogates.LossWeights{}); err != nil {
			return err
		}
		logit, voltage := p.graph.Logit(), p.graph.Voltage()
		for r := row; r < min(rows, row+p.batch); r++ {
			start := r % pieces * p.piece
			n := min(p.piece, p.length-start)
			at := (r-row)*span + p.history
			copy(p.out.Logit[start:start+n], logit[at:at+n])
			for k, v := range voltage[at : at+n] {
				p.out.Voltage[start+k] = v*sd + mean
			}
			if r%pieces == pieces-1 {
				if err := f(from+r/pieces, p.out); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// stream is run one ms at a time, for a network whose state must be carried from an episode's start to its end.
func (p *predictor) stream(ctx context.Context, s *traces.Shard, from, to int, f func(i int, out Prediction) error) error {
	rows := min(p.batch, to-from)
	net, err := p.net.Stream(rows)
	if err != nil {
		return err
	}
	outs, bins, synapses, at := make([]Prediction, rows), make([][]int32, rows), make([][]int32, rows), make([]int, rows)
	for r := range outs {
		outs[r] = Prediction{make([]float32, p.length), make([]float32, p.length)}
	}
	in := &surrogates.Spikes{Start: make([]int, rows+1)}
	mean, sd := float32(p.norm.Mean), float32(p.norm.SD)
	for first := from; first < to; first += rows {
		net.Reset()
		for r := range rows {
			bins[r], synapses[r], at[r] = bins[r][:0], synapses[r][:0], 0
			if first+r < to {
				bins[r], synapses[r] = inputs(s, first+r, 0, 0, p.length, bins[r], synapses[r])
			}
		}
		for ms := range p.length {
			if ms%1024 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			in.Synapse = in.Synapse[:0]
			for r := range rows {
				for ; at[r] < len(bins[r]) && int(bins[r][at[r]]) == ms; at[r]++ {
					in.Synapse = append(in.Synapse, synapses[r][at[r]])
				}
				in.Start[r+1] = len(in.Synapse)
			}
			y, err := net.Step(in)
			if err != nil {
				return err
			}
			heads := len(y) / rows
			for r := range rows {
				outs[r].Logit[ms], outs[r].Voltage[ms] = y[r*heads], y[r*heads+1]*sd+mean
			}
		}
		for r := range min(rows, to-first) {
			if err := f(first+r, outs[r]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Predict predicts every episode of a shard of a data set whose inputs fit the model. Memory beyond the result
// is bounded. threads 0 is all cores.
func (m *Model) Predict(ctx context.Context, info traces.Info, s *traces.Shard, threads int) ([]Prediction, error) {
	if err := m.Fits(info); err != nil {
		return nil, err
	}
	if err := check(s, info); err != nil {
		return nil, err
	}
	p, err := newPredictor(m.Network, m.Normalisation, info.Duration, s.Samples, threads, nil)
	if err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	defer p.close()
	all := make([]Prediction, 0, s.Samples)
	err = p.run(ctx, s, 0, s.Samples, func(_ int, out Prediction) error {
		all = append(all, Prediction{append([]float32(nil), out.Logit...), append([]float32(nil), out.Voltage...)})
		return nil
	})
	return all, err
}
