package ops

import (
	"slices"
	"testing"

	"neq/internal/philox"
)

// orders draws a batch's events in no order and sorts them for a device.
func orders(t testing.TB, batch, time, inputs, taps, dilation int, density float64) *Events {
	b, err := NewBuilder(1, true, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	b.device = &Device{}
	e, err := b.NewEvents(batch, time, inputs, taps, dilation, 128)
	if err != nil {
		t.Fatal(err)
	}
	b.device = nil
	r := philox.New(1, 0, 0)
	for w := range batch {
		for range int(density * float64(time*inputs)) {
			e.Bin, e.Synapse = append(e.Bin, int32(r.Intn(time))), append(e.Synapse, int32(r.Intn(inputs)))
		}
		e.Start[w+1] = len(e.Bin)
	}
	if err := e.Prepare(); err != nil {
		t.Fatal(err)
	}
	return e
}

// A row's range holds the events of its window and phase and no others, and a synapse's are all its own.
func TestDeviceOrders(t *testing.T) {
	for _, c := range []struct{ taps, dilation int }{{5, 1}, {1, 1}, {60, 1}, {4, 3}, {3, 60}} {
		const batch, time, inputs = 3, 50, 20
		e := orders(t, batch, time, inputs, c.taps, c.dilation, 0.3)
		o := e.device
		var rows [batch * time][]int32 // keys + step that ought to be summed
		synapses := make([][]int32, inputs)
		for b := range batch {
			for i := e.Start[b]; i < e.Start[b+1]; i++ {
				for k := range c.taps {
					if at := int(e.Bin[i]) + k*c.dilation; at < time {
						rows[b*time+at] = append(rows[b*time+at], e.Synapse[i]*int32(c.taps)+int32(k))
					}
				}
				synapses[e.Synapse[i]] = append(synapses[e.Synapse[i]], int32(b*time)+e.Bin[i])
			}
		}
		for row, want := range rows {
			var got []int32
			for _, k := range o.key[o.ranges[3*row]:o.ranges[3*row+1]] {
				got = append(got, k+o.ranges[3*row+2])
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("%+v: row %d sums weights %v, want %v", c, row, got, want)
			}
		}
		for s, want := range synapses {
			var got []int32
			for b := range batch {
				span := o.span[2*(s*batch+b):]
				for _, t := range o.bin[span[0]:span[1]] {
					got = append(got, int32(b*time)+t)
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%+v: synapse %d has rows %v, want %v", c, s, got, want)
			}
		}
		if n := testing.AllocsPerRun(5, func() { _ = e.Prepare() }); n > 0 {
			t.Errorf("Prepare allocates %v times a batch", n)
		}
	}
}

// BenchmarkDeviceOrders is the host's work for a step of the fcn of BenchmarkStep on a GPU, which it must not outlast.
func BenchmarkDeviceOrders(b *testing.B) {
	e := orders(b, 8, 400, 1278, 43, 1, 0.011)
	for b.Loop() {
		if err := e.Prepare(); err != nil {
			b.Fatal(err)
		}
	}
}
