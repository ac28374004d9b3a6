// Package npztest writes numpy archives for tests.
package npztest

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"neq/internal/npz"
)

// Encode writes an array as numpy does: format 1.0, its numbers aligned to 64 bytes.
func Encode(a npz.Array) ([]byte, error) {
	name := map[string]string{"[]float32": "<f4", "[]float64": "<f8", "[]int8": "|i1", "[]int16": "<i2", "[]int32": "<i4",
		"[]int64": "<i8", "[]uint8": "|u1", "[]bool": "|b1"}[fmt.Sprintf("%T", a.Data)]
	if name == "" {
		return nil, fmt.Errorf("npztest: array %q of %T", a.Name, a.Data)
	}
	var shape strings.Builder
	for _, d := range a.Shape {
		fmt.Fprintf(&shape, "%d, ", d)
	}
	return Raw(fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", name, shape.String()), a.Data), nil
}

// Raw is an array with a header as given.
func Raw(header string, data any) []byte {
	text := header
	for (10+len(text)+1)%64 != 0 {
		text += " "
	}
	text += "\n"
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(text)), byte(len(text)>>8))
	w := bytes.NewBuffer(append(b, text...))
	if err := binary.Write(w, binary.LittleEndian, data); err != nil {
		panic(fmt.Sprintf("npztest: %v", err)) // a type the caller chose
	}
	return w.Bytes()
}

// Entry is a file in an archive.
type Entry struct {
	Name string
	Data []byte
}

// Archive makes a ZIP of entries, stored or deflated.
func Archive(method uint16, entries ...Entry) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		w, err := z.CreateHeader(&zip.FileHeader{Name: e.Name, Method: method})
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(e.Data); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Write makes an archive of arrays, as numpy.savez does.
func Write(arrays ...npz.Array) ([]byte, error) {
	var entries []Entry
	for _, a := range arrays {
		b, err := Encode(a)
		if err != nil {
			return nil, err
		}
		entries = append(entries, Entry{a.Name + ".npy", b})
	}
	return Archive(zip.Store, entries...)
}
