package driver

import (
	"fmt"
	"math"
	"sync/atomic"
	"unsafe"
)

// BFloat16 is the upper half of a float32.
type BFloat16 uint16

// Element is what a buffer can hold.
type Element interface {
	~float32 | ~float64 | ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// Memory is device memory of any type: a *Buffer.
type Memory interface {
	Addr() uint64
	Bytes() int64
	memory() *allocation
}

// allocation is one piece of memory from the driver, device or pinned.
type allocation struct {
	c     *Context
	addr  uint64
	host  unsafe.Pointer
	bytes int64
	freed atomic.Bool
}

func (a *allocation) check(op string, c *Context) error {
	switch {
	case a.freed.Load():
		return refuse(UsedAfterFree, op, "a buffer of %s was freed", size(a.bytes))
	case a.c != c:
		return refuse(BadArgument, op, "a buffer is of %s, the call of %s", a.c.Name(), c.Name())
	}
	return nil
}

// gone is what a call answers whose memory was freed while it waited its turn.
const gone code = -1

// Buffer is n elements of device memory, or a part of such.
type Buffer[T Element] struct {
	a    *allocation
	from int64 // in bytes
	n    int
	part bool
}

// elements checks n elements of T and gives their size in bytes.
func elements[T Element](op string, n int) (int64, error) {
	var t T
	w := int64(unsafe.Sizeof(t))
	if n <= 0 || int64(n) > math.MaxInt64/w {
		return 0, refuse(BadSize, op, "%d elements of %d bytes", n, w)
	}
	return int64(n) * w, nil
}

// Alloc takes device memory for n elements. It is not cleared. Where there is not enough, the error is OutOfMemory
// and says how much there is.
func Alloc[T Element](c *Context, n int) (*Buffer[T], error) {
	bytes, err := elements[T]("allocate", n)
	if err != nil {
		return nil, err
	}
	a, err := c.allocate(bytes)
	if err != nil {
		return nil, err
	}
	return &Buffer[T]{a: a, n: n}, nil
}

func (c *Context) allocate(bytes int64) (*allocation, error) {
	a := &allocation{c: c, bytes: bytes}
	op := "allocate " + size(bytes)
	var free, total int64
	err := c.do(op, func() (k code) {
		if a.addr, k = c.raw.alloc(bytes); k != 0 {
			free, total, _ = c.raw.memory()
		}
		return k
	})
	if err != nil {
		if e, ok := err.(*Error); ok && e.Kind == OutOfMemory {
			held, _ := c.Held()
			e.Text = fmt.Sprintf("out of memory: %s has %s free of %s, %s of them held here: use a smaller batch, or end what else runs on it (nvidia-smi)",
				c.Name(), size(free), size(total), size(held))
		}
		return nil, err
	}
	c.mu.Lock()
	c.bytes, c.count = c.bytes+bytes, c.count+1
	c.mu.Unlock()
	return a, nil
}

// Len is the number of elements.
func (b *Buffer[T]) Len() int { return b.n }

// Bytes is the size in bytes.
func (b *Buffer[T]) Bytes() int64 { var t T; return int64(b.n) * int64(unsafe.Sizeof(t)) }

// Addr is the device's address of the first element, to be put into a structure that a kernel takes by value.
func (b *Buffer[T]) Addr() uint64 { return b.a.addr + uint64(b.from) }

func (b *Buffer[T]) memory() *allocation { return b.a }

// Part is elements from <= i < to of the same memory. It lives as long as the whole and is not freed itself.
func (b *Buffer[T]) Part(from, to int) (*Buffer[T], error) {
	if from < 0 || to <= from || to > b.n {
		return nil, refuse(BadSize, "part of a buffer", "elements %d to %d of %d", from, to, b.n)
	}
	if err := b.a.check("part of a buffer", b.a.c); err != nil {
		return nil, err
	}
	var t T
	return &Buffer[T]{a: b.a, from: b.from + int64(from)*int64(unsafe.Sizeof(t)), n: to - from, part: true}, nil
}

// Free waits for what uses the memory and gives it back.
func (b *Buffer[T]) Free() error {
	op := "free " + size(b.a.bytes)
	if b.part {
		return refuse(BadArgument, op, "this is a part of a buffer: free the whole")
	}
	if b.a.freed.Swap(true) {
		return refuse(FreedTwice, op, "the buffer was freed before")
	}
	c := b.a.c
	c.mu.Lock()
	c.bytes, c.count = c.bytes-b.a.bytes, c.count-1
	c.mu.Unlock()
	return c.do(op, func() code { return c.raw.free(b.a.addr) })
}

// fits checks a copy between b and n elements.
func (b *Buffer[T]) fits(op string, s *Stream, n int) error {
	if err := b.a.check(op, s.c); err != nil {
		return err
	}
	if n != b.n {
		return refuse(BadSize, op, "%d elements to or from a buffer of %d: take a Part", n, b.n)
	}
	return nil
}

// use makes a call on the stream, unless one of the allocations is freed by the time its turn comes.
func (s *Stream) use(op string, f func() code, as ...*allocation) error {
	return s.do(op, func() code {
		for _, a := range as {
			if a.freed.Load() {
				return gone
			}
		}
		return f()
	}, as...)
}

// Write copies src to the device, after what is on the stream, and waits for it. Lengths must agree.
func (b *Buffer[T]) Write(s *Stream, src []T) error {
	op := "copy " + size(b.Bytes()) + " to the GPU"
	if err := b.fits(op, s, len(src)); err != nil {
		return err
	}
	if err := s.waits(op); err != nil {
		return err
	}
	return s.use(op, func() code {
		if k := s.c.raw.toDevice(b.Addr(), unsafe.Pointer(&src[0]), b.Bytes(), s.h); k != 0 {
			return k
		}
		return s.c.raw.syncStream(s.h)
	}, b.a)
}

// Read copies the buffer to dst, after what is on the stream, and waits for it. Lengths must agree.
func (b *Buffer[T]) Read(s *Stream, dst []T) error {
	op := "copy " + size(b.Bytes()) + " from the GPU"
	if err := b.fits(op, s, len(dst)); err != nil {
		return err
	}
	if err := s.waits(op); err != nil {
		return err
	}
	return s.use(op, func() code {
		if k := s.c.raw.toHost(unsafe.Pointer(&dst[0]), b.Addr(), b.Bytes(), s.h); k != 0 {
			return k
		}
		return s.c.raw.syncStream(s.h)
	}, b.a)
}

// Send queues a copy of p to the device and returns at once. p must not change before the stream has passed it.
func (b *Buffer[T]) Send(s *Stream, p *Pinned[T]) error {
	op := "send " + size(b.Bytes()) + " to the GPU"
	if err := b.fits(op, s, p.n); err != nil {
		return err
	}
	if err := p.a.check(op, s.c); err != nil {
		return err
	}
	return s.use(op, func() code { return s.c.raw.toDevice(b.Addr(), p.pointer(), b.Bytes(), s.h) }, b.a, p.a)
}

// Fetch queues a copy of the buffer to p and returns at once. p holds it when the stream has passed it.
func (b *Buffer[T]) Fetch(s *Stream, p *Pinned[T]) error {
	op := "fetch " + size(b.Bytes()) + " from the GPU"
	if err := b.fits(op, s, p.n); err != nil {
		return err
	}
	if err := p.a.check(op, s.c); err != nil {
		return err
	}
	return s.use(op, func() code { return s.c.raw.toHost(p.pointer(), b.Addr(), b.Bytes(), s.h) }, b.a, p.a)
}

// Copy queues a copy of src, on the same device, into b. Lengths must agree.
func (b *Buffer[T]) Copy(s *Stream, src *Buffer[T]) error {
	op := "copy " + size(b.Bytes()) + " on the GPU"
	if err := b.fits(op, s, src.n); err != nil {
		return err
	}
	if err := src.a.check(op, s.c); err != nil {
		return err
	}
	return s.use(op, func() code { return s.c.raw.onDevice(b.Addr(), src.Addr(), b.Bytes(), s.h) }, b.a, src.a)
}

// Zero queues the setting of all bytes to 0.
func (b *Buffer[T]) Zero(s *Stream) error {
	op := "clear " + size(b.Bytes())
	if err := b.a.check(op, s.c); err != nil {
		return err
	}
	return s.use(op, func() code { return s.c.raw.fill(b.Addr(), 0, b.Bytes(), s.h) }, b.a)
}

// Pinned is host memory that the device copies to and from while the host goes on.
type Pinned[T Element] struct {
	a    *allocation
	from int64 // in bytes
	n    int
	part bool
}

// Pin takes pinned host memory for n elements. It is not cleared.
func Pin[T Element](c *Context, n int) (*Pinned[T], error) {
	bytes, err := elements[T]("pin host memory", n)
	if err != nil {
		return nil, err
	}
	op := "pin " + size(bytes) + " of host memory"
	a := &allocation{c: c, bytes: bytes}
	err = c.do(op, func() (k code) { a.host, k = c.raw.pin(bytes); return k })
	if e, ok := err.(*Error); ok && e.Kind == OutOfMemory {
		e.Text = "the host has no more memory to pin: use a smaller batch (the limit may be that of the container, or ulimit -l)"
	}
	if err != nil {
		return nil, err
	}
	return &Pinned[T]{a: a, n: n}, nil
}

func (p *Pinned[T]) pointer() unsafe.Pointer { return unsafe.Add(p.a.host, p.from) }

// Len is the number of elements.
func (p *Pinned[T]) Len() int { return p.n }

// Slice is the memory itself, not to be used after Free; nil after it.
func (p *Pinned[T]) Slice() []T {
	if p.a.freed.Load() {
		return nil
	}
	return unsafe.Slice((*T)(p.pointer()), p.n)
}

// Part is elements from <= i < to of the same memory. It lives as long as the whole and is not freed itself.
func (p *Pinned[T]) Part(from, to int) (*Pinned[T], error) {
	if from < 0 || to <= from || to > p.n {
		return nil, refuse(BadSize, "part of pinned memory", "elements %d to %d of %d", from, to, p.n)
	}
	if err := p.a.check("part of pinned memory", p.a.c); err != nil {
		return nil, err
	}
	var t T
	return &Pinned[T]{a: p.a, from: p.from + int64(from)*int64(unsafe.Sizeof(t)), n: to - from, part: true}, nil
}

// Free waits for the device and gives the memory back.
func (p *Pinned[T]) Free() error {
	op := "free " + size(p.a.bytes) + " of pinned memory"
	if p.part {
		return refuse(BadArgument, op, "this is a part: free the whole")
	}
	if p.a.freed.Swap(true) {
		return refuse(FreedTwice, op, "it was freed before")
	}
	c := p.a.c
	return c.do(op, func() code {
		if k := c.raw.synchronize(); k != 0 { // a copy may be under way
			return k
		}
		return c.raw.unpin(p.a.host)
	})
}
