package surrogates

import (
	"math"
)

// reference is the plain dense computation of a network in float64: inputs as a dense tensor, loops as written in the
// papers, gradients by hand-written backpropagation being checked by finite differences in ops. It is for tests.
type reference struct {
	n          *Network
	batch, T   int
	burnIn     int
	train      bool
	w          map[*Weight][]float64
	stored     map[*Weight][]float64 // running statistics after a training run
	x          [][][]float64         // input [batch][time][synapse]
	y          [][][]float64         // heads [batch][time][head]
	targets    *Targets
	lossWeight LossWeights
}

func newReference(n *Network, o GraphOptions, g *Graph) *reference {
	r := &reference{n: n, batch: o.Batch, T: o.Time, burnIn: o.BurnIn, train: o.Train, w: map[*Weight][]float64{}, stored: map[*Weight][]float64{}}
	for _, w := range n.weights {
		for _, v := range data(w.Value) {
			r.w[w] = append(r.w[w], float64(v))
		}
	}
	e := g.Events()
	for b := range o.Batch {
		r.x = append(r.x, matrix(o.Time, n.inputs))
		for i := e.Start[b]; i < e.Start[b+1]; i++ {
			r.x[b][e.Bin[i]][e.Synapse[i]]++
		}
	}
	return r
}

func matrix(rows, cols int) [][]float64 {
	m := make([][]float64, rows)
	for i := range m {
		m[i] = make([]float64, cols)
	}
	return m
}

func activate(kind string, x float64) float64 {
	switch kind {
	case "relu":
		return math.Max(x, 0)
	case "gelu":
		return x * 0.5 * math.Erfc(-x/math.Sqrt2)
	case "silu":
		return x / (1 + math.Exp(-x))
	case "tanh":
		return math.Tanh(x)
	}
	return x
}

// loss runs the network and returns its weighted loss.
func (r *reference) loss() float64 {
	x := r.x
	for i, st := range r.n.stages {
		l := st.(*layer)
		in := len(x[0][0])
		y := make([][][]float64, r.batch)
		for b := range y {
			y[b] = matrix(r.T, l.width)
			for t := range r.T {
				for c := range l.width {
					s := r.w[l.b][c]
					for k := range l.taps {
						u := t - k*l.dilation
						if u < 0 {
							break
						}
						for j := range in {
							if x[b][u][j] == 0 {
								continue
							}
							at := (k*in+j)*l.width + c
							if i == 0 {
								at = (j*l.taps+k)*l.width + c
							}
							s += x[b][u][j] * r.w[l.w][at]
						}
					}
					y[b][t][c] = activate(l.activation, s)
				}
			}
		}
		if l.norm {
			r.norm(y, l, l.width)
		}
		x = y
	}
	heads, in := r.n.heads(), len(x[0][0])
	sums := make([]float64, heads)
	r.y = nil
	for b := range r.batch {
		r.y = append(r.y, matrix(r.T, heads))
		for t := range r.T {
			for h := range heads {
				s := r.w[r.n.headB][h]
				for c := range in {
					s += r.w[r.n.headW][h*in+c] * x[b][t][c]
				}
				r.y[b][t][h] = s
				if t < r.burnIn || r.targets == nil {
					continue
				}
				i := b*r.T + t
				switch h {
				case 0:
					sums[0] += math.Max(s, 0) - s*float64(r.targets.Spike[i]) + math.Log1p(math.Exp(-math.Abs(s)))
				case 1:
					sums[1] += math.Pow(s-float64(r.targets.Voltage[i]), 2)
				default:
					sums[h] += math.Pow(s-float64(r.targets.Auxiliary[h-2][i]), 2)
				}
			}
		}
	}
	total := float64(r.lossWeight.Spike)*sums[0] + float64(r.lossWeight.Voltage)*sums[1]
	for i, w := range r.lossWeight.Auxiliary {
		total += float64(w) * sums[2+i]
	}
	return total / float64(r.batch*(r.T-r.burnIn))
}

func (r *reference) norm(y [][][]float64, p *layer, width int) {
	for c := range width {
		mean, variance := r.w[p.mean][c], r.w[p.variance][c]
		if r.train {
			n := float64(r.batch * (r.T - r.burnIn))
			mean, variance = 0, 0
			for b := range y {
				for _, v := range y[b][r.burnIn:] {
					mean += v[c] / n
				}
			}
			for b := range y {
				for _, v := range y[b][r.burnIn:] {
					variance += math.Pow(v[c]-mean, 2) / n
				}
			}
			r.stored[p.mean] = append(r.stored[p.mean], 0.9*r.w[p.mean][c]+0.1*mean)
			r.stored[p.variance] = append(r.stored[p.variance], 0.9*r.w[p.variance][c]+0.1*variance*n/(n-1))
		}
		for b := range y {
			for t := range y[b] {
				y[b][t][c] = (y[b][t][c]-mean)/math.Sqrt(variance+1e-5)*r.w[p.gamma][c] + r.w[p.beta][c]
			}
		}
	}
}
