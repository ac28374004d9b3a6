// Package npz reads numpy's arrays: one in a .npy file, several in a .npz archive, which is a ZIP of .npy files, stored or
// deflated (numpy.org/doc/stable/reference/generated/numpy.lib.format.html). A file that claims more than it holds, or
// holds more than a limit, is refused before memory is taken for it.
package npz

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Array is an array with its numbers in row-major order.
type Array struct {
	Name  string // in its archive, without .npy; "" of a file of its own
	Shape []int  // none: a scalar
	Data  any    // []float32, []float64, []int8, []int16, []int32, []int64, []uint8 or []bool
}

// Number is what an array read here can hold.
type Number interface {
	float32 | float64 | int8 | int16 | int32 | int64 | uint8 | bool
}

// File is what an archive holds.
type File struct{ Arrays []Array }

// Find returns the array of a name, nil where there is none.
func (f *File) Find(name string) *Array {
	for i := range f.Arrays {
		if f.Arrays[i].Name == name {
			return &f.Arrays[i]
		}
	}
	return nil
}

// Values are an array's numbers, which must be of type T.
func Values[T Number](a *Array) ([]T, error) {
	v, ok := a.Data.([]T)
	if !ok {
		return nil, fmt.Errorf("npz: array %q holds %s, want %s", a.Name, elements(a.Data), elements(v))
	}
	return v, nil
}

func elements(v any) string { return strings.TrimPrefix(fmt.Sprintf("%T", v), "[]") }

// deflateRatio is the most that deflate compresses by: a match of 258 bytes in two bits.
const deflateRatio = 1032

// Read reads an archive of size bytes whose arrays hold at most limit bytes together. Beyond them it allocates no more
// than a small multiple of size.
func Read(r io.ReaderAt, size, limit int64) (*File, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("npz: no archive of numpy arrays: %w", err)
	}
	f := &File{Arrays: make([]Array, 0, len(z.File))}
	seen := make(map[string]bool, len(z.File))
	for _, e := range z.File {
		name, ok := strings.CutSuffix(e.Name, ".npy")
		switch {
		case !ok || name == "":
			return nil, fmt.Errorf("npz: entry %.80q: want names that end in .npy", e.Name)
		case seen[name]:
			return nil, fmt.Errorf("npz: two arrays are called %.80q", name)
		case e.Method != zip.Store && e.Method != zip.Deflate:
			return nil, fmt.Errorf("npz: array %.80q is compressed by method %d: want it stored or deflated, as numpy writes it", name, e.Method)
		case e.Flags&1 != 0:
			return nil, fmt.Errorf("npz: array %.80q is encrypted", name)
		case e.CompressedSize64 > uint64(size) || e.UncompressedSize64/deflateRatio > e.CompressedSize64,
			e.Method == zip.Store && e.UncompressedSize64 != e.CompressedSize64:
			return nil, fmt.Errorf("npz: array %.80q: %d bytes in %d of a file of %d: its lengths lie", name, e.UncompressedSize64, e.CompressedSize64, size)
		}
		seen[name] = true
		a, err := readEntry(e, limit)
		if err != nil {
			return nil, fmt.Errorf("npz: array %.80q: %w", name, err)
		}
		a.Name = name
		limit -= int64(e.UncompressedSize64)
		f.Arrays = append(f.Arrays, *a)
	}
	return f, nil
}

func readEntry(e *zip.File, limit int64) (*Array, error) {
	if e.UncompressedSize64 > uint64(max(limit, 0)) {
		return nil, fmt.Errorf("%d bytes, %d more than may be read", e.UncompressedSize64, e.UncompressedSize64-uint64(max(limit, 0)))
	}
	r, err := e.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	a, err := read(r, int64(e.UncompressedSize64))
	if err != nil {
		return nil, err
	}
	// The end is where the archive's reader compares length and checksum.
	switch n, err := r.Read(make([]byte, 1)); {
	case n > 0:
		return nil, errors.New("more bytes than the archive says")
	case err != io.EOF:
		return nil, err
	}
	return a, nil
}

// Open reads the archive at path; see Read.
func Open(path string, limit int64) (*File, error) {
	var f *File
	err := with(path, func(r *os.File, size int64) (err error) {
		f, err = Read(r, size, limit)
		return err
	})
	return f, err
}

// OpenArray reads the .npy file at path, of at most limit bytes.
func OpenArray(path string, limit int64) (*Array, error) {
	var a *Array
	err := with(path, func(r *os.File, size int64) (err error) {
		if size > limit {
			return fmt.Errorf("npz: %d bytes, want at most %d", size, limit)
		}
		a, err = ReadArray(r, size)
		return err
	})
	return a, err
}

func with(path string, f func(r *os.File, size int64) error) error {
	r, err := os.Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	s, err := r.Stat()
	if err != nil {
		return err
	}
	if !s.Mode().IsRegular() {
		return fmt.Errorf("%s: not a regular file", path)
	}
	if err := f(r, s.Size()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
