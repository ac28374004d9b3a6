// Package safetensors reads and writes the safetensors format: an 8-byte little-endian header length, a JSON
// header of names, types, shapes and byte ranges, then the tensors, little-endian and without holes
// (https://huggingface.co/docs/safetensors). Only F32 is written and read: it is what a surrogate is made of.
package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"unsafe"
)

// maxHeader is the largest header the reference implementation accepts, in bytes.
const maxHeader = 100 << 20

// Tensor is a named array of float32 in row-major order. A scalar has no dimensions.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32 // as many as the product of Shape
}

// File is what a safetensors file holds.
type File struct {
	Tensors  []Tensor          // in the order of their bytes
	Metadata map[string]string // the header's __metadata__, nil where there is none
}

// Find returns the tensor of a name, nil where there is none.
func (f *File) Find(name string) *Tensor {
	for i := range f.Tensors {
		if f.Tensors[i].Name == name {
			return &f.Tensors[i]
		}
	}
	return nil
}

// entry is a tensor in the header.
type entry struct {
	DType   string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets []int  `json:"data_offsets"`
}

// Write writes tensors in the order given; the header is padded with spaces so that the data starts at a
// multiple of 8 bytes. The same tensors and metadata always make the same bytes.
func Write(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	var b strings.Builder
	b.WriteByte('{')
	if len(metadata) > 0 {
		m, err := json.Marshal(metadata) // sorts its keys
		if err != nil {
			return fmt.Errorf("safetensors: metadata: %w", err)
		}
		fmt.Fprintf(&b, `"__metadata__":%s`, m)
	}
	seen := make(map[string]bool, len(tensors))
	at := 0
	for _, t := range tensors {
		n, err := count(t.Shape)
		switch {
		case err != nil:
			return fmt.Errorf("safetensors: tensor %q: %w", t.Name, err)
		case n != len(t.Data):
			return fmt.Errorf("safetensors: tensor %q: shape %v has %d values, data %d", t.Name, t.Shape, n, len(t.Data))
		case seen[t.Name] || t.Name == "__metadata__":
			return fmt.Errorf("safetensors: tensor name %q is taken", t.Name)
		}
		seen[t.Name] = true
		shape := t.Shape
		if shape == nil {
			shape = []int{}
		}
		e, err := json.Marshal(entry{"F32", shape, []int{at, at + 4*n}})
		if err != nil {
			return fmt.Errorf("safetensors: tensor %q: %w", t.Name, err)
		}
		name, err := json.Marshal(t.Name)
		if err != nil {
			return fmt.Errorf("safetensors: tensor %q: %w", t.Name, err)
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%s:%s", name, e)
		at += 4 * n
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	if b.Len() > maxHeader {
		return fmt.Errorf("safetensors: a header of %d bytes, the format allows %d", b.Len(), maxHeader)
	}
	if _, err := w.Write(binary.LittleEndian.AppendUint64(nil, uint64(b.Len()))); err != nil {
		return err
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	for _, t := range tensors {
		if err := writeFloats(w, t.Data); err != nil {
			return err
		}
	}
	return nil
}

// Read reads a file of known size in bytes. It allocates no more than a small multiple of size, whatever the header claims.
func Read(r io.Reader, size int64) (*File, error) {
	var word [8]byte
	if _, err := io.ReadFull(r, word[:]); err != nil {
		return nil, errors.New("safetensors: shorter than its 8-byte header length")
	}
	n := binary.LittleEndian.Uint64(word[:])
	if n > maxHeader || int64(n) > size-8 {
		return nil, fmt.Errorf("safetensors: header of %d bytes in a file of %d: truncated or not a safetensors file", n, size)
	}
	header := make([]byte, n)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, fmt.Errorf("safetensors: header cut off: %w", err)
	}
	raw, err := members(header)
	if err != nil {
		return nil, fmt.Errorf("safetensors: header is not a JSON object: %w", err)
	}
	f := &File{}
	type placed struct {
		name string
		entry
	}
	entries := make([]placed, 0, len(raw))
	for _, m := range raw {
		if m.name == "__metadata__" {
			if err := json.Unmarshal(m.value, &f.Metadata); err != nil {
				return nil, fmt.Errorf("safetensors: metadata: %w", err)
			}
			continue
		}
		p := placed{name: m.name}
		if err := json.Unmarshal(m.value, &p.entry); err != nil {
			return nil, fmt.Errorf("safetensors: tensor %.80q: %w", p.name, err)
		}
		c, err := count(p.Shape)
		switch {
		case p.DType != "F32":
			return nil, fmt.Errorf("safetensors: tensor %.80q is %.20q, want F32", p.name, p.DType)
		case err != nil:
			return nil, fmt.Errorf("safetensors: tensor %.80q: %w", p.name, err)
		case len(p.Offsets) != 2 || p.Offsets[0] < 0 || p.Offsets[1]-p.Offsets[0] != 4*c:
			return nil, fmt.Errorf("safetensors: tensor %.80q of shape %v takes %d bytes, its offsets are %v", p.name, p.Shape, 4*c, p.Offsets[:min(2, len(p.Offsets))])
		}
		entries = append(entries, p)
	}
	slices.SortFunc(entries, func(a, b placed) int {
		if a.Offsets[0] != b.Offsets[0] {
			return a.Offsets[0] - b.Offsets[0]
		}
		if a.Offsets[1] != b.Offsets[1] { // an empty tensor lies before its neighbour
			return a.Offsets[1] - b.Offsets[1]
		}
		return strings.Compare(a.name, b.name)
	})
	at, have := 0, int(size-8-int64(n))
	for _, p := range entries {
		if p.Offsets[0] != at {
			return nil, fmt.Errorf("safetensors: tensor %q starts at byte %d, the one before it ends at %d", p.name, p.Offsets[0], at)
		}
		if p.Offsets[1] > have {
			return nil, fmt.Errorf("safetensors: tensor %q ends at byte %d of %d: the file is truncated", p.name, p.Offsets[1], have)
		}
		at = p.Offsets[1]
	}
	if at != have {
		return nil, fmt.Errorf("safetensors: %d bytes after the last tensor", have-at)
	}
	f.Tensors = make([]Tensor, len(entries))
	for i, p := range entries {
		f.Tensors[i] = Tensor{Name: p.name, Shape: p.Shape, Data: make([]float32, (p.Offsets[1]-p.Offsets[0])/4)}
		if err := readFloats(r, f.Tensors[i].Data); err != nil {
			return nil, fmt.Errorf("safetensors: tensor %q cut off: %w", p.name, err)
		}
	}
	return f, nil
}

// member is a name of a JSON object and what stands behind it.
type member struct {
	name  string
	value json.RawMessage
}

// members takes an object apart. The format forbids a name twice, of which encoding/json would keep the last.
func members(object []byte) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.Join(errors.New("it does not start with {"), err)
	}
	var list []member
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: t.(string)} // the decoder gives nothing else for a key
		if seen[m.name] {
			return nil, fmt.Errorf("the name %.80q occurs twice", m.name)
		}
		seen[m.name] = true
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows its }")
	}
	return list, nil
}

// Open reads the file at path.
func Open(path string) (*File, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s, err := r.Stat()
	if err != nil {
		return nil, err
	}
	f, err := Read(r, s.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// count is the number of values of a shape; a product whose bytes overflow is an error.
func count(shape []int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 0 || (d > 0 && n > math.MaxInt/4/d) {
			return 0, fmt.Errorf("impossible shape %v", shape[:min(8, len(shape))])
		}
		n *= d
	}
	return n, nil
}

// littleEndian says whether a float32 in memory already has the file's byte order.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

func bytesOf(x []float32) []byte {
	if len(x) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), 4*len(x))
}

func writeFloats(w io.Writer, x []float32) error {
	if littleEndian {
		_, err := w.Write(bytesOf(x))
		return err
	}
	return binary.Write(w, binary.LittleEndian, x)
}

func readFloats(r io.Reader, x []float32) error {
	if littleEndian {
		_, err := io.ReadFull(r, bytesOf(x))
		return err
	}
	return binary.Read(r, binary.LittleEndian, x)
}
