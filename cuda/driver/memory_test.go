//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package driver

import (
	"errors"
	"math"
	"slices"
	"testing"
)

func TestMemory(t *testing.T) {
	if !lab.Within(t, "memory=1000000", false) {
		return
	}
	c, s, _ := device(t)
	free, total, err := c.Memory()
	must(t, err)
	if free != 1000000 || total != 1000000 {
		t.Errorf("%d of %d bytes free", free, total)
	}
	x, err := Alloc[float32](c, 1000)
	must(t, err)
	y, err := Alloc[float32](c, 1000)
	must(t, err)
	if held, n := c.Held(); held != 8000 || n != 2 {
		t.Errorf("%d bytes in %d buffers held", held, n)
	}
	in, out := ramp(1000), make([]float32, 1000)
	must(t, x.Write(s, in))
	must(t, y.Copy(s, x))
	must(t, y.Read(s, out))
	if !slices.Equal(in, out) {
		t.Error("a round trip changed the data")
	}
	part, err := y.Part(10, 20)
	must(t, err)
	must(t, part.Zero(s))
	must(t, y.Read(s, out))
	clear(in[10:20])
	if !slices.Equal(in, out) {
		t.Error("clearing a part cleared something else")
	}
	deep, err := part.Part(2, 5)
	must(t, err)
	if deep.Addr() != y.Addr()+12*4 || deep.Len() != 3 || deep.Bytes() != 12 {
		t.Errorf("a part of a part: %d elements %d bytes in", deep.Len(), deep.Addr()-y.Addr())
	}

	wants(t, x.Write(s, in[:999]), BadSize, "999 elements to or from a buffer of 1000")
	wants(t, x.Read(s, nil), BadSize, "0 elements")
	wants(t, x.Copy(s, part), BadSize, "10 elements")
	for _, r := range [][2]int{{-1, 5}, {5, 5}, {0, 1001}, {7, 3}} {
		if _, err := x.Part(r[0], r[1]); !errors.Is(err, BadSize) {
			t.Errorf("part %v: %v", r, err)
		}
	}
	for _, n := range []int{0, -4, math.MaxInt} {
		if _, err := Alloc[float64](c, n); !errors.Is(err, BadSize) {
			t.Errorf("%d elements: %v", n, err)
		}
	}
	wants(t, part.Free(), BadArgument, "free the whole")

	_, err = Alloc[byte](c, 999999)
	wants(t, err, OutOfMemory, "has 992.0 kB free of 1.0 MB, 8000 bytes of them held here")
	must(t, x.Free())
	wants(t, x.Free(), FreedTwice, "freed before")
	wants(t, x.Write(s, in), UsedAfterFree, "was freed")
	wants(t, y.Copy(s, x), UsedAfterFree, "was freed")
	_, err = x.Part(0, 1)
	wants(t, err, UsedAfterFree, "was freed")
	must(t, y.Free())
	wants(t, part.Zero(s), UsedAfterFree, "was freed")
	if free, _, err := c.Memory(); err != nil || free != 1000000 {
		t.Errorf("%d bytes free after all was freed: %v", free, err)
	}
	must(t, s.Free())
	wants(t, s.Free(), FreedTwice, "")
	wants(t, s.Wait(), UsedAfterFree, "")
	must(t, c.Close())
	wants(t, c.Close(), FreedTwice, "")
	_, err = Alloc[byte](c, 1)
	wants(t, err, UsedAfterFree, "was closed")
}

// Sends and fetches run when something waits for them and not before; the fake driver is as lazy as it may be.
func TestPinned(t *testing.T) {
	if !lab.Within(t, "pinned=100000", false) {
		return
	}
	c, s, _ := device(t)
	_, err := Pin[float64](c, 100000)
	wants(t, err, OutOfMemory, "no more memory to pin")
	p, err := Pin[int32](c, 100)
	must(t, err)
	q, err := Pin[int32](c, 100)
	must(t, err)
	d, err := Alloc[int32](c, 100)
	must(t, err)
	for i := range p.Slice() {
		p.Slice()[i], q.Slice()[i] = int32(i), -7
	}
	must(t, d.Send(s, p))
	must(t, d.Fetch(s, q))
	if q.Slice()[50] != -7 {
		t.Error("the fake driver did not wait")
	}
	e, err := c.NewEvent()
	must(t, err)
	_, err = e.Since(e)
	wants(t, err, BadArgument, "never recorded")
	must(t, s.Record(e))
	for passed := false; !passed; {
		passed, err = e.Passed()
		must(t, err)
	}
	if !slices.Equal(p.Slice(), q.Slice()) {
		t.Error("a round trip changed the data")
	}

	// A second stream waits, on the device, for the first.
	s2, err := c.NewStream()
	must(t, err)
	must(t, d.Zero(s))
	must(t, s.Record(e))
	must(t, s2.After(e))
	must(t, d.Fetch(s2, q))
	must(t, s2.Wait())
	if q.Slice()[99] != 0 {
		t.Error("the second stream did not wait for the first")
	}
	e2, err := c.NewEvent()
	must(t, err)
	must(t, s2.Record(e2))
	must(t, e2.Wait())
	if ms, err := e2.Since(e); err != nil || ms < 0 || ms > 60000 {
		t.Errorf("%g ms: %v", ms, err)
	}

	part, err := p.Part(90, 100)
	must(t, err)
	wants(t, d.Send(s, part), BadSize, "10 elements")
	dp, err := d.Part(0, 10)
	must(t, err)
	must(t, dp.Send(s, part))
	must(t, d.Fetch(s, q))
	must(t, c.Synchronize())
	if q.Slice()[9] != 99 || q.Slice()[10] != 0 {
		t.Errorf("a part was sent elsewhere: %v", q.Slice()[:12])
	}
	wants(t, part.Free(), BadArgument, "free the whole")
	must(t, d.Fetch(s, q))
	must(t, q.Free()) // which waits for the copy
	wants(t, q.Free(), FreedTwice, "")
	wants(t, d.Fetch(s, q), UsedAfterFree, "")
	if q.Slice() != nil {
		t.Error("freed memory was given out")
	}
	must(t, e.Free())
	wants(t, e.Free(), FreedTwice, "")
	wants(t, s.Record(e), UsedAfterFree, "")
	must(t, c.Close())
}
