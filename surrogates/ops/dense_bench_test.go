package ops

import (
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"neq/internal/philox"
)

// BenchmarkDenseOps runs each op, and its gradients, on one core at sizes of surrogates' layers, 8 windows of 400 ms, as
// GMAC/s: beside Conv's, which is bound by the multipliers, it says how far an op is from them.
func BenchmarkDenseOps(b *testing.B) {
	const batch, time, rows = 8, 400, 3200
	conv := opCase{name: "conv 128 to 128, 4 taps", inputs: normals([]int{batch, time, 128}, []int{4, 128, 128}, []int{128}), build: func(b *Builder, in []*G.Node) (*G.Node, error) {
		return b.Conv(in[0], in[1], in[2], 1)
	}}
	for _, c := range []struct {
		opCase
		forward, backward int // multiply-adds of a ms
	}{
		{conv, 4 * 128 * 128, 8 * 128 * 128},
		{depthwiseCase(batch, time, 128, 12, 1), 12 * 128, 24 * 128},
		{layerNormCase(batch, time, 128), 4 * 128, 10 * 128},
		{attentionCase(batch, time, 4, 16, 100, true), 2 * 100 * 64, 5 * 100 * 64},
		{attentionCase(batch, time, 4, 32, 64, true), 2 * 64 * 128, 5 * 64 * 128},
		{moeCase(batch, time, 128, 256, 8, 2, "silu", 0.01), 2 * 2 * 128 * 256, 4 * 2 * 128 * 256},
		{synapsesCase(rows, 19, 16, rows, 8, 16), 19*16 + 16*128, 2 * (19*16 + 16*128)},
	} {
		builder, err := NewBuilder(1, true, "")
		if err != nil {
			b.Fatal(err)
		}
		defer builder.Close()
		g, r := G.NewGraph(), philox.New(1, 0, 78)
		leaf := func(name string, shape []int) *G.Node {
			d := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(shape...))
			for i := range floats(d) {
				floats(d)[i] = float32(0.3 * r.Normal())
			}
			return G.NewTensor(g, tensor.Float32, len(shape), G.WithShape(shape...), G.WithName(name), G.WithValue(d))
		}
		var in G.Nodes
		for _, x := range c.inputs {
			in = append(in, leaf(x.name, x.shape))
		}
		y, err := c.build(builder, in)
		if err != nil {
			b.Fatal(err)
		}
		made := map[*G.Node]bool{}
		for _, n := range g.AllNodes() {
			made[n] = true
		}
		if _, err := builder.back(y, leaf("dy", y.Shape()), in); err != nil {
			b.Fatal(err)
		}
		m := G.NewTapeMachine(g)
		defer m.Close()
		if err := m.RunAll(); err != nil {
			b.Fatal(err)
		}
		for _, way := range []struct {
			name string
			back bool
			macs int
		}{{"forward", false, c.forward}, {"backward", true, c.backward}} {
			b.Run(c.name+"/"+way.name, func(b *testing.B) {
				for b.Loop() {
					for _, n := range g.AllNodes() {
						if o, ok := n.Op().(*op); ok && made[n] != way.back {
							o.body.run(o.in, o.data)
						}
					}
				}
				b.ReportMetric(float64(way.macs)*rows*float64(b.N)/b.Elapsed().Seconds()/1e9, "GMAC/s")
			})
		}
	}
}
