package surrogates

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"neq/internal/philox"
	"neq/surrogates/ops"
)

// CheckDevice runs training steps of a small network on the device and on the CPU, and says where they differ: a GPU
// is believed after it has shown that it computes, in every precision, launched and captured, on batches that are sent and
// gathered. The networks have every op.
func CheckDevice(d *ops.Device) error {
	tcn := Spec{Family: "tcn", Depth: 3, Width: 8, Kernels: []int{5, 3, 3}, Dilations: []int{1, 2, 1}, Activation: "gelu", BatchNorm: true}
	for _, c := range []check{
		{precision: ops.Float32, steps: 3, bound: 1e-3}, // the third is captured: a batch has two places, and a step is launched there first
		{precision: ops.Float32, steps: 1, bound: 1e-3, gathered: true},
		{precision: ops.TF32, steps: 1, bound: 1e-2},
		{precision: ops.BF16, steps: 1, bound: 0.1},
	} {
		c.spec = tcn
		if err := c.run(d); err != nil {
			return err
		}
	}
	for _, s := range []Spec{
		{Family: "tcn", Depth: 2, Width: 8, Kernels: []int{5, 3}, Separable: true, Residual: true, Activation: "silu", SharedSynapses: 3},
		{Family: "elm", Memory: 5, Branches: 3, BranchSize: 6, LearnTau: true, Activation: "silu"},
		{Family: "elm", Memory: 5, Activation: "tanh"},
		{Family: "lstm", Width: 6},
		{Family: "gru", Width: 6},
		{Family: "ssm", Width: 6, States: 4, Activation: "gelu"},
		{Family: "transformer", Width: 8, Depth: 1, AttentionHeads: 2, Span: 9, Activation: "gelu", Hidden: 8, Experts: 3, Top: 3},
	} {
		if err := (check{spec: s, precision: ops.Float32, steps: 1, bound: 1e-3}).run(d); err != nil {
			return fmt.Errorf("%s: %w", s.Title(), err)
		}
	}
	return nil
}

// check is one way of making steps. Gradients agree to bound of their norm: sums in another order leave 1e-5 in float32,
// factors that are off by 5e-4 and 4e-3 in two layers a few times that in TF32 and bfloat16; a wrong kernel leaves nothing
// of a gradient.
type check struct {
	spec      Spec
	precision ops.Precision
	steps     int
	gathered  bool
	bound     float64
}

func (c check) run(d *ops.Device) error {
	p, bound := c.precision, c.bound
	run := func(d *ops.Device, p ops.Precision) (float64, [][]float32, error) {
		n, err := New(c.spec, PlainInputs(12), 0, 1)
		if err != nil {
			return 0, nil, err
		}
		const batch, time = 3, 50
		g, err := n.Graph(GraphOptions{Batch: batch, Time: time, BurnIn: 10, Train: true, Threads: 1, Device: d, Precision: p})
		if err != nil {
			return 0, nil, err
		}
		defer g.Close()
		r := philox.New(1, 0, philox.StreamWindow)
		e := g.Events()
		e.Start, e.Bin, e.Synapse = append(e.Start[:0], 0), e.Bin[:0], e.Synapse[:0]
		for range batch {
			for t := range time {
				for s := range 12 {
					if r.Float64() < 0.05 {
						e.Bin, e.Synapse = append(e.Bin, int32(t)), append(e.Synapse, int32(s))
					}
				}
			}
			e.Start = append(e.Start, len(e.Bin))
		}
		targets := Targets{Spike: make([]float32, batch*time), Voltage: make([]float32, batch*time)}
		for i := range targets.Spike {
			if r.Float64() < 0.1 {
				targets.Spike[i] = 1
			}
			targets.Voltage[i] = float32(r.Normal())
		}
		var loss Loss
		weights := LossWeights{Spike: 1, Voltage: 0.5}
		for range c.steps {
			if d != nil && c.gathered {
				err = g.gather(&targets, weights)
			} else {
				err = g.Queue(&targets, weights)
			}
			if err == nil {
				loss, err = g.Result()
			}
			if err != nil {
				return 0, nil, err
			}
		}
		var grads [][]float32
		for _, t := range g.Gradients() {
			x, err := read(d, t)
			if err != nil {
				return 0, nil, err
			}
			grads = append(grads, append([]float32(nil), x...))
		}
		return float64(loss.Total), grads, nil
	}
	want, wantGrads, err := run(nil, ops.Float32)
	if err != nil {
		return err
	}
	loss, grads, err := run(d, p)
	if err != nil {
		return err
	}
	if !(math.Abs(loss-want) <= bound/10*math.Abs(want)) {
		return fmt.Errorf("surrogates: %s computes a loss of %v in %v where the CPU has %v: use --device cpu", d.Name(), loss, p, want)
	}
	for i, g := range grads {
		var square, off float64
		for j, x := range g {
			w := float64(wantGrads[i][j])
			square, off = square+w*w, off+(float64(x)-w)*(float64(x)-w)
		}
		if !(math.Sqrt(off) <= bound*math.Sqrt(square)+1e-3*bound) {
			return fmt.Errorf("surrogates: %s computes the gradient of tensor %d in %v wrong by %.2g of its norm: use --device cpu", d.Name(), i, p, math.Sqrt(off/square))
		}
	}
	return nil
}

func read(d *ops.Device, t *tensor.Dense) ([]float32, error) {
	if d == nil {
		return data(t), nil
	}
	return d.Read(t)
}

// gather is Queue of a batch that first becomes episodes on the device.
func (g *Graph) gather(t *Targets, w LossWeights) error {
	b, time := g.events, g.options.Time
	e, err := g.Reside(ops.EpisodeShape{Episodes: b.Batch, Duration: time, Events: int64(len(b.Bin))})
	if err != nil {
		return err
	}
	list := make([]ops.Window, b.Batch)
	for i := range list {
		list[i].Episode = i
		from, to := b.Start[i], b.Start[i+1]
		if err := e.Add(b.Bin[from:to], b.Synapse[from:to], [][]float32{t.Spike[i*time:][:time], t.Voltage[i*time:][:time]}); err != nil {
			return err
		}
	}
	return g.QueueWindows(list, w)
}
