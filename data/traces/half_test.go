package traces

import (
	"math"
	"testing"
)

// Every half goes to float32 and back; what lies between two goes to the nearer, and to the even one from the middle.
func TestHalf(t *testing.T) {
	for h := half(0); h < 0x7c00; h++ {
		x := h.float()
		if toHalf(x) != h || toHalf(-x) != h|0x8000 || (h|0x8000).float() != -x {
			t.Fatalf("%#x is %g, which goes to %#x", h, x, toHalf(x))
		}
		next := float32(65536)
		if h+1 < 0x7c00 {
			next = (h + 1).float()
		}
		if next <= x {
			t.Fatalf("%#x is %g, the next %g", h, x, next)
		}
		middle := x + (next-x)/2 // exact: a float32 holds 13 bits more
		even := h
		if h&1 == 1 {
			even++
		}
		below, above := math.Nextafter32(middle, 0), math.Nextafter32(middle, 1e9)
		if toHalf(middle) != even || toHalf(below) != h || toHalf(above) != h+1 {
			t.Fatalf("between %g and %g: %#x, %#x, %#x", x, next, toHalf(below), toHalf(middle), toHalf(above))
		}
	}
	for _, c := range []struct {
		x    float32
		want half
	}{
		{1, 0x3c00}, {-2, 0xc000}, {65504, 0x7bff}, {float32(math.Exp2(-24)), 1}, {float32(math.Exp2(-26)), 0}, // IEEE 754-2019
		{float32(math.Inf(1)), 0x7c00}, {float32(math.Inf(-1)), 0xfc00}, {1e9, 0x7c00},
	} {
		if got := toHalf(c.x); got != c.want {
			t.Errorf("%g goes to %#x, want %#x", c.x, got, c.want)
		}
	}
	if h := toHalf(float32(math.NaN())); h&0x7c00 != 0x7c00 || h&0x3ff == 0 || h.float() == h.float() {
		t.Errorf("NaN goes to %#x", h)
	}
	if h := half(0x7c00).float(); !math.IsInf(float64(h), 1) {
		t.Errorf("infinity is %g", h)
	}
}
