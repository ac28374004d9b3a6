package ops

import "neq/cuda/driver"

// moeDevice is a mixture's memory on a GPU, as moe's on the CPU.
type moeDevice struct {
	logits, gates, share      *driver.Buffer[float32]
	chosen, at, of            *driver.Buffer[int32] // of: the assignment at a place
	count, start, tile        *driver.Buffer[int32]
	x, pre, post, given, zero *driver.Buffer[float32]
	tiles                     int
	dgiven, dpre, dx          *driver.Buffer[float32]
	dgates, dlogits           *driver.Buffer[float32]
	router                    conv // x by the router
}

const routeChunk = 256 // ROUTE_CHUNK of moe.cuh

func (m *moe) assignments() int { return m.rows * m.top }

// room makes the buffers, and the body of a device.
func (m *moe) room() (gpuBody, error) {
	if m.b.device == nil {
		m.buffers()
		return nil, nil
	}
	n := m.assignments()
	d := &moeDevice{tiles: n/convTile + m.experts}
	m.gpu = d
	d.router = conv{b: m.b, batch: 1, time: m.rows, cin: m.channels, cout: m.experts, taps: 1, dilation: 1}
	if err := d.router.room(); err != nil {
		return nil, err
	}
	for _, f := range []struct {
		buf **driver.Buffer[float32]
		n   int
	}{
		{&d.logits, m.rows * m.experts}, {&d.gates, n}, {&d.share, m.experts}, {&d.zero, m.experts}, {&d.x, n * m.channels},
		{&d.pre, n * m.hidden}, {&d.post, n * m.hidden}, {&d.given, n * m.channels},
	} {
		var err error
		if *f.buf, err = hold[float32](m.b, f.n); err != nil {
			return nil, err
		}
	}
	for _, f := range []struct {
		buf **driver.Buffer[int32]
		n   int
	}{
		{&d.chosen, n}, {&d.at, n}, {&d.of, n}, {&d.count, m.chunks() * m.experts}, {&d.start, m.experts + 1}, {&d.tile, 3 * d.tiles},
	} {
		var err error
		if *f.buf, err = hold[int32](m.b, f.n); err != nil {
			return nil, err
		}
	}
	return m.forward, d.zero.Zero(m.b.device.queue)
}

func (m *moe) chunks() int { return (m.assignments() + routeChunk - 1) / routeChunk }

// kernel is a product in the graph's precision.
func (m *moe) kernel(name string) string { return (&conv{precision: m.b.precision}).kernel(name) }

// across queues a product of all tiles of places with so many columns.
func (m *moe) across(kernel string, columns int, args ...any) error {
	return m.b.device.launch(m.kernel(kernel), m.gpu.tiles*((columns+convTile-1)/convTile), args...)
}

func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

// spread queues the rows of x, times their gates where gated, as the experts' inputs.
func (m *moe) spread(x, to *driver.Buffer[float32], gated bool) error {
	n := m.assignments() * m.channels
	return m.b.device.each("moe_spread", n, x, m.gpu.of, m.gpu.gates, to, uint32(n), uint32(m.channels), uint32(m.top), flag(gated))
}

// steps queues one launch after the other.
func steps(of ...func() error) error {
	for _, f := range of {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// forward takes x, router, w1, b1, w2, b2.
func (m *moe) forward(in []operand, out *driver.Buffer[float32]) error {
	d, g := m.b.device, m.gpu
	n, experts, channels, hidden := uint32(m.assignments()), uint32(m.experts), uint32(m.channels), uint32(m.hidden)
	return steps(
		func() error { return g.router.gpu([]operand{in[0], in[1], {buf: g.zero}}, g.logits) },
		func() error {
			return d.each("moe_route", m.rows, g.logits, g.chosen, g.gates, uint32(m.rows), int32(m.experts), int32(m.top))
		},
		func() error { return d.each("moe_count", g.count.Len(), g.chosen, g.count, n, experts) },
		func() error {
			return d.launch("moe_places", 1, g.count, g.start, g.share, g.tile, n, experts, uint32(g.tiles))
		},
		func() error { return d.each("moe_assign", g.count.Len(), g.chosen, g.count, g.at, g.of, n, experts) },
		func() error { return m.spread(in[0].buf, g.x, false) },
		func() error {
			return m.across("moe_rows", m.hidden, g.x, g.tile, in[2].buf, in[3].buf, g.pre, channels, hidden)
		},
		func() error { return d.each("activate", g.pre.Len(), int32(m.act), g.pre, g.post, uint32(g.pre.Len())) },
		func() error {
			return m.across("moe_rows", m.channels, g.post, g.tile, in[4].buf, in[5].buf, g.given, hidden, channels)
		},
		func() error {
			return d.each("moe_combine", out.Len(), g.given, g.at, g.gates, out, uint32(out.Len()), channels, uint32(m.top))
		},
	)
}

// moeBodies are the GPU's bodies of the gradients.
type moeBodies struct{ dx, router, w1, b1, w2, b2 gpuBody }

// expertSplits is over how many stretches of an expert's places a weights' gradient of so many tiles is summed apart.
func (m *moe) expertSplits(tiles int) int {
	return max(1, min(busyTiles/(tiles*m.experts), m.assignments()/m.experts/splitRows))
}

// gradRoom makes the gradients' buffers, and the bodies of a device.
func (m *moe) gradRoom(c *moeGrad) (b moeBodies, err error) {
	if m.b.device == nil {
		c.buffers()
		return b, nil
	}
	d, g, n := m.b.device, m.gpu, m.assignments()
	for _, f := range []struct {
		buf **driver.Buffer[float32]
		n   int
	}{
		{&g.dgiven, n * m.channels}, {&g.dpre, n * m.hidden}, {&g.dx, n * m.channels}, {&g.dgates, n}, {&g.dlogits, m.rows * m.experts},
	} {
		if *f.buf, err = hold[float32](m.b, f.n); err != nil {
			return b, err
		}
	}
	one, two := m.expertSplits(tiles(m.channels, m.hidden)), m.expertSplits(tiles(m.hidden, m.channels))
	sums := max(1, min(64, n/m.experts/splitRows))
	if err := d.forProducts(m.experts * max(one*m.channels*m.hidden, two*m.channels*m.hidden, sums*m.channels, sums*m.hidden)); err != nil {
		return b, err
	}
	experts, channels, hidden := uint32(m.experts), uint32(m.channels), uint32(m.hidden)
	b.dx = func(in []operand, out *driver.Buffer[float32]) error { // router, w1, w2, dy
		dy := in[3].buf
		return steps(
			func() error { return m.spread(dy, g.dgiven, true) },
			func() error {
				return d.warpEach("moe_dgates", n, dy, g.given, g.at, g.dgates, uint32(n), channels, uint32(m.top))
			},
			func() error {
				return d.each("moe_dlogits", m.rows, g.logits, g.chosen, g.gates, g.dgates, g.share, g.dlogits, uint32(m.rows), int32(m.experts), int32(m.top), m.weight())
			},
			func() error {
				return m.across("moe_back", m.hidden, g.dgiven, g.tile, in[2].buf, g.dpre, hidden, channels)
			},
			func() error {
				return d.each("activate_grad", g.pre.Len(), int32(m.act), g.pre, g.dpre, g.dpre, uint32(g.pre.Len()))
			},
			func() error {
				return m.across("moe_back", m.channels, g.dpre, g.tile, in[1].buf, g.dx, channels, hidden)
			},
			func() error {
				return d.each("moe_dx", out.Len(), g.dx, g.at, g.dlogits, in[0].buf, out, uint32(out.Len()), channels, experts, uint32(m.top))
			},
		)
	}
	b.router = func(in []operand, out *driver.Buffer[float32]) error {
		return g.router.gpuDW([]operand{in[0], {buf: g.dlogits}}, out)
	}
	weights := func(x, dy *driver.Buffer[float32], down, across, splits int) gpuBody {
		return func(_ []operand, out *driver.Buffer[float32]) error {
			return steps(
				func() error {
					return d.launch(m.kernel("moe_dw"), tiles(down, across)*m.experts*splits, x, dy, g.start, d.space, experts, uint32(down), uint32(across), uint32(splits))
				},
				func() error { return d.each("sum_parts", out.Len(), d.space, out, uint32(out.Len()), int32(splits)) },
			)
		}
	}
	b.w1, b.w2 = weights(g.x, g.dpre, m.channels, m.hidden, one), weights(g.post, g.dgiven, m.hidden, m.channels, two)
	biases := func(x *driver.Buffer[float32], columns int) gpuBody {
		return func(_ []operand, out *driver.Buffer[float32]) error {
			parts := out.Len() * sums
			return steps(
				func() error {
					return d.each("moe_sums", parts, x, g.start, d.space, uint32(parts), experts, uint32(columns), uint32(sums))
				},
				func() error { return d.each("sum_parts", out.Len(), d.space, out, uint32(out.Len()), int32(sums)) },
			)
		}
	}
	b.b1, b.b2 = biases(g.dpre, m.hidden), biases(g.dgiven, m.channels)
	return b, nil
}
