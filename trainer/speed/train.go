package speed

import (
	"context"
	"math"
	"time"

	"gorgonia.org/tensor"

	"neq/internal/philox"
	"neq/surrogates"
	"neq/surrogates/ops"
)

// Training is the rate of one surrogate's training steps.
type Training struct {
	Network    string  `json:"network"`
	Precision  string  `json:"precision"`
	Parameters int     `json:"parameters"`
	Inputs     int     `json:"inputs"`
	Batch      int     `json:"batch"`
	Window     int     `json:"window_ms"`
	Threads    int     `json:"threads"`
	Steps      float64 `json:"steps_per_s"`
	BioSeconds float64 `json:"bio_seconds_per_s"`
}

// Network is a surrogate with the input it is trained on.
type Network struct {
	Name        string
	Spec        surrogates.Spec
	Inputs      int
	Batch, Time int
	Density     float64 // events per input and ms
	Precision   ops.Precision
}

// Networks are those that bench/step_vs_torch.sh trains beside PyTorch: the published one-layer network of the neuron
// without NMDA, one filter, and the published temporally convolutional network, in bf16 too where the
// processor has the instructions.
func Networks() []Network {
	tcn := surrogates.Spec{Family: "tcn", Depth: 7, Width: 128, Kernels: []int{54, 12, 12, 12, 12, 12, 12}, BatchNorm: true}
	all := []Network{
		{"one hidden layer of 128, 43 ms", surrogates.Spec{Family: "fcn", Window: 43, Width: 128}, 1278, 8, 400, 0.011, ops.Float32},
		{"one filter, 80 ms", surrogates.Spec{Family: "filter", Window: 80}, 100, 16, 400, 0.003, ops.Float32},
		{"TCN 7 x 128, 120 ms", tcn, 1278, 8, 400, 0.011, ops.Float32},
	}
	if _, err := ops.BF16.OnCPU(); err == nil {
		all = append(all, Network{"TCN 7 x 128, 120 ms, bf16", tcn, 1278, 8, 400, 0.011, ops.BF16})
	}
	return all
}

// Train measures training steps - forward, backward, Adam - on the CPU, on random events.
func Train(ctx context.Context, n Network, threads int) (r Training, err error) {
	r = Training{Network: n.Name, Precision: n.Precision.String(), Inputs: n.Inputs, Batch: n.Batch, Window: n.Time, Threads: threads}
	network, err := surrogates.New(n.Spec, surrogates.PlainInputs(n.Inputs), 0, 1)
	if err != nil {
		return r, err
	}
	graph, err := network.Graph(surrogates.GraphOptions{Batch: n.Batch, Time: n.Time, Train: true, Threads: threads, Precision: n.Precision})
	if err != nil {
		return r, err
	}
	defer graph.Close()
	solver, err := ops.NewSolver("adam", ops.SolverOptions{Team: graph.Team()})
	if err != nil {
		return r, err
	}
	defer solver.Close()
	targets := n.fill(graph)
	var params []*tensor.Dense
	for _, w := range network.Weights() {
		if w.Trainable {
			params = append(params, w.Value)
			r.Parameters += w.Value.DataSize()
		}
	}
	best := math.Inf(1)
	for k, began := 0, time.Now(); k < 3 || k < 60 && time.Since(began) < 2*time.Second; k++ {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		start := time.Now()
		if err := graph.Queue(targets, surrogates.LossWeights{Spike: 1, Voltage: 0.02}); err != nil {
			return r, err
		}
		if err := solver.Step(params, graph.Gradients(), 1e-4); err != nil {
			return r, err
		}
		if _, err := graph.Result(); err != nil {
			return r, err
		}
		if took := time.Since(start).Seconds(); k > 0 { // the first warms up
			best = math.Min(best, took)
		}
	}
	r.Steps = 1 / best
	r.BioSeconds = r.Steps * float64(n.Batch*n.Time) / 1000
	return r, nil
}

// fill draws the batch's events and targets.
func (n *Network) fill(graph *surrogates.Graph) *surrogates.Targets {
	e, s := graph.Events(), philox.New(1, 0, philox.StreamInput)
	e.Bin, e.Synapse = e.Bin[:0], e.Synapse[:0]
	for b := range n.Batch {
		for i := range n.Inputs {
			for k := range n.Time {
				if s.Float64() < n.Density {
					e.Bin, e.Synapse = append(e.Bin, int32(k)), append(e.Synapse, int32(i))
				}
			}
		}
		e.Start[b+1] = len(e.Bin)
	}
	t := &surrogates.Targets{Spike: make([]float32, n.Batch*n.Time), Voltage: make([]float32, n.Batch*n.Time)}
	for i := range t.Spike {
		if s.Float64() < 0.01 {
			t.Spike[i] = 1
		}
		t.Voltage[i] = float32(s.Normal())
	}
	return t
}
