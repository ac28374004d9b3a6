package philox

import (
	"math"
	"testing"
)

// Known answers of the Random123 distribution (kat_vectors, philox4x32 with 10 rounds).
func TestRandom123Vectors(t *testing.T) {
	for _, c := range []struct {
		ctr  [4]uint32
		key  [2]uint32
		want [4]uint32
	}{
		{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, [2]uint32{0xffffffff, 0xffffffff}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0}, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := Block(c.ctr, c.key); got != c.want {
			t.Errorf("Block(%x, %x) = %x, want %x", c.ctr, c.key, got, c.want)
		}
	}
}

// Moments of the distributions, within 5 standard errors of 1e5 draws.
func TestMoments(t *testing.T) {
	const n = 100000
	s := New(1, 2, 3)
	var u, z, zz float64
	var hist [10]int
	for range n {
		u += s.Float64() / n
		x := s.Normal()
		z += x / n
		zz += x * x / n
		hist[s.Intn(10)]++
	}
	if math.Abs(u-0.5) > 5*math.Sqrt(1./12/n) || math.Abs(z) > 5/math.Sqrt(n) || math.Abs(zz-1) > 5*math.Sqrt(2./n) {
		t.Errorf("uniform mean %v, normal mean %v variance %v", u, z, zz)
	}
	for i, h := range hist {
		if math.Abs(float64(h)-n/10) > 5*math.Sqrt(n*0.09) {
			t.Errorf("Intn(10) gave %d %d times of %d", i, h, n)
		}
	}
}

func TestStreamsDiffer(t *testing.T) {
	seen := map[uint32]bool{}
	for seed := range uint64(3) {
		for sample := range uint64(3) {
			for stream := range uint32(3) {
				seen[New(seed, sample, stream).Uint32()] = true
			}
		}
	}
	if len(seen) != 27 {
		t.Errorf("27 streams start with %d different words", len(seen))
	}
}
