package ops

// moeGrad computes the gradient of the input from router, w1, w2 and the output's gradient, and keeps what those of the
// weights are made of.
type moeGrad struct {
	moe            *moe
	dgiven, dx     []float32 // in the expert-major order: of the experts' outputs and inputs
	dpost, dpre    []float32 // in that order: of the hidden layers
	dgates, dlogit []float32
	share          []float32 // of the assignments, by expert
	packed         []float32

	stage func(*moeGrad, int)
	in    [][]float32
	out   []float32
}

// buffers makes the CPU's buffers.
func (g *moeGrad) buffers() {
	m := g.moe
	n, k := m.rows*m.top, m.b.kernels
	g.dgiven, g.dx = make([]float32, n*m.channels), make([]float32, n*m.channels)
	g.dpost, g.dpre = make([]float32, n*m.hidden), make([]float32, n*m.hidden)
	g.dgates, g.dlogit, g.share = make([]float32, n), make([]float32, m.rows*m.experts), make([]float32, m.experts)
	g.packed = make([]float32, k.ConvPacked(1, m.experts, m.channels)+m.experts*(g.one()+g.two()))
}

// Lengths of an expert's transposed weights, packed.
func (g *moeGrad) one() int { return g.moe.b.kernels.ConvPacked(1, g.moe.hidden, g.moe.channels) }
func (g *moeGrad) two() int { return g.moe.b.kernels.ConvPacked(1, g.moe.channels, g.moe.hidden) }

func (g *moeGrad) weightsOf(e int) (one, two []float32) {
	p := g.packed[len(g.packed)-(g.moe.experts-e)*(g.one()+g.two()):]
	return p[:g.one()], p[g.one():]
}

func (g *moeGrad) run(in [][]float32, out []float32) {
	m := g.moe
	g.in, g.out = in, out
	for e := range g.share {
		g.share[e] = float32(m.start[e+1]-m.start[e]) / float32(m.rows*m.top)
	}
	g.do(1+m.experts, (*moeGrad).pack)
	g.do(chunks(m.rows), (*moeGrad).spread)
	g.do(len(m.stretches), (*moeGrad).expert)
	g.do(chunks(m.rows), (*moeGrad).combine)
}

func (g *moeGrad) do(n int, stage func(*moeGrad, int)) {
	g.stage = stage
	g.moe.b.team.Run(n, g)
}

func (g *moeGrad) Part(i int) { g.stage(g, i) }

func (g *moeGrad) pack(i int) {
	m, k := g.moe, g.moe.b.kernels
	if i == 0 {
		k.ConvPackTransposed(g.in[0], m.channels, m.experts, g.packed)
		return
	}
	e := i - 1
	one, two := g.weightsOf(e)
	k.ConvPackTransposed(g.in[1][e*m.channels*m.hidden:], m.channels, m.hidden, one)
	k.ConvPackTransposed(g.in[2][e*m.channels*m.hidden:], m.hidden, m.channels, two)
}

func (g *moeGrad) spread(i int) {
	m, k := g.moe, g.moe.b.kernels
	from, to := i*chunkRows, min((i+1)*chunkRows, m.rows)
	a, z, e := from*m.top, to*m.top, from*m.experts
	k.SpreadRows(g.in[3][from*m.channels:], m.given, m.at[a:z], m.gates[a:z], m.top, m.channels, g.dgiven, g.dgates[a:z])
	k.RouteGrad(m.logits[e:to*m.experts], m.chosen[a:z], m.gates[a:z], g.dgates[a:z], m.top, g.share, m.weight(), g.dlogit[e:])
}

// weight is of the load-balancing loss's gradient in a row.
func (m *moe) weight() float32 { return float32(m.balance * float64(m.experts) / float64(m.rows)) }

func (g *moeGrad) expert(i int) {
	m, k := g.moe, g.moe.b.kernels
	s := m.stretches[i]
	one, two := g.weightsOf(s.expert)
	n, a, z := s.to-s.from, s.from*m.hidden, s.to*m.hidden
	k.ConvDX(two, g.dgiven[s.from*m.channels:], n, m.hidden, m.channels, 1, 1, 0, n, g.dpost[a:])
	k.ActivateGrad(m.act, m.pre[a:z], g.dpost[a:z], g.dpre[a:z])
	k.ConvDX(one, g.dpre[a:], n, m.channels, m.hidden, 1, 1, 0, n, g.dx[s.from*m.channels:])
}

func (g *moeGrad) combine(i int) {
	m, k := g.moe, g.moe.b.kernels
	from, to := i*chunkRows, min((i+1)*chunkRows, m.rows)
	out := g.out[from*m.channels:]
	k.ConvDX(g.packed, g.dlogit[from*m.experts:], to-from, m.channels, m.experts, 1, 1, 0, to-from, out)
	k.GatherRows(g.dx, m.at[from*m.top:to*m.top], nil, m.top, m.channels, out)
}

// gradPart is the weights that a gradient is of.
type gradPart int

const (
	gradRouter gradPart = iota
	gradW1
	gradB1
	gradW2
	gradB2
)

// moeWeights is the gradient of some of the weights; a part is a panel of an expert's columns, or its biases.
type moeWeights struct {
	g     *moeGrad
	what  gradPart
	sums  []float32 // of biases
	total []float64
	x     []float32
	out   []float32
}

func (c *moeWeights) run(in [][]float32, out []float32) {
	m, k := c.g.moe, c.g.moe.b.kernels
	c.x, c.out = in[0], out
	switch c.what {
	case gradRouter:
		m.b.team.Run(k.ConvPanels(m.experts), c)
	case gradW1:
		m.b.team.Run(m.experts*k.ConvPanels(m.hidden), c)
	case gradW2:
		m.b.team.Run(m.experts*k.ConvPanels(m.channels), c)
	default:
		m.b.team.Run(m.experts, c)
	}
}

func (c *moeWeights) Part(i int) {
	g, m, k := c.g, c.g.moe, c.g.moe.b.kernels
	product := func(a, dy []float32, cin, cout int) {
		panels := k.ConvPanels(cout)
		e := i / panels
		from, to := m.start[e], m.start[e+1]
		k.ConvDW(a[from*cin:], dy[from*cout:], 1, to-from, cin, cout, 0, i%panels, c.out[e*cin*cout:])
	}
	switch c.what {
	case gradRouter:
		k.ConvDW(c.x, g.dlogit, 1, m.rows, m.channels, m.experts, 0, i, c.out)
	case gradW1:
		product(m.x, g.dpre, m.channels, m.hidden)
	case gradW2:
		product(m.post, g.dgiven, m.hidden, m.channels)
	case gradB1:
		c.bias(i, g.dpre, m.hidden)
	case gradB2:
		c.bias(i, g.dgiven, m.channels)
	}
}

// bias sums expert e's rows of d.
func (c *moeWeights) bias(e int, d []float32, n int) {
	m := c.g.moe
	sums, total := c.sums[e*n:(e+1)*n], c.total[e*n:(e+1)*n]
	clear(total)
	for from := m.start[e]; from < m.start[e+1]; from += chunkRows {
		m.b.kernels.SumColumns(d[from*n:min(from+chunkRows, m.start[e+1])*n], n, sums)
		for i, s := range sums {
			total[i] += float64(s)
		}
	}
	for i, t := range total {
		c.out[e*n+i] = float32(t)
	}
}
