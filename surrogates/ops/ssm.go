package ops

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"neq/cuda/kernels/nets"
	"neq/internal/philox"
)

// SSM is a diagonal state space over time from a state of zero, S4D (Gu, Gupta, Goel & Re 2022, arXiv 2206.11893): x
// [batch][time][channels] to y alike; every channel by itself has N complex states h' = exp(dt A) h + x and the output
// y = 2 Re sum over them of C (exp(dt A) - 1)/A h' + d x, zero-order hold of dh/dt = A h + x at a step of dt. dt = exp(logDt)
// [channels], A = -exp(logA) + i imagA and C = cRe + i cIm [channels][N], d [channels]. The input is of the same ms.
//
// Memory: the states ahead of every 64 ms are kept, 2 N/64 numbers for each of x; the way back runs them again from there.
// Threads split windows, and channels where there are more of them than windows.
//
// Roofline: 11 flops a state, channel and ms forward and 30 back, on operands in registers and the L1 cache; what moves is
// x and y, 8 bytes a channel and ms, so from a few states on the multipliers are the bound.
func (b *Builder) SSM(x, logDt, logA, imagA, cRe, cIm, d *G.Node) (*G.Node, error) {
	xs, as := x.Shape(), logA.Shape()
	if len(xs) != 3 || len(as) != 2 || as[0] != xs[2] || as[1] < 1 {
		return nil, fmt.Errorf("ops: state space of %v with states of %v: want [batch][time][channels], [channels][states]", xs, as)
	}
	for _, p := range []struct {
		name string
		n    *G.Node
		want tensor.Shape
	}{{"logDt", logDt, as[:1]}, {"imagA", imagA, as}, {"cRe", cRe, as}, {"cIm", cIm, as}, {"d", d, as[:1]}} {
		if !p.n.Shape().Eq(p.want) {
			return nil, fmt.Errorf("ops: state space of %v with %s of %v: want %v", as, p.name, p.n.Shape(), p.want)
		}
	}
	s := &ssm{b: b, batch: xs[0], time: xs[1]}
	s.p.Channels, s.p.States = as[0], as[1]
	if err := s.onDevice(); err != nil {
		return nil, fmt.Errorf("ops: state space: %w", err)
	}
	if b.device == nil {
		n := 2 * s.p.Channels * s.p.States
		s.coef, s.state = make([]float32, 2*n), make([]float32, s.batch*n)
		if b.train {
			s.marks = make([]float32, s.batch*b.kernels.SSMMarks(s.time)*n)
		}
	}
	wrt := []bool{true, true, true, true, true, true, true}
	params := G.Nodes{logDt, logA, imagA, cRe, cIm, d}
	diff := func(in G.Nodes, y, grad *G.Node) (G.Nodes, error) {
		k := newSSMGradCPU(s)
		dx, err := b.apply("SSM dx", xs.Clone(), k, s.backGPU, nil, nil, append(in[:7:7], y, grad)...)
		if err != nil {
			return nil, err
		}
		// The parameters' gradients are computed along with dx; these ops hand them on.
		all := G.Nodes{dx}
		for i, g := range k.grads() {
			n, err := b.apply("SSM d"+ssmParameters[i], params[i].Shape().Clone(), &ssmHand{g}, s.parameterGPU(i), nil, nil, append(G.Nodes{dx}, in[1:]...)...)
			if err != nil {
				return nil, err
			}
			all = append(all, n)
		}
		return all, nil
	}
	return b.apply("SSM", xs.Clone(), &ssmCPU{ssm: s}, s.forwardGPU, wrt, diff, append(G.Nodes{x}, params...)...)
}

var ssmParameters = []string{"logDt", "logA", "imagA", "cRe", "cIm", "d"}

// ssm is a state space's shape and what its forward pass leaves for the way back.
type ssm struct {
	b           *Builder
	batch, time int
	p           nets.SSM
	coef        []float32
	state       []float32 // [batch][states][2][channels]
	gpu         ssmGPU
	marks       []float32 // [batch][marks][states][2][channels]
}

func (s *ssm) take(in [][]float32) {
	s.p.LogDt, s.p.LogA, s.p.ImagA, s.p.Re, s.p.Im, s.p.D = in[1], in[2], in[3], in[4], in[5], in[6]
}

// A part is a window's channels, or a slice of them where there are more threads than windows.
func (s *ssm) parts() int { return s.batch * s.slices() }

func (s *ssm) slices() int { return min((s.b.team.Threads()+s.batch-1)/s.batch, s.vectors()) }

// shares is over how many slices what is done once for all windows is split.
func (s *ssm) shares() int { return min(s.b.team.Threads(), s.vectors()) }

func (s *ssm) vectors() int {
	lanes := s.b.kernels.Lanes()
	return (s.p.Channels + lanes - 1) / lanes
}

// channels are those of a slice of n, whole vectors.
func (s *ssm) channels(slice, n int) (from, to int) {
	lanes, vectors := s.b.kernels.Lanes(), s.vectors()
	return slice * vectors / n * lanes, min((slice+1)*vectors/n*lanes, s.p.Channels)
}

// of is the window and the channels of a part.
func (s *ssm) of(part int) (window, from, to int) {
	n := s.slices()
	from, to = s.channels(part%n, n)
	return part / n, from, to
}

type ssmCPU struct {
	*ssm
	in      [][]float32
	out     []float32
	prepare bool
}

func (f *ssmCPU) run(in [][]float32, out []float32) {
	f.in, f.out, f.prepare = in, out, true
	f.take(in)
	clear(f.state)
	f.b.team.Run(f.shares(), f)
	f.prepare = false
	f.b.team.Run(f.parts(), f)
}

func (f *ssmCPU) Part(i int) {
	k := f.b.kernels
	if f.prepare {
		from, to := f.channels(i, f.shares())
		k.SSMCoefficients(&f.p, from, to, f.coef)
		return
	}
	window, from, to := f.of(i)
	at, n := window*f.time*f.p.Channels, len(f.state)/f.batch
	k.SSM(&f.p, f.coef, f.in[0][at:], f.time, from, to, f.state[window*n:], rowsOf(f.marks, window, len(f.marks)/f.batch), f.out[at:])
}

// ssmGradCPU computes the gradient of x from x, the parameters, y and the gradient of y, and those of the parameters.
type ssmGradCPU struct {
	*ssm
	in           [][]float32
	out          []float32
	behind, sums []float32
	grad         nets.SSM
	finish       bool
}

func newSSMGradCPU(s *ssm) *ssmGradCPU {
	k := &ssmGradCPU{ssm: s}
	if s.b.device == nil {
		c, n := s.p.Channels, s.p.Channels*s.p.States
		k.behind, k.sums = make([]float32, s.batch*2*n), make([]float32, s.batch*(4*n+c))
		k.grad = nets.SSM{LogDt: make([]float32, c), LogA: make([]float32, n), ImagA: make([]float32, n), Re: make([]float32, n), Im: make([]float32, n), D: make([]float32, c)}
	}
	return k
}

func (k *ssmGradCPU) grads() [][]float32 {
	g := &k.grad
	return [][]float32{g.LogDt, g.LogA, g.ImagA, g.Re, g.Im, g.D}
}

func (k *ssmGradCPU) run(in [][]float32, out []float32) {
	k.in, k.out, k.finish = in, out, false
	k.b.team.Run(k.parts(), k)
	k.finish = true
	k.b.team.Run(k.shares(), k)
}

func (k *ssmGradCPU) Part(i int) {
	if k.finish {
		from, to := k.channels(i, k.shares())
		k.b.kernels.SSMParameters(&k.p, k.batch, from, to, k.sums, &k.grad)
		return
	}
	window, from, to := k.of(i)
	at := window * k.time * k.p.Channels
	k.b.kernels.SSMGrad(&k.p, k.coef, k.in[0][at:], k.marks[window*len(k.marks)/k.batch:], k.in[8][at:], k.time, from, to,
		k.behind[window*len(k.behind)/k.batch:], k.out[at:], k.sums[window*len(k.sums)/k.batch:])
}

// ssmHand hands on what another op left.
type ssmHand struct{ from []float32 }

func (h *ssmHand) run(_ [][]float32, out []float32) { copy(out, h.from) }

// SSMStep is a state space one ms at a time, for many rows at once.
type SSMStep struct {
	kernels nets.Kernels
	p       nets.SSM
	coef    []float32
}

// SSM takes the parameters as they are now.
func (s Single) SSM(p nets.SSM) *SSMStep {
	t := &SSMStep{kernels: s.kernels, p: p, coef: make([]float32, 4*p.Channels*p.States)}
	s.kernels.SSMCoefficients(&p, 0, p.Channels, t.coef)
	t.p.D = append([]float32(nil), p.D...)
	return t
}

// Coefficients are a step's constants [states][4][channels], a state's new value being a of it and x: the real and imaginary
// parts of a, and of w, whose product with the state has the output as its real part, d x besides.
func (s *SSMStep) Coefficients() []float32 { return s.coef }

// Step moves state [rows][states][2][channels], real and imaginary parts, on by a ms of x [rows][channels] and gives y
// [rows][channels], to the bit that of the op SSM.
func (s *SSMStep) Step(x, state, y []float32) {
	c, n := s.p.Channels, 2*s.p.Channels*s.p.States
	for row := range len(x) / c {
		s.kernels.SSM(&s.p, s.coef, x[row*c:], 1, 0, c, state[row*n:], nil, y[row*c:])
	}
}

// S4DLin gives a state space's initial values as S4D-Lin has them (arXiv 2206.11893, section 4): A = -1/2 + i pi n for
// states n = 0, 1, .., C standard normal in the complex plane, d standard normal, dt log-uniform between two bounds, for
// which the authors took 0.001 and 0.1 steps: a state then forgets within 2/dt, 20 to 2000 ms.
func S4DLin(r *philox.Stream, channels, states int, dtMin, dtMax float64) nets.SSM {
	n := channels * states
	p := nets.SSM{Channels: channels, States: states, LogDt: make([]float32, channels), LogA: make([]float32, n),
		ImagA: make([]float32, n), Re: make([]float32, n), Im: make([]float32, n), D: make([]float32, channels)}
	for c := range channels {
		p.LogDt[c] = float32(math.Log(dtMin) + r.Float64()*math.Log(dtMax/dtMin))
		p.D[c] = float32(r.Normal())
		for i := c * states; i < (c+1)*states; i++ {
			p.LogA[i], p.ImagA[i] = float32(math.Log(0.5)), float32(math.Pi*float64(i-c*states))
			p.Re[i], p.Im[i] = float32(r.Normal()/math.Sqrt2), float32(r.Normal()/math.Sqrt2)
		}
	}
	return p
}
