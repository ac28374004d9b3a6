package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func example() []Tensor {
	return []Tensor{
		{"first.weight", []int{2, 3, 1}, []float32{1, -2, 3.5, 0, float32(math.Inf(1)), math.SmallestNonzeroFloat32}},
		{"bias \"µ\"", []int{1}, []float32{-0.25}},
		{"none", []int{0, 7}, []float32{}},
		{"scalar", []int{}, []float32{42}},
	}
}

func encode(t testing.TB, tensors []Tensor, meta map[string]string) []byte {
	var b bytes.Buffer
	if err := Write(&b, tensors, meta); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	meta := map[string]string{"made_by": "neq", "a": "b"}
	raw := encode(t, example(), meta)
	f, err := Read(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(f.Metadata, meta) {
		t.Errorf("metadata %v, want %v", f.Metadata, meta)
	}
	for _, want := range example() {
		got := f.Find(want.Name)
		if got == nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("%q: got %v, want %v", want.Name, got, want)
		}
	}
	if f.Find("absent") != nil {
		t.Error("found a tensor that is not there")
	}
	// Written again it is as long: an empty tensor may change places with its neighbour.
	if again := encode(t, f.Tensors, f.Metadata); len(again) != len(raw) {
		t.Errorf("written again: %d bytes, want %d", len(again), len(raw))
	}
}

// The layout rules of the format: header length, JSON that starts with '{', data aligned to 8 and without holes.
func TestLayout(t *testing.T) {
	raw := encode(t, example(), nil)
	n := binary.LittleEndian.Uint64(raw)
	if n%8 != 0 || raw[8] != '{' {
		t.Fatalf("header of %d bytes starting with %q", n, raw[8])
	}
	var h map[string]struct {
		DType   string `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(raw[8:8+n], &h); err != nil {
		t.Fatal(err)
	}
	if e := h["first.weight"]; e.DType != "F32" || e.Offsets != [2]int{0, 24} {
		t.Errorf("first.weight: %+v", e)
	}
	if e := h["scalar"]; len(e.Shape) != 0 || e.Offsets != [2]int{28, 32} {
		t.Errorf("scalar: %+v", e)
	}
	if got := math.Float32frombits(binary.LittleEndian.Uint32(raw[8+n+28:])); got != 42 {
		t.Errorf("scalar reads %v", got)
	}
	if len(raw) != int(8+n+32) {
		t.Errorf("%d bytes, want %d", len(raw), 8+n+32)
	}
}

// build makes a file of a raw header and so many data bytes.
func build(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func TestReadRefuses(t *testing.T) {
	good := encode(t, example(), nil)
	for _, c := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"empty", nil, "shorter than its 8-byte"},
		{"length beyond the file", append([]byte{0xff, 0xff, 0xff, 0, 0, 0, 0, 0}, 'x'), "truncated"},
		{"length beyond any file", bytes.Repeat([]byte{0xff}, 32), "truncated"},
		{"not JSON", build("hello!!!", 0), "not a JSON object"},
		{"no object", build("[1]", 0), "does not start with {"},
		{"two objects", build("{} {}", 0), "something follows"},
		{"deep", build(`{"a":`+strings.Repeat("[", 1<<20), 0), "exceeded max depth"},
		{"deep metadata", build(`{"__metadata__":`+strings.Repeat(`{"a":`, 9000)+"1"+strings.Repeat("}", 9000)+"}", 0), "metadata"},
		{"twice", build(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4), `"a" occurs twice`},
		{"truncated", good[:len(good)-1], "truncated"},
		{"trailing", append(bytes.Clone(good), 0), "after the last tensor"},
		{"type", build(`{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}`, 4), `"a" is "F16"`},
		{"shape and offsets differ", build(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4), "takes 8 bytes"},
		{"hole", build(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), "starts at byte 4"},
		{"overlap", build(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4), "starts at byte 0"},
		{"overflow", build(`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}`, 0), "impossible shape"},
		{"long overflow", build(`{"a":{"dtype":"F32","shape":[65536,65536,65536,65536],"data_offsets":[0,0]}}`, 0), "impossible shape"},
		{"offsets wrap", build(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[9223372036854775804,-9223372036854775808]}}`, 4), "starts at byte"},
		{"offset beyond any", build(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,99999999999999999999]}}`, 4), `"a"`},
		{"three offsets", build(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}`, 4), "its offsets are"},
		{"partial overlap", build(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), "starts at byte 4"},
		{"negative", build(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,-4]}}`, 0), "impossible shape"},
		{"huge claim", build(`{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}`, 0), "truncated"},
	} {
		_, err := Read(bytes.NewReader(c.raw), int64(len(c.raw)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	for _, c := range []struct {
		name    string
		tensors []Tensor
		want    string
	}{
		{"shape", []Tensor{{"a", []int{2}, []float32{1}}}, "has 2 values, data 1"},
		{"twice", []Tensor{{"a", []int{0}, nil}, {"a", []int{0}, nil}}, "taken"},
		{"negative", []Tensor{{"a", []int{-2}, nil}}, "impossible shape"},
	} {
		if err := Write(&bytes.Buffer{}, c.tensors, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// Python's safetensors, where it is installed, reads what is written here.
func TestPython(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.safetensors")
	if err := os.WriteFile(path, encode(t, example(), nil), 0o644); err != nil {
		t.Fatal(err)
	}
	if exec.Command("python3", "-c", "import safetensors.numpy").Run() != nil {
		t.Skip("needs python3 with the safetensors package")
	}
	out, err := exec.Command("python3", "-c", "import sys,safetensors.numpy as s; d=s.load_file(sys.argv[1]); "+
		"print(d['first.weight'].shape, d['first.weight'][0,2,0], float(d['scalar']))", path).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "(2, 3, 1) 3.5 42.0" {
		t.Errorf("python: %s %v", out, err)
	}
}

// A claim of much takes little to refuse.
func TestBoundedMemory(t *testing.T) {
	for _, raw := range [][]byte{
		build(`{"a":{"dtype":"F32","shape":[1073741824],"data_offsets":[0,4294967296]}}`, 4),
		build(`{"a":`+strings.Repeat("[", 1<<16), 0),
		append([]byte{0, 0, 0, 4, 0, 0, 0, 0}, '{'), // a header of 64 MiB
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := Read(bytes.NewReader(raw), int64(len(raw))); err == nil {
			t.Errorf("read %.40q", raw)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<21 {
			t.Errorf("%d bytes allocated to refuse %d", n, len(raw))
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(encode(f, example(), map[string]string{"k": "v"}))
	f.Add(build(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4))
	f.Add(build(`{"a":{"dtype":"F32","shape":null,"data_offsets":null}}`, 0))
	f.Fuzz(func(t *testing.T, raw []byte) {
		file, err := Read(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := Write(&b, file.Tensors, file.Metadata); err != nil {
			t.Fatalf("read but not written: %v", err)
		}
		if _, err := Read(&b, int64(b.Len())); err != nil {
			t.Fatalf("written but not read: %v", err)
		}
	})
}
