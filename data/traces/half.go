package traces

import "math"

// half is an IEEE 754 binary16 number: 11 bits of precision, 6e-8 to 65,504. At -70 mV its step is 0.06 mV.
type half uint16

// overHalf is where halves round to infinity: half a step above the largest, 65,504.
const overHalf = 65520

// Halved tells which recorded variables are kept as float16 where Info.Precision asks for it: voltages and gates. Of
// concentrations in mM and conductances in uS too little would be left.
func (in *Info) Halved(unit string) bool {
	return in.Precision == "float16" && (unit == "mV" || unit == "1")
}

// toHalf rounds to nearest, ties to even. From overHalf on it gives infinity.
func toHalf(x float32) half {
	b := math.Float32bits(x)
	sign, mag := half(b>>16&0x8000), b&0x7fffffff
	switch {
	case mag > 0x7f800000:
		return sign | 0x7e00
	case mag >= 0x477ff000: // overHalf
		return sign | 0x7c00
	case mag < 0x38800000: // below 2^-14: in steps of 2^-24, which float32 addition rounds to
		return sign | half(math.Float32bits(math.Float32frombits(mag)+0.5)-math.Float32bits(0.5))
	}
	mag += 0xfff + mag>>13&1 // half a step, less one where the last bit kept is even
	return sign | half((mag-0x38000000)>>13)
}

// float returns the number, exactly.
func (h half) float() float32 {
	sign, exponent, fraction := uint32(h&0x8000)<<16, uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch exponent {
	case 0:
		x := float32(fraction) / (1 << 24)
		return math.Float32frombits(math.Float32bits(x) | sign)
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}
