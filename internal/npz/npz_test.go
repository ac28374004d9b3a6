package npz_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"neq/internal/npz"
	"neq/internal/npz/npztest"
)

const limit = 1 << 20

func example() []npz.Array {
	return []npz.Array{
		{Name: "w", Shape: []int{2, 3}, Data: []float32{1, -2.5, float32(math.Inf(1)), 3, 4, math.SmallestNonzeroFloat32}},
		{Name: "scalar", Shape: []int{}, Data: []float64{math.Pi}},
		{Name: "empty", Shape: []int{0, 7}, Data: []float32{}},
		{Name: "i1", Shape: []int{2}, Data: []int8{-128, 127}},
		{Name: "i2", Shape: []int{2}, Data: []int16{-32768, 7}},
		{Name: "i4", Shape: []int{1, 1, 2}, Data: []int32{math.MinInt32, 7}},
		{Name: "i8", Shape: []int{1}, Data: []int64{math.MinInt64}},
		{Name: "u1", Shape: []int{2}, Data: []uint8{0, 255}},
		{Name: "mask", Shape: []int{3}, Data: []bool{true, false, true}},
	}
}

func archive(t testing.TB, method uint16) []byte {
	t.Helper()
	var entries []npztest.Entry
	for _, a := range example() {
		b, err := npztest.Encode(a)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, npztest.Entry{Name: a.Name + ".npy", Data: b})
	}
	return zipped(t, method, entries...)
}

func zipped(t testing.TB, method uint16, entries ...npztest.Entry) []byte {
	t.Helper()
	b, err := npztest.Archive(method, entries...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRead(t *testing.T) {
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		b := archive(t, method)
		f, err := npz.Read(bytes.NewReader(b), int64(len(b)), limit)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(f.Arrays, example()) {
			t.Errorf("method %d: %v, want %v", method, f.Arrays, example())
		}
		if f.Find("w") != &f.Arrays[0] || f.Find("absent") != nil {
			t.Error("Find does not find what is there, or what is not")
		}
		if _, err := npz.Values[float32](f.Find("i8")); err == nil || !strings.Contains(err.Error(), `"i8" holds int64, want float32`) {
			t.Errorf("values of another type: %v", err)
		}
	}
}

// Fortran's order, formats 2.0 and 3.0, other ways to write the same header.
func TestReadArray(t *testing.T) {
	want := npz.Array{Shape: []int{2, 3}, Data: []int32{1, 2, 3, 4, 5, 6}}
	columns := []int32{1, 4, 2, 5, 3, 6}
	long := func(version byte, header string) []byte {
		b := append([]byte("\x93NUMPY"), version, 0)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(header)))
		b, err := binary.Append(append(b, header...), binary.LittleEndian, want.Data)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, b := range map[string][]byte{
		"C order":       npztest.Raw("{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }", want.Data),
		"Fortran order": npztest.Raw("{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3), }", columns),
		"another order": npztest.Raw(`{"shape":(2,3,),"fortran_order":False,"descr":"<i4"}`, want.Data),
		"format 2":      long(2, "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }\n"),
		"format 3":      long(3, "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }\n"),
	} {
		a, err := npz.ReadArray(bytes.NewReader(b), int64(len(b)))
		if err != nil || !reflect.DeepEqual(*a, want) {
			t.Errorf("%s: %v %v", name, a, err)
		}
	}
}

func TestReadArrayRefuses(t *testing.T) {
	one := []float32{1}
	for _, c := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"empty", nil, "does not start as one"},
		{"format", []byte("\x93NUMPY\x04\x00\x10\x00"), "format 4.0"},
		{"header length", []byte("\x93NUMPY\x02\x00\xff\xff\xff\xff{"), "a header of 4294967295 bytes"},
		{"header cut off", []byte("\x93NUMPY\x01\x00\x40\x00{'descr'"), "cut off"},
		{"truncated", npztest.Raw("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", one), "takes 8 bytes, there are 4"},
		{"trailing", npztest.Raw("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", []float32{1, 2}), "takes 4 bytes, there are 8"},
		{"big-endian", npztest.Raw("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", one), "big-endian"},
		{"type", npztest.Raw("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", one), `type "<c8"`},
		{"objects", npztest.Raw("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", one), `type "|O"`},
		{"structured", npztest.Raw("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,), }", one), "structured"},
		{"negative", npztest.Raw("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", one), "want a number"},
		{"overflow", npztest.Raw("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", one), "impossible shape"},
		{"number beyond any", npztest.Raw("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", one), "want a number"},
		{"dimensions", npztest.Raw("{'descr': '<f4', 'fortran_order': False, 'shape': ("+strings.Repeat("1,", 65)+"), }", one), "more than 64"},
		{"no tuple", npztest.Raw("{'descr': '<f4', 'fortran_order': False, 'shape': (1), }", one), "no tuple"},
		{"key twice", npztest.Raw("{'descr': '<f4', 'descr': '<f8', 'shape': (1,), }", one), `"descr" twice`},
		{"key absent", npztest.Raw("{'descr': '<f4', 'shape': (1,), }", one), "want descr, fortran_order and shape"},
		{"unknown key", npztest.Raw("{'x': 1}", one), `unknown key "x"`},
		{"code", npztest.Raw("__import__('os')", one), `want "{"`},
		{"after it", npztest.Raw("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } {}", one), "after the dictionary"},
		{"no boolean", npztest.Raw("{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }", []uint8{1, 2}), "value 1 of a boolean array is 2"},
		{"huge claim", npztest.Raw("{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,), }", one), "there are 4"},
	} {
		_, err := npz.ReadArray(bytes.NewReader(c.raw), int64(len(c.raw)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// patched replaces the uncompressed size that an archive's directory declares for its one entry.
func patched(b []byte, size uint32) []byte {
	b = bytes.Clone(b)
	at := bytes.LastIndex(b, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(b[at+24:], size)
	return b
}

func TestReadRefuses(t *testing.T) {
	header := "{'descr': '|u1', 'fortran_order': False, 'shape': (%d,), }"
	zeros := func(n int) []byte {
		return npztest.Raw(fmt.Sprintf(header, n), make([]uint8, n))
	}
	small := npztest.Entry{Name: "a.npy", Data: zeros(8)}
	bomb := zipped(t, zip.Deflate, npztest.Entry{Name: "a.npy", Data: zeros(limit)})
	stored := zipped(t, zip.Store, small)
	damaged := bytes.Clone(stored)
	damaged[bytes.Index(damaged, small.Data)+len(small.Data)-1] ^= 1
	many := make([]npztest.Entry, 4)
	for i := range many {
		many[i] = npztest.Entry{Name: string(rune('a'+i)) + ".npy", Data: zeros(limit / 3)}
	}
	for _, c := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"empty", nil, "no archive"},
		{"no archive", []byte("hello"), "no archive"},
		{"truncated", stored[:len(stored)-9], "no archive"},
		{"other file", zipped(t, zip.Store, npztest.Entry{Name: "readme.txt"}), "end in .npy"},
		{"twice", zipped(t, zip.Store, small, small), `two arrays are called "a"`},
		{"damaged", damaged, "checksum error"},
		{"no array", zipped(t, zip.Store, npztest.Entry{Name: "a.npy", Data: []byte("text")}), "does not start as one"},
		{"bomb", bomb, "than may be read"},
		{"bombs", zipped(t, zip.Deflate, many...), `"c": `},
		{"declares 4 GB", patched(zipped(t, zip.Deflate, small), math.MaxUint32-1), "its lengths lie"},
		{"declares another length", patched(stored, 7), "its lengths lie"},
		{"declares less", patched(zipped(t, zip.Deflate, small), uint32(len(small.Data)-1)), "there are 7"},
	} {
		_, err := npz.Read(bytes.NewReader(c.raw), int64(len(c.raw)), limit)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// What is refused takes no memory to refuse.
func TestBoundedMemory(t *testing.T) {
	claim := npztest.Raw("{'descr': '<f4', 'fortran_order': False, 'shape': (268435456,), }", []float32{1})
	raw := patched(zipped(t, zip.Deflate, npztest.Entry{Name: "a.npy", Data: claim}), 1<<30+128)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := npz.Read(bytes.NewReader(raw), int64(len(raw)), math.MaxInt64); err == nil {
		t.Error("an entry that claims 1 GiB was read")
	}
	if _, err := npz.ReadArray(bytes.NewReader(claim), int64(len(claim))); err == nil {
		t.Error("an array that claims 1 GiB was read")
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes allocated for two files of %d", n, len(raw))
	}
}

// numpy writes what is read here.
func TestNumpy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.npz")
	if err := exec.Command("/usr/bin/python3", "-c", "import numpy").Run(); err != nil {
		t.Skip("needs python3 with numpy")
	}
	for _, save := range []string{"savez", "savez_compressed"} {
		out, err := exec.Command("/usr/bin/python3", "-c", `
import numpy as np, sys
a = np.arange(24.0).reshape(2, 3, 4)
np.`+save+`(sys.argv[1], f4=a.astype("f4"), fortran=np.asfortranarray(a), i8=np.int64(-5), mask=a > 5)`, path).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", save, err, out)
		}
		f, err := npz.Open(path, limit)
		if err != nil {
			t.Fatalf("%s: %v", save, err)
		}
		f4, f8, mask := make([]float32, 24), make([]float64, 24), make([]bool, 24)
		for i := range 24 {
			f4[i], f8[i], mask[i] = float32(i), float64(i), i > 5
		}
		for _, want := range []npz.Array{{Name: "f4", Shape: []int{2, 3, 4}, Data: f4}, {Name: "fortran", Shape: []int{2, 3, 4}, Data: f8},
			{Name: "i8", Shape: []int{}, Data: []int64{-5}}, {Name: "mask", Shape: []int{2, 3, 4}, Data: mask}} {
			if got := f.Find(want.Name); got == nil || !reflect.DeepEqual(*got, want) {
				t.Errorf("%s: %v, want %v", save, got, want)
			}
		}
	}
	if _, err := npz.OpenArray(path, limit); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("an archive taken for an array: %v", err)
	}
	if _, err := npz.OpenArray(path, 10); err == nil || !strings.Contains(err.Error(), "want at most 10") {
		t.Errorf("a file beyond the limit: %v", err)
	}
	if _, err := npz.Open(os.DevNull, limit); err == nil {
		t.Error("a device was read")
	}
}

// Nothing read is larger than the limit.
func FuzzRead(f *testing.F) {
	b, err := npztest.Encode(example()[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(zipped(f, zip.Store, npztest.Entry{Name: "w.npy", Data: b}))
	f.Add(zipped(f, zip.Deflate, npztest.Entry{Name: "w.npy", Data: b}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		file, err := npz.Read(bytes.NewReader(raw), int64(len(raw)), limit)
		if err != nil {
			return
		}
		total := 0
		for _, a := range file.Arrays {
			total += binary.Size(a.Data)
		}
		if total > limit {
			t.Fatalf("%d bytes of arrays, the limit is %d", total, limit)
		}
	})
}

// What is read can be written and read again.
func FuzzReadArray(f *testing.F) {
	for _, a := range example() {
		b, err := npztest.Encode(a)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(npztest.Raw("{'descr': '<i4', 'fortran_order': True, 'shape': (1, 2, 1), }", []int32{1, 2}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := npz.ReadArray(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			return
		}
		b, err := npztest.Encode(*a)
		if err != nil {
			t.Fatal(err)
		}
		again, err := npz.ReadArray(bytes.NewReader(b), int64(len(b)))
		if err != nil || !reflect.DeepEqual(again.Shape, a.Shape) || binary.Size(again.Data) != binary.Size(a.Data) {
			t.Fatalf("%v read again is %v: %v", a, again, err)
		}
	})
}
