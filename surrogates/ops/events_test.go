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
	for _, c := range [][3]int{{1, 128, 0}, {3, 128, 0}, {3, 2, 0}, {1, 2, 0}, {1, 128, 1}, {3, 128, 1}, {3, 2, 1}, {1, 2, 1}} {
		dilation, narrow := c[0], c[1] < 4
		e, err := builder(t).NewEvents(4, 50, 300, 20, dilation, c[1])
		if err != nil {
			t.Fatal(err)
		}
		e.sorted = true
		if e.blocks() < 2 && !narrow {
			t.Fatalf("%d block: the test wants several", e.blocks())
		}
		r := philox.New(1, 0, 0)
		for b := range 4 {
			for range 500 {
				e.Bin, e.Synapse = append(e.Bin, int32(r.Intn(50))), append(e.Synapse, int32(r.Intn(300)))
			}
			if c[2] == 1 { // as they come from a simulation
				slices.Sort(e.Bin[e.Start[b]:])
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
			for i := e.orders.Start[s]; i < e.orders.Start[s+1]; i++ {
				major = append(major, [3]int32{int32(s), e.orders.Bin[i], e.orders.Row[i] / 50})
				if e.orders.Row[i]%50 != e.orders.Bin[i] {
					t.Fatalf("row %d of bin %d", e.orders.Row[i], e.orders.Bin[i])
				}
			}
		}
		for k := range e.blocks() {
			for b := range 4 {
				for phase := range dilation {
					from, to := e.span(k, b, phase)
					for i := from; i < to; i++ {
						s := (e.orders.Key[i] + e.orders.Step[i]) / 20
						if i > from && !e.shape.Narrow && e.orders.Step[i] < e.orders.Step[i-1] {
							t.Fatal("bins of a block descend")
						}
						if int(s)/e.shape.Block != k {
							t.Fatalf("synapse %d in block %d", s, k)
						}
						block = append(block, [3]int32{s, e.orders.Step[i]*int32(dilation) + int32(phase), int32(b)})
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

// A batch prepared in a twin is the one that is taken, and what was taken before can be refilled meanwhile.
func TestEventsTake(t *testing.T) {
	b := builder(t)
	e, err := b.NewEvents(2, 10, 4, 3, 1, 16)
	if err != nil {
		t.Fatal(err)
	}
	e.sorted = true
	twin := e.Twin()
	for k := range 4 {
		twin.Start, twin.Bin, twin.Synapse = append(twin.Start[:0], 0, 1, 2), append(twin.Bin[:0], int32(k), 5), append(twin.Synapse[:0], 3, 2)
		if err := twin.PrepareAhead(); err != nil {
			t.Fatal(err)
		}
		if err := e.Take(twin); err != nil {
			t.Fatal(err)
		}
		twin.Bin = append(twin.Bin[:0], 9, 9) // of the batch before
		if err := e.Prepare(); err != nil {
			t.Fatal(err)
		}
		if e.orders.Bin[1] != int32(k) || e.orders.Start[3] != 1 {
			t.Errorf("batch %d: bins by synapse %v", k, e.orders.Bin)
		}
	}
	e.Bin[0] = 7
	if err := e.Prepare(); err != nil || e.orders.Bin[1] != 7 {
		t.Errorf("a batch refilled in place: %v, bins by synapse %v", err, e.orders.Bin)
	}
	twin.Bin[0] = 10
	if err := twin.PrepareAhead(); err == nil {
		t.Error("a bin past the window was prepared")
	}
	other, err := b.NewEvents(2, 11, 4, 3, 1, 16)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Take(other); err == nil {
		t.Error("a batch of another shape was taken")
	}
}
