package ops

import (
	"fmt"
	"slices"
	"testing"

	"neq/cuda/kernels/nets"
)

// Neurons that share weights, one ms at a time, do what whole sequences do: memory from the same traces to the bit; the
// traces themselves are sums in another order. So does the kernel in two pieces with the state between them.
func TestELMStream(t *testing.T) {
	for _, isa := range []string{"avx512", "avx2", "portable"} {
		k, err := nets.New(isa)
		if err != nil {
			continue
		}
		for _, c := range elmCases {
			if c.branches == 0 || c.learned {
				continue
			}
			t.Run(c.name+"/"+isa, func(t *testing.T) {
				b, err := NewBuilder(1, true, isa)
				if err != nil {
					t.Fatal(err)
				}
				defer b.Close()
				x := newELMRun(t, c, b)
				x.run(t)
				var keep, gain []float32
				for _, tau := range c.o.Taus {
					k, g := c.o.Decay(tau)
					keep, gain = append(keep, float32(k)), append(gain, float32(g))
				}
				s, w := Single{k}, x.weights
				branches := s.Branches(x.r, c.inputs, w["w"], elmKeep)
				memory := s.Memory(c.branches, c.o.Activation, w["w1"], w["b1"], w["w2"], w["b2"], keep, gain)
				want, trace, state := x.memory.Data().([]float32), make([]float32, c.batch*c.branches), make([]float32, c.batch*c.memory)
				y, traces := make([]float32, len(state)), make([]float32, c.batch*c.time*c.branches)
				for ms := range c.time {
					start, synapse := []int{0}, []int32(nil)
					for r := range c.batch {
						for i := x.e.Start[r]; i < x.e.Start[r+1]; i++ {
							if int(x.e.Bin[i]) == ms {
								synapse = append(synapse, x.e.Synapse[i])
							}
						}
						start = append(start, len(synapse))
					}
					branches.Step(start, synapse, trace)
					memory.Step(trace, state, y)
					for r := range c.batch {
						copy(traces[(r*c.time+ms)*c.branches:], trace[r*c.branches:(r+1)*c.branches])
						at := (r*c.time + ms) * c.memory
						within(t, fmt.Sprintf("memory of window %d at %d ms", r, ms), y[r*c.memory:(r+1)*c.memory], double(want[at:at+c.memory]), 2e-6)
					}
				}
				if !slices.Equal(y, state) {
					t.Error("what comes out is not the state")
				}
				cut := c.time / 3
				size, whole := k.ELMSizes(memory.shape), make([]float32, c.time*c.memory)
				pieces, room, last := make([]float32, len(whole)), make([]float32, size.Forward), make([]float32, c.memory)
				k.ELMForward(memory.shape, memory.packed, 1, c.time, traces, nil, whole, nil, nil, room)
				k.ELMForward(memory.shape, memory.packed, 1, cut, traces, last, pieces, nil, nil, room)
				k.ELMForward(memory.shape, memory.packed, 1, c.time-cut, traces[cut*c.branches:], last, pieces[cut*c.memory:], nil, nil, room)
				if !slices.Equal(whole, pieces) || !slices.Equal(last, state[:c.memory]) {
					t.Error("two pieces, or single ms, are not the whole to the bit")
				}
				if a := testing.AllocsPerRun(2, func() { branches.Step([]int{0}, nil, nil); memory.Step(trace, state, y) }); a > 1 { // Start
					t.Errorf("a ms allocates %v times", a)
				}
			})
		}
	}
}

// The bodies allocate nothing.
func TestELMAllocates(t *testing.T) {
	for _, c := range elmCases {
		b, err := NewBuilder(1, true, "")
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		x := newELMRun(t, c, b)
		x.run(t)
		for _, n := range x.graph.AllNodes() {
			o, ok := n.Op().(*op)
			if !ok {
				continue
			}
			if a := allocations(func() { o.body.run(o.in, o.data) }); a > 0 {
				t.Errorf("%s: %s allocates %v times", c.name, o.name, a)
			}
		}
	}
}
