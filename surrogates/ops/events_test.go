package ops

import (
	"slices"
	"strings"
	"testing"

	"neq/internal/philox"
)

func builder(t *testing.T) *Builder {
	t.Helper()
	b, err := NewBuilder(2, true, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func TestEventsRefused(t *testing.T) {
	for _, c := range []struct {
		name         string
		start        []int
		bin, synapse []int32
		want         string
	}{
		{"bin past the window", []int{0, 1, 1}, []int32{10}, []int32{0}, "bin 10, synapse 0: want bin below 10"},
		{"negative bin", []int{0, 1, 1}, []int32{-1}, []int32{0}, "bin -1"},
		{"synapse past the inputs", []int{0, 0, 1}, []int32{0}, []int32{4}, "event 0 of window 1"},
		{"too few events", []int{0, 1, 2}, []int32{0}, []int32{0}, "1 bins and 1 synapses for 2 events"},
		{"descending", []int{0, 2, 1}, []int32{0, 1}, []int32{0, 1}, "want ascending"},
		{"wrong batch", []int{0, 1}, []int32{0}, []int32{0}, "Start has 2 entries"},
	} {
		e, err := builder(t).NewEvents(2, 10, 4, 3, 1, 16)
		if err != nil {
			t.Fatal(err)
		}
		e.Start, e.Bin, e.Synapse = c.start, c.bin, c.synapse
		if err := e.Prepare(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := builder(t).NewEvents(1, 0, 1, 1, 1, 1); err == nil {
		t.Error("events over no time were accepted")
	}
	if _, err := builder(t).NewEvents(1<<20, 1<<12, 1, 1, 1, 1); err == nil {
		t.Error("more rows than an int32 holds were accepted")
	}
}

// Both orders hold every event once and are sorted as they say.
func TestEventsOrders(t *testing.T) {
	for _, c := range [][2]int{{1, 128}, {3, 128}, {3, 2}} {
		dilation, narrow := c[0], c[1] < 4
		e, err := builder(t).NewEvents(4, 50, 300, 20, dilation, c[1])
		if err != nil {
			t.Fatal(err)
		}
		if e.blocks() < 2 && !narrow {
			t.Fatalf("%d block: the test wants several", e.blocks())
		}
		r := philox.New(1, 0, 0)
		for b := range 4 {
			for range 500 {
				e.Bin, e.Synapse = append(e.Bin, int32(r.Intn(50))), append(e.Synapse, int32(r.Intn(300)))
			}
			e.Start[b+1] = len(e.Bin)
		}
		if err := e.Prepare(); err != nil {
			t.Fatal(err)
		}
		var want, major, block [][3]int32
		for b := range 4 {
			for i := e.Start[b]; i < e.Start[b+1]; i++ {
				want = append(want, [3]int32{e.Synapse[i], e.Bin[i], int32(b)})
			}
		}
		for s := range 300 {
			for i := e.start[s]; i < e.start[s+1]; i++ {
				major = append(major, [3]int32{int32(s), e.bin[i], e.row[i] / 50})
				if e.row[i]%50 != e.bin[i] {
					t.Fatalf("row %d of bin %d", e.row[i], e.bin[i])
				}
			}
		}
		for k := range e.blocks() {
			for b := range 4 {
				for phase := range dilation {
					from, to := e.span(k, b, phase)
					for i := from; i < to; i++ {
						s := (e.key[i] + e.step[i]) / 20
						if i > from && !e.narrow && e.step[i] < e.step[i-1] {
							t.Fatal("bins of a block descend")
						}
						if int(s)/e.block != k {
							t.Fatalf("synapse %d in block %d", s, k)
						}
						block = append(block, [3]int32{s, e.step[i]*int32(dilation) + int32(phase), int32(b)})
					}
				}
			}
		}
		order := func(a, b [3]int32) int { return slices.Compare(a[:], b[:]) }
		slices.SortFunc(want, order)
		if !slices.Equal(major, want) {
			t.Error("the synapse-major order is not the events sorted by synapse, bin, window")
		}
		slices.SortFunc(block, order)
		if !slices.Equal(block, want) {
			t.Error("the block-major order does not hold the events")
		}
		if n := testing.AllocsPerRun(5, func() { _ = e.Prepare() }); n > 0 {
			t.Errorf("Prepare allocates %v times a batch", n)
		}
	}
}
