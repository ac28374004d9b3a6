package ops

import (
	"fmt"
	"math"
	"math/cmplx"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"neq/cuda/kernels/nets"
	"neq/internal/philox"
)

// opCase is an op with the plain computation of its output in float64.
type opCase struct {
	name   string
	inputs []operandCase
	build  func(b *Builder, in []*G.Node) (*G.Node, error)
	value  func(in [][]float64) []float64
	extra  func(in [][]float64) float64 // what the op adds to a loss besides, where it does
}

// operandCase is an input: numbers about an offset.
type operandCase struct {
	name          string
	shape         []int
	about, spread float64
}

func (c opCase) draw() (in [][]float32) {
	for i, o := range c.inputs {
		r := philox.New(11, uint64(i), 77)
		v := make([]float32, tensor.Shape(o.shape).TotalSize())
		for j := range v {
			v[j] = float32(o.about + o.spread*r.Normal())
		}
		in = append(in, v)
	}
	return in
}

// opRun is what a run of an op and of its gradients takes and gives.
type opRun struct {
	isa     string
	device  *Device
	threads int

	precision Precision // of a device's products
	kept      int       // bytes of states; 0: as they come
}

// run gives the op's output on in, and its gradients where dy is the output's. It runs twice: what is left of the first
// run must not show. With dy nil the graph is for inference.
func (o opRun) run(t *testing.T, c opCase, in [][]float32, dy []float32) (y []float32, grads [][]float32) {
	t.Helper()
	var b *Builder
	var err error
	if o.device != nil {
		b, err = NewDeviceBuilder(o.device, dy != nil, o.precision)
	} else {
		b, err = NewBuilder(o.threads, dy != nil, o.isa)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if o.kept > 0 {
		b.keptBytes = o.kept
	}
	g := G.NewGraph()
	leaf := func(name string, shape []int, v []float32) *G.Node {
		d := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(slices.Clone(v)))
		bench{o.device}.place(t, []*tensor.Dense{d})
		if o.device != nil {
			d = o.device.Resident(d)
		}
		return G.NewTensor(g, tensor.Float32, len(shape), G.WithShape(shape...), G.WithName(name), G.WithValue(d))
	}
	var nodes G.Nodes
	for i, x := range c.inputs {
		nodes = append(nodes, leaf(x.name, x.shape, in[i]))
	}
	out, err := c.build(b, nodes)
	if err != nil {
		t.Fatal(err)
	}
	read := func(n *G.Node) []float32 {
		if o.device == nil {
			return slices.Clone(floats(Output(n)))
		}
		v, err := o.device.Read(Output(n))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	var gradients G.Nodes
	if dy != nil {
		if gradients, err = b.back(out, leaf("dy", out.Shape(), dy), nodes); err != nil {
			t.Fatal(err)
		}
	}
	if o.device != nil {
		if err := OnDevice(g); err != nil {
			t.Fatal(err)
		}
	}
	m := G.NewTapeMachine(g)
	defer m.Close()
	for range 2 {
		if err := m.RunAll(); err != nil {
			t.Fatal(err)
		}
		m.Reset()
	}
	if o.device == nil {
		for _, n := range append(G.Nodes{out}, gradients...) {
			p := n.Op().(*op)
			if a := allocations(func() { p.body.run(p.in, p.data) }); a > 0 {
				t.Errorf("%s allocates %v times a run", p.name, a)
			}
		}
	}
	for _, n := range gradients {
		grads = append(grads, read(n))
	}
	return read(out), grads
}

func wide(in [][]float32) (w [][]float64) {
	for _, v := range in {
		x := make([]float64, len(v))
		for i := range v {
			x[i] = float64(v[i])
		}
		w = append(w, x)
	}
	return w
}

// alike allows a part of the largest number of the tensor: rounding of 6e-8 carried on over the ms.
func alike(t *testing.T, what string, got []float32, want []float64, tolerance float64) {
	t.Helper()
	scale := 1e-3
	for _, w := range want {
		scale = max(scale, math.Abs(w))
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i, w := range want {
		if !(math.Abs(float64(got[i])-w) <= tolerance*scale) {
			t.Fatalf("%s[%d] = %v, want %v (largest %v)", what, i, got[i], w, scale)
		}
	}
}

func (c opCase) slope(in [][]float64, dy []float32, x []float64, i int) float64 {
	const h = 1e-5 // of numbers near 1: leaves 1e-10 of truncation and of rounding
	f := func() (s float64) {
		for j, y := range c.value(in) {
			s += y * float64(dy[j])
		}
		if c.extra != nil {
			s += c.extra(in)
		}
		return s
	}
	keep := x[i]
	x[i] = keep + h
	up := f()
	x[i] = keep - h
	down := f()
	x[i] = keep
	return (up - down) / (2 * h)
}

// testOp holds output and gradients against the plain computation and its central differences.
func (c opCase) test(t *testing.T, on []opRun) {
	in := c.draw()
	plain := wide(in)
	want := c.value(plain)
	dy := make([]float32, len(want))
	r := philox.New(12, 0, 77)
	for i := range dy {
		dy[i] = float32(r.Normal())
	}
	type at struct {
		i     int
		slope float64
	}
	var slopes [][]at
	for _, x := range plain {
		var of []at
		for i := 0; i < len(x); i += max(1, len(x)/40) | 1 {
			of = append(of, at{i, c.slope(plain, dy, x, i)})
		}
		slopes = append(slopes, of)
	}
	for _, o := range on {
		t.Run(fmt.Sprintf("%s/%s/kept=%d", c.name, o.isa, o.kept), func(t *testing.T) {
			y, grads := o.run(t, c, in, dy)
			alike(t, "output", y, want, 2e-6)
			for k, of := range slopes {
				var got []float32
				var want []float64
				for _, a := range of {
					got, want = append(got, grads[k][a.i]), append(want, a.slope)
				}
				alike(t, "gradient of "+c.inputs[k].name, got, want, 1e-5)
			}
			if y2, _ := o.run(t, c, in, nil); !slices.Equal(y, y2) {
				t.Error("inference gives other bits")
			}
		})
	}
}

// cpus are the instruction sets this machine has, once with all states kept and once with few.
func cpus(t *testing.T, few int) (all []opRun) {
	for _, isa := range []string{"avx512", "avx2", "portable"} {
		if _, err := nets.New(isa); err == nil {
			all = append(all, opRun{isa: isa, threads: 2}, opRun{isa: isa, threads: 3, kept: few})
		} else {
			t.Logf("not tested: %v", err)
		}
	}
	return all
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func lstmCase(batch, time, n int) opCase {
	return opCase{
		name: fmt.Sprintf("lstm %dx%dx%d", batch, time, n),
		inputs: []operandCase{
			{"x", []int{batch, time, 4 * n}, 0, 1}, {"wh", []int{n, 4 * n}, 0, 1 / math.Sqrt(float64(n))},
		},
		build: func(b *Builder, in []*G.Node) (*G.Node, error) { return b.LSTM(in[0], in[1]) },
		value: func(in [][]float64) []float64 {
			var y []float64
			for b := range batch {
				h, c := make([]float64, n), make([]float64, n)
				for t := range time {
					z := slices.Clone(in[0][(b*time+t)*4*n : (b*time+t+1)*4*n])
					for p := range n {
						for j := range z {
							z[j] += h[p] * in[1][p*4*n+j]
						}
					}
					for u := range n {
						c[u] = sigmoid(z[n+u])*c[u] + sigmoid(z[u])*math.Tanh(z[2*n+u])
						h[u] = sigmoid(z[3*n+u]) * math.Tanh(c[u])
					}
					y = append(y, h...)
				}
			}
			return y
		},
	}
}

func gruCase(batch, time, n int) opCase {
	return opCase{
		name: fmt.Sprintf("gru %dx%dx%d", batch, time, n),
		inputs: []operandCase{
			{"x", []int{batch, time, 3 * n}, 0, 1}, {"wh", []int{n, 3 * n}, 0, 1 / math.Sqrt(float64(n))}, {"bhn", []int{n}, 0, 0.5},
		},
		build: func(b *Builder, in []*G.Node) (*G.Node, error) { return b.GRU(in[0], in[1], in[2]) },
		value: func(in [][]float64) []float64 {
			var y []float64
			for b := range batch {
				h := make([]float64, n)
				for t := range time {
					x := in[0][(b*time+t)*3*n : (b*time+t+1)*3*n]
					q := append(make([]float64, 2*n), in[2]...)
					for p := range n {
						for j := range q {
							q[j] += h[p] * in[1][p*3*n+j]
						}
					}
					for u := range n {
						r, z := sigmoid(x[u]+q[u]), sigmoid(x[n+u]+q[n+u])
						h[u] = (1-z)*math.Tanh(x[2*n+u]+r*q[2*n+u]) + z*h[u]
					}
					y = append(y, h...)
				}
			}
			return y
		},
	}
}

// ssmCase has states that ring and, with a large logDt, some that are gone within a ms; small keeps dt A near 0.
func ssmCase(batch, time, channels, states int, logDt float64) opCase {
	of := []int{channels, states}
	return opCase{
		name: fmt.Sprintf("ssm %dx%dx%dx%d at %g", batch, time, channels, states, logDt),
		inputs: []operandCase{
			{"x", []int{batch, time, channels}, 0, 1}, {"logDt", of[:1], logDt, 0.3}, {"logA", of, -0.7, 0.5},
			{"imagA", of, 1, 3}, {"cRe", of, 0, 1}, {"cIm", of, 0, 1}, {"d", of[:1], 0, 1},
		},
		build: func(b *Builder, in []*G.Node) (*G.Node, error) {
			return b.SSM(in[0], in[1], in[2], in[3], in[4], in[5], in[6])
		},
		value: func(in [][]float64) []float64 {
			y := make([]float64, len(in[0]))
			for c := range channels {
				dt := math.Exp(in[1][c])
				for n := c * states; n < (c+1)*states; n++ {
					A := complex(-math.Exp(in[2][n]), in[3][n])
					a := cmplx.Exp(complex(dt, 0) * A)
					w := 2 * complex(in[4][n], in[5][n]) * (a - 1) / A
					for b := range batch {
						var h complex128
						for t := range time {
							at := (b*time+t)*channels + c
							h = a*h + complex(in[0][at], 0)
							y[at] += real(w * h)
						}
					}
				}
				for i := c; i < len(y); i += channels {
					y[i] += in[6][c] * in[0][i]
				}
			}
			return y
		},
	}
}

// Widths that fill vectors and that do not, batches that split unevenly, one ms, stretches that do not divide the window.
func scanCases() []opCase {
	return []opCase{
		lstmCase(3, 11, 5), lstmCase(1, 1, 1), lstmCase(5, 7, 16), lstmCase(2, 9, 37),
		gruCase(3, 11, 5), gruCase(1, 1, 1), gruCase(5, 7, 16), gruCase(2, 9, 37),
		ssmCase(2, 70, 5, 3, -1), ssmCase(1, 1, 1, 1, -1), ssmCase(2, 130, 16, 5, -3), ssmCase(1, 64, 37, 4, 1), ssmCase(1, 9, 3, 2, -7),
	}
}

func TestScans(t *testing.T) {
	for _, c := range scanCases() {
		c.test(t, cpus(t, 3000))
	}
}

func TestScansOnAnyThreads(t *testing.T) {
	for _, c := range []opCase{lstmCase(7, 9, 20), gruCase(7, 9, 20), ssmCase(3, 70, 20, 3, -1)} {
		in := c.draw()
		dy := make([]float32, len(c.value(wide(in))))
		for i := range dy {
			dy[i] = float32(i%7) - 3
		}
		y, grads := opRun{threads: 1}.run(t, c, in, dy)
		for _, o := range []opRun{{threads: 2}, {threads: 5}, {threads: 16}, {threads: 3, kept: 5000}} {
			y2, grads2 := o.run(t, c, in, dy)
			if !slices.Equal(y, y2) {
				t.Errorf("%s: %+v gives other outputs than one thread", c.name, o)
			}
			for i := range grads {
				if !slices.Equal(grads[i], grads2[i]) {
					t.Errorf("%s: %+v gives another gradient of %s than one thread", c.name, o, c.inputs[i].name)
				}
			}
		}
	}
}

// One ms at a time gives the bits of all ms at once.
func TestSteps(t *testing.T) {
	const batch, time, n = 5, 13, 21
	k, err := NewSingle()
	if err != nil {
		t.Fatal(err)
	}
	ms := func(x []float32, t, width int) (at []float32) {
		for b := range batch {
			at = append(at, x[(b*time+t)*width:(b*time+t+1)*width]...)
		}
		return at
	}
	c := lstmCase(batch, time, n)
	in := c.draw()
	y, _ := opRun{threads: 2}.run(t, c, in, nil)
	l := k.LSTM(n, in[1])
	h, cell := make([]float32, batch*n), make([]float32, batch*n)
	for i := range time {
		l.Step(ms(in[0], i, 4*n), h, cell)
		if !slices.Equal(h, ms(y, i, n)) {
			t.Fatalf("LSTM: h at %d ms differs", i)
		}
	}
	c = gruCase(batch, time, n)
	in = c.draw()
	y, _ = opRun{threads: 2}.run(t, c, in, nil)
	g := k.GRU(n, in[1], in[2])
	clear(h)
	for i := range time {
		g.Step(ms(in[0], i, 3*n), h)
		if !slices.Equal(h, ms(y, i, n)) {
			t.Fatalf("GRU: h at %d ms differs", i)
		}
	}
	const states = 5
	c = ssmCase(batch, time, n, states, -1)
	in = c.draw()
	y, _ = opRun{threads: 2}.run(t, c, in, nil)
	s := k.SSM(nets.SSM{Channels: n, States: states, LogDt: in[1], LogA: in[2], ImagA: in[3], Re: in[4], Im: in[5], D: in[6]})
	state, out := make([]float32, batch*states*2*n), make([]float32, batch*n)
	for i := range time {
		s.Step(ms(in[0], i, n), state, out)
		if !slices.Equal(out, ms(y, i, n)) {
			t.Fatalf("SSM: y at %d ms differs", i)
		}
	}
}

func TestScansRefuse(t *testing.T) {
	b, err := NewBuilder(1, true, "")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	g := G.NewGraph()
	of := func(shape ...int) *G.Node { return G.NewTensor(g, tensor.Float32, len(shape), G.WithShape(shape...)) }
	if _, err := b.LSTM(of(2, 3, 12), of(3, 9)); err == nil {
		t.Error("an LSTM took weights of 3 gates")
	}
	if _, err := b.LSTM(of(2, 3, 8), of(3, 12)); err == nil {
		t.Error("an LSTM took inputs of 2 units for 3")
	}
	if _, err := b.GRU(of(2, 3, 9), of(3, 9), of(4)); err == nil {
		t.Error("a GRU took a bias of 4 units for 3")
	}
	if _, err := b.SSM(of(2, 3, 5), of(5), of(5, 2), of(5, 2), of(5, 3), of(5, 2), of(5)); err == nil {
		t.Error("a state space took 3 states for 2")
	}
}

// The published start: A = -1/2 + i pi n, steps between the bounds, C of variance 1 in the plane.
func TestS4DLin(t *testing.T) {
	const channels, states = 400, 6
	p := S4DLin(philox.New(3, 0, 77), channels, states, 0.001, 0.1)
	var square float64
	for i := range channels * states {
		if a := math.Exp(float64(p.LogA[i])); math.Abs(a-0.5) > 1e-6 || math.Abs(float64(p.ImagA[i])-math.Pi*float64(i%states)) > 1e-5 {
			t.Fatalf("state %d: A is -%v + %vi", i%states, a, p.ImagA[i])
		}
		square += float64(p.Re[i]*p.Re[i] + p.Im[i]*p.Im[i])
	}
	if mean := square / (channels * states); math.Abs(mean-1) > 0.1 { // of 2400, whose standard error is 0.02
		t.Errorf("mean square of C is %v, want 1", mean)
	}
	below := 0
	for _, v := range p.LogDt {
		if dt := math.Exp(float64(v)); dt < 0.000999 || dt > 0.1001 {
			t.Errorf("dt %v, want 0.001 to 0.1", dt)
		}
		if v < float32(math.Log(0.01)) {
			below++
		}
	}
	if below < channels/2-60 || below > channels/2+60 { // six standard deviations
		t.Errorf("%d of %d steps are below 0.01, the middle on a logarithmic scale", below, channels)
	}
}
