package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
)

// Scores are the targets of a batch, the weights of the loss's terms, and after a run its terms: means over the scored
// bins t >= BurnIn of every window. Column 0 of the heads is scored by binary cross-entropy with logits, the rest by
// squared error.
type Scores struct {
	Batch, Time, BurnIn int
	Targets             [][]float32 // [heads][batch*time]
	Weights             []float32   // [heads]
	Terms               []float32   // [heads]

	sums []float64 // [window][heads]
}

// NewScores makes room for the scores of so many heads.
func NewScores(batch, time, burnIn, heads int) (*Scores, error) {
	if burnIn < 0 || burnIn >= time {
		return nil, fmt.Errorf("ops: burn-in of %d ms in windows of %d ms: nothing left to score", burnIn, time)
	}
	return &Scores{Batch: batch, Time: time, BurnIn: burnIn, Targets: make([][]float32, heads), Weights: make([]float32, heads),
		Terms: make([]float32, heads), sums: make([]float64, batch*heads)}, nil
}

// Loss is the weighted loss of the heads y [batch][time][heads], a scalar. Targets and weights are read at each run.
func (b *Builder) Loss(y *G.Node, s *Scores) (*G.Node, error) {
	if ys := y.Shape(); len(ys) != 3 || ys[0] != s.Batch || ys[1] != s.Time || ys[2] != len(s.Terms) {
		return nil, fmt.Errorf("ops: loss of heads %v: want %d windows, %d ms, %d heads", ys, s.Batch, s.Time, len(s.Terms))
	}
	diff := func(in G.Nodes, _, grad *G.Node) (G.Nodes, error) {
		dy, err := b.apply("loss dy", y.Shape().Clone(), &lossCPU{b: b, s: s}, b.lossGradGPU(s), nil, nil, in[0], grad)
		return G.Nodes{dy}, err
	}
	return b.apply("loss", nil, &lossCPU{b: b, s: s}, b.lossGPU, []bool{true}, diff, y)
}

// Score computes the terms of heads outside a graph and returns the weighted total.
func (b *Builder) Score(y []float32, s *Scores) float32 {
	var total [1]float32
	(&lossCPU{b: b, s: s}).run([][]float32{y}, total[:])
	return total[0]
}

// lossCPU is the loss of one input, or its gradient from two, whose buffer starts at zero: the burn-in's bins stay so.
type lossCPU struct {
	b     *Builder
	s     *Scores
	y, dy []float32
	scale float32
}

func (c *lossCPU) run(in [][]float32, out []float32) {
	s := c.s
	c.y = in[0]
	bins := float64(s.Batch * (s.Time - s.BurnIn))
	if len(in) == 2 {
		c.dy, c.scale = out, in[1][0]/float32(bins)
	}
	c.b.team.Run(s.Batch, c)
	if len(in) == 2 {
		return
	}
	heads := len(s.Terms)
	for h := range heads {
		for row := 1; row < s.Batch; row++ {
			s.sums[h] += s.sums[row*heads+h]
		}
	}
	out[0] = s.total(s.sums[:heads])
}

// total is the weighted loss of the terms' sums over all bins; the terms become their means.
func (s *Scores) total(sums []float64) float32 {
	bins, total := float64(s.Batch*(s.Time-s.BurnIn)), 0.0
	for h, sum := range sums {
		s.Terms[h] = float32(sum / bins)
		if s.Weights[h] != 0 {
			total += float64(s.Weights[h]) * sum / bins
		}
	}
	return float32(total)
}

func (c *lossCPU) Part(row int) {
	s, k := c.s, c.b.kernels
	heads := len(s.Terms)
	first := row*s.Time + s.BurnIn
	for h := range heads {
		loss := k.SquareLoss
		if h == 0 {
			loss = k.SpikeLoss
		}
		target := s.Targets[h][first : (row+1)*s.Time]
		if c.dy != nil {
			loss(c.y[first*heads+h:], target, heads, c.scale*s.Weights[h], c.dy[first*heads+h:])
		} else {
			s.sums[row*heads+h] = loss(c.y[first*heads+h:], target, heads, 0, nil)
		}
	}
}
