package traces

import "unsafe"

// Shuffling puts the first (lowest) bytes of all values before all second bytes and so on, as numcodecs' Shuffle and HDF5's
// filter do. Sorted times, small integers and voltages then have long runs of like bytes: a third smaller after
// Zstandard, and three times as fast through it.

// shuffle writes the planes of values of 2, 4 or 8 bytes to dst, little end first on any machine.
func shuffle[T value](dst []byte, v []T) {
	n := len(v)
	switch unsafe.Sizeof(*new(T)) {
	case 2:
		w := unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(v))), n)
		p0, p1 := dst[:n], dst[n:2*n]
		for i, x := range w {
			p0[i], p1[i] = byte(x), byte(x>>8)
		}
	case 4:
		w := unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(v))), n)
		p0, p1, p2, p3 := dst[:n], dst[n:2*n], dst[2*n:3*n], dst[3*n:4*n]
		for i, x := range w {
			p0[i], p1[i], p2[i], p3[i] = byte(x), byte(x>>8), byte(x>>16), byte(x>>24)
		}
	case 8:
		w := unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(v))), n)
		for j := range 8 {
			p := dst[j*n : (j+1)*n]
			for i, x := range w {
				p[i] = byte(x >> (8 * j))
			}
		}
	}
}

// unshuffle is shuffle backwards.
func unshuffle[T value](v []T, src []byte) {
	n := len(v)
	switch unsafe.Sizeof(*new(T)) {
	case 2:
		w := unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(v))), n)
		for i := range w {
			w[i] = uint16(src[i]) | uint16(src[n+i])<<8
		}
	case 4:
		w := unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(v))), n)
		p0, p1, p2, p3 := src[:n], src[n:2*n], src[2*n:3*n], src[3*n:4*n]
		for i := range w {
			w[i] = uint32(p0[i]) | uint32(p1[i])<<8 | uint32(p2[i])<<16 | uint32(p3[i])<<24
		}
	case 8:
		w := unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(v))), n)
		for i := range w {
			x := uint64(0)
			for j := range 8 {
				x |= uint64(src[j*n+i]) << (8 * j)
			}
			w[i] = x
		}
	}
}
