package traces

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/klauspost/compress/zstd"

	"neq/internal/team"
)

// value is what an array can hold.
type value interface {
	~int8 | ~uint16 | ~int32 | ~int64 | ~float32 | ~float64
}

// codec turns chunks into Zstandard frames and back. Safe for concurrent use.
type codec struct {
	enc *zstd.Encoder
	mu  sync.Mutex
	dec map[int]*zstd.Decoder // by the most bytes each may produce

	buffers sync.Pool // of *[]byte
}

// zstdLevel is written into the metadata; numcodecs needs it only to write.
const zstdLevel = 3

func newCodec() (*codec, error) {
	// A frame comes from one goroutine at one level, so its bytes follow from the chunk alone. A single segment
	// always carries its content size, which numcodecs and the bound below need.
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(zstdLevel)),
		zstd.WithEncoderConcurrency(team.Cores()), zstd.WithSingleSegment(true), zstd.WithEncoderCRC(true))
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	return &codec{enc: enc, dec: map[int]*zstd.Decoder{}}, nil
}

// encode appends the frame of a chunk to dst: its bytes shuffled, then compressed.
func encode[T value](c *codec, dst []byte, chunk []T) []byte {
	size := int(unsafe.Sizeof(*new(T)))
	if size == 1 {
		return c.enc.EncodeAll(bytesOf(chunk), dst)
	}
	buf := c.buffer(len(chunk) * size)
	defer c.buffers.Put(buf)
	shuffle(*buf, chunk)
	return c.enc.EncodeAll(*buf, dst)
}

// decode reads a chunk of n values. What it allocates is bounded by n, and n by the frame's length: a frame that
// claims more than Zstandard could have put into it is refused first.
func decode[T value](c *codec, frame []byte, n int) ([]T, error) {
	size := int(unsafe.Sizeof(*new(T)))
	want := n * size
	var h zstd.Header
	if err := h.Decode(frame); err != nil {
		return nil, fmt.Errorf("no Zstandard frame: %w", err)
	}
	if h.Skippable || !h.HasFCS || h.FrameContentSize != uint64(want) {
		return nil, fmt.Errorf("the frame says %d bytes, want %d", h.FrameContentSize, want)
	}
	if most := (len(frame) / smallestBlock) * largestBlock; want > most {
		return nil, fmt.Errorf("%d bytes cannot hold the %d the frame says", len(frame), want)
	}
	dec, err := c.decoder(want)
	if err != nil {
		return nil, err
	}
	buf := c.buffer(want)
	defer c.buffers.Put(buf)
	b, err := dec.DecodeAll(frame, (*buf)[:0])
	if err != nil {
		return nil, err
	}
	if len(b) != want {
		return nil, fmt.Errorf("decoded to %d bytes, want %d", len(b), want)
	}
	out := make([]T, n)
	if size == 1 {
		copy(bytesOf(out), b)
	} else {
		unshuffle(out, b)
	}
	return out, nil
}

// buffer lends n bytes of any content.
func (c *codec) buffer(n int) *[]byte {
	p, _ := c.buffers.Get().(*[]byte)
	if p == nil || cap(*p) < n {
		p = new([]byte)
		*p = make([]byte, n)
	}
	*p = (*p)[:n]
	return p
}

// A Zstandard block decodes to at most 128 KiB and takes at least 4 bytes: its header and one to repeat (RFC 8878,
// section 3.1.1.2).
const (
	largestBlock  = 128 << 10
	smallestBlock = 4
)

// decoder returns one that refuses to produce more than so many bytes, however many frames follow one another.
func (c *codec) decoder(most int) (*zstd.Decoder, error) {
	most = max(most, zstd.MinWindowSize)
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.dec[most]; d != nil {
		return d, nil
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(uint64(most)), zstd.WithDecoderConcurrency(0),
		zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	c.dec[most] = d
	return d, nil
}

// bytesOf views single-byte values as bytes.
func bytesOf[T value](v []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v))
}
