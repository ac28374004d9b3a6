package driver

import (
	"fmt"
	"strings"
	"sync/atomic"
	"unsafe"
)

// blasLibraries are the names that cuBLAS goes by, the newest first. 11 is the first with TF32.
var blasLibraries = []string{"libcublas.so.13", "libcublas.so.12", "libcublas.so.11"}

// BLAS is cuBLAS on a context.
type BLAS struct {
	c     *Context
	calls blasCalls
	name  string
	freed atomic.Bool
}

// BLAS opens cuBLAS where it is installed; it is opened once and belongs to the context. Without it the error is
// NoBLAS: go on with another product.
func (c *Context) BLAS() (*BLAS, error) {
	c.mu.Lock()
	b := c.blas
	c.mu.Unlock()
	if b != nil {
		return b, nil
	}
	b, err := c.NewBLAS()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	first := c.blas
	if first == nil {
		c.blas = b
	}
	c.mu.Unlock()
	if first == nil {
		return b, nil
	}
	return first, b.Free() // another goroutine was there before
}

// NewBLAS is BLAS with a handle, and scratch memory, of its own, to be freed before the context is closed: products by one
// handle on several streams at a time may differ in their last bits.
func (c *Context) NewBLAS() (*BLAS, error) {
	b := &BLAS{c: c}
	var tried []string
	err := c.do("open cuBLAS", func() code {
		for _, library := range blasLibraries {
			calls, name, err := c.raw.blas(library)
			if err == nil {
				b.calls, b.name = calls, name
				return 0
			}
			tried = append(tried, err.Error())
		}
		return 0
	})
	switch {
	case err != nil:
		return nil, err
	case b.calls == nil:
		return nil, refuse(NoBLAS, "open cuBLAS", "not found (%s): %s", strings.Join(tried, "; "), blasAdvice)
	}
	return b, nil
}

// Free gives back a handle that NewBLAS made, after the products queued with it.
func (b *BLAS) Free() error {
	const op = "close cuBLAS"
	b.c.mu.Lock()
	shared := b == b.c.blas
	b.c.mu.Unlock()
	switch {
	case shared:
		return refuse(BadArgument, op, "it belongs to the context")
	case b.freed.Swap(true):
		return refuse(FreedTwice, op, "it was closed before")
	}
	return b.c.do(op, func() code {
		k := b.c.raw.synchronize()
		b.calls.close()
		return k
	})
}

// Name is "cuBLAS 12.4.5 (libcublas.so.12)".
func (b *BLAS) Name() string { return b.name }

// Math is the arithmetic of a product.
type Math int

// FP32 is float32 throughout; TF32 rounds the factors' mantissas to 10 bits and adds in float32. Products of
// bfloat16 always add in float32.
const (
	FP32 Math = iota
	TF32
)

// Matrix is a row-major matrix, or a strided batch of them, in device memory of float32 or BFloat16.
type Matrix struct {
	Memory     Memory // *Buffer[float32] or *Buffer[BFloat16]
	Rows, Cols int
	Stride     int // elements from one row to the next; 0 is Cols
	Next       int // elements from one matrix of a batch to the next; 0 for a factor is the same one again
	Transposed bool
}

func (m Matrix) stride() int {
	if m.Stride == 0 {
		return m.Cols
	}
	return m.Stride
}

// shape is that of the matrix as the product sees it.
func (m Matrix) shape() (rows, cols int) {
	if m.Transposed {
		return m.Cols, m.Rows
	}
	return m.Rows, m.Cols
}

// half says whether the elements are bfloat16; it checks that the memory holds the whole batch.
func (m Matrix) half(batch int) (bool, error) {
	var n, width int
	switch b := m.Memory.(type) {
	case *Buffer[float32]:
		n, width = b.n, 4
	case *Buffer[BFloat16]:
		n, width = b.n, int(unsafe.Sizeof(BFloat16(0)))
	default:
		return false, fmt.Errorf("%T: a buffer of float32 or BFloat16 is needed", m.Memory)
	}
	const most = 1<<31 - 1 // cuBLAS counts in int
	if m.Rows < 1 || m.Cols < 1 || m.stride() < m.Cols || m.Next < 0 || m.Rows > most || m.stride() > most {
		return false, fmt.Errorf("%d x %d with rows %d apart", m.Rows, m.Cols, m.stride())
	}
	if need := (m.Rows-1)*m.stride() + m.Cols + (batch-1)*m.Next; need > n {
		return false, fmt.Errorf("%d matrices of %d x %d need %d elements, the buffer has %d", batch, m.Rows, m.Cols, need, n)
	}
	return width == 2, nil
}

// Multiply queues C = alpha A B + beta C on the stream, batch times. A and B are of one type; C may be float32 where
// they are bfloat16. With beta 0, C need not be cleared.
func (b *BLAS) Multiply(s *Stream, math Math, batch int, alpha float32, a, x Matrix, beta float32, y Matrix) error {
	op := "multiply"
	if b.freed.Load() {
		return refuse(UsedAfterFree, op, "cuBLAS was closed")
	}
	m, k := a.shape()
	k2, n := x.shape()
	if r, q := y.shape(); k != k2 || r != m || q != n || y.Transposed {
		return refuse(BadSize, op, "%d x %d by %d x %d into %d x %d (which cannot be transposed)", m, k, k2, n, r, q)
	}
	if batch < 1 || batch > 1 && y.Next < (y.Rows-1)*y.stride()+y.Cols {
		return refuse(BadSize, op, "batch %d with results %d elements apart", batch, y.Next)
	}
	var half [3]bool
	var held []*allocation
	for i, z := range []Matrix{a, x, y} {
		h, err := z.half(batch)
		if err != nil {
			return refuse(BadSize, op, "%s: %v", []string{"first factor", "second factor", "result"}[i], err)
		}
		if err := z.Memory.memory().check(op, b.c); err != nil {
			return err
		}
		half[i] = h
		held = append(held, z.Memory.memory())
	}
	if half[0] != half[1] || half[2] && !half[0] {
		return refuse(BadArgument, op, "factors of float32 give float32; factors of BFloat16 float32 or BFloat16; both are of one type")
	}
	if s.c != b.c {
		return refuse(BadArgument, op, "the stream is of %s, cuBLAS of %s", s.c.Name(), b.c.Name())
	}
	// A row-major matrix is a column-major one transposed, and (A B)' = B' A'.
	p := product{transA: x.Transposed, transB: a.Transposed, m: n, n: m, k: k, batch: batch, alpha: alpha, beta: beta,
		a: x.Memory.Addr(), lda: x.stride(), strideA: int64(x.Next),
		b: a.Memory.Addr(), ldb: a.stride(), strideB: int64(a.Next),
		c: y.Memory.Addr(), ldc: y.stride(), strideC: int64(y.Next),
		half: half[0], halfC: half[2], tf32: math == TF32}
	var status int
	err := s.use(op, func() code {
		if status = b.calls.product(p, s.h); status != 0 {
			return blasCode(status)
		}
		return 0
	}, held...)
	return err
}

// cuBLAS's statuses as codes: those of its own lie beyond the driver's.
const blasFailed code = 100000

func blasCode(status int) code {
	switch status {
	case 3: // CUBLAS_STATUS_ALLOC_FAILED
		return 2
	case 13: // CUBLAS_STATUS_EXECUTION_FAILED
		return 719
	}
	return blasFailed + code(status)
}
