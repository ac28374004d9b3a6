package npz

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

const magic = "\x93NUMPY"

// maxHeader bounds the text that describes an array. numpy writes 118 bytes for most and reads 10,000 unasked.
const maxHeader = 1 << 16

// ReadArray reads a .npy file of size bytes, and allocates no more than a small multiple of it.
func ReadArray(r io.Reader, size int64) (*Array, error) {
	a, err := read(r, size)
	if err != nil {
		return nil, fmt.Errorf("npz: %w", err)
	}
	return a, nil
}

func read(r io.Reader, size int64) (*Array, error) {
	h, taken, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	n, err := h.count()
	if err != nil {
		return nil, err
	}
	if want := int64(n) * int64(h.kind.size); want != size-taken {
		return nil, fmt.Errorf("shape %v of %s takes %d bytes, there are %d: truncated or damaged", h.shape, h.kind.name, want, size-taken)
	}
	data, err := h.kind.read(r, n)
	if err != nil {
		return nil, fmt.Errorf("cut off: %w", err)
	}
	if h.fortran {
		data = h.kind.turn(data, h.shape)
	}
	return &Array{Shape: h.shape, Data: data}, nil
}

// kind is a type of number in a file.
type kind struct {
	name string // as numpy writes it
	size int
	read func(io.Reader, int) (any, error)
	turn func(any, []int) any // from column-major to row-major order
}

func kindOf[T Number](name string) kind {
	return kind{name, binary.Size(*new(T)), readNumbers[T], func(v any, shape []int) any { return rowMajor(v.([]T), shape) }}
}

var kinds = []kind{
	kindOf[float32]("<f4"), kindOf[float64]("<f8"), kindOf[int8]("|i1"), kindOf[int16]("<i2"), kindOf[int32]("<i4"),
	kindOf[int64]("<i8"), kindOf[uint8]("|u1"), {"|b1", 1, readBools, func(v any, shape []int) any { return rowMajor(v.([]bool), shape) }},
}

func readNumbers[T Number](r io.Reader, n int) (any, error) {
	v := make([]T, n)
	const block = 1 << 15 // binary.Read keeps a second copy of what it reads at once
	for at := 0; at < n; at += block {
		if err := binary.Read(r, binary.LittleEndian, v[at:min(n, at+block)]); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func readBools(r io.Reader, n int) (any, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	v := make([]bool, n)
	for i, x := range b {
		if x > 1 {
			return nil, fmt.Errorf("value %d of a boolean array is %d", i, x)
		}
		v[i] = x == 1
	}
	return v, nil
}

// rowMajor reorders an array whose first index runs fastest.
func rowMajor[T any](v []T, shape []int) []T {
	out := make([]T, len(v))
	stride := make([]int, len(shape)) // of an index in v
	step := 1
	for d, n := range shape {
		stride[d] = step
		step *= n
	}
	index, from := make([]int, len(shape)), 0
	for i := range out {
		out[i] = v[from]
		for d := len(shape) - 1; d >= 0; d-- {
			index[d]++
			from += stride[d]
			if index[d] < shape[d] {
				break
			}
			from -= stride[d] * shape[d]
			index[d] = 0
		}
	}
	return out
}

// header describes an array: its type, order and shape.
type header struct {
	kind    kind
	fortran bool
	shape   []int
}

func (h *header) count() (int, error) {
	n := 1
	for _, d := range h.shape {
		if d < 0 || d > 0 && n > math.MaxInt/8/d {
			return 0, fmt.Errorf("impossible shape %v", h.shape)
		}
		n *= d
	}
	return n, nil
}

// readHeader reads up to the first number and says how many bytes that took.
func readHeader(r io.Reader) (*header, int64, error) {
	var start [12]byte
	if _, err := io.ReadFull(r, start[:8]); err != nil || string(start[:6]) != magic {
		return nil, 0, errors.New("no numpy array: it does not start as one")
	}
	var length, taken int64
	switch major, minor := start[6], start[7]; {
	case major == 1 && minor == 0:
		if _, err := io.ReadFull(r, start[8:10]); err != nil {
			return nil, 0, errors.New("header cut off")
		}
		length, taken = int64(binary.LittleEndian.Uint16(start[8:])), 10
	case (major == 2 || major == 3) && minor == 0:
		if _, err := io.ReadFull(r, start[8:12]); err != nil {
			return nil, 0, errors.New("header cut off")
		}
		length, taken = int64(binary.LittleEndian.Uint32(start[8:])), 12
	default:
		return nil, 0, fmt.Errorf("format %d.%d of numpy arrays: want 1.0, 2.0 or 3.0", major, minor)
	}
	if length > maxHeader {
		return nil, 0, fmt.Errorf("a header of %d bytes, want at most %d", length, maxHeader)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, 0, errors.New("header cut off")
	}
	h, err := parse(string(text))
	if err != nil {
		return nil, 0, fmt.Errorf("header: %w", err)
	}
	return h, taken + length, nil
}
