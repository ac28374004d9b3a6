// Package philox is the Philox4x32-10 counter-based random number generator (Salmon et al. 2011, "Parallel
// random numbers: as easy as 1, 2, 3"), with the stream layout of this project: key = seed,
// counter = (step, stream, sample). The same numbers come from philox.h in the kernels.
package philox

import (
	"math"
	"math/bits"
)

// Block returns the four 32-bit words of one counter under one key.
func Block(c [4]uint32, k [2]uint32) [4]uint32 {
	for r := 0; ; r++ {
		h0, l0 := bits.Mul32(0xD2511F53, c[0])
		h1, l1 := bits.Mul32(0xCD9E8D57, c[2])
		c = [4]uint32{h1 ^ c[1] ^ k[0], l1, h0 ^ c[3] ^ k[1], l0}
		if r == 9 {
			return c
		}
		k[0] += 0x9E3779B9
		k[1] += 0xBB67AE85
	}
}

// Stream is the sequence of numbers of one (seed, sample, stream).
type Stream struct {
	key   [2]uint32
	ctr   [4]uint32
	words [4]uint32
	have  int
}

// New returns the stream at its start. Counter words: step, stream, sample low, sample high.
func New(seed, sample uint64, stream uint32) *Stream {
	return &Stream{
		key: [2]uint32{uint32(seed), uint32(seed >> 32)},
		ctr: [4]uint32{0, stream, uint32(sample), uint32(sample >> 32)},
	}
}

// Uint32 returns the next 32 random bits.
func (s *Stream) Uint32() uint32 {
	if s.have == 0 {
		s.words = Block(s.ctr, s.key)
		s.ctr[0]++
		s.have = 4
	}
	s.have--
	return s.words[3-s.have]
}

// Float64 returns the next number in (0, 1), never 0 or 1.
func (s *Stream) Float64() float64 { return (float64(s.Uint32()) + 0.5) / (1 << 32) }

// Intn returns a number in [0, n), 0 < n < 2^31 (Lemire's multiplication, bias below n/2^32).
func (s *Stream) Intn(n int) int {
	h, _ := bits.Mul32(s.Uint32(), uint32(n))
	return int(h)
}

// Normal returns the next standard normal number (Box & Muller 1958).
func (s *Stream) Normal() float64 {
	u, v := s.Float64(), s.Float64()
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*v)
}

// At returns a stream that starts at a step: four words further per step.
func At(seed, sample uint64, stream, step uint32) *Stream {
	s := New(seed, sample, stream)
	s.ctr[0] = step
	return s
}
