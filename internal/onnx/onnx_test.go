package onnx

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// example doubles its input and adds a constant vector.
func example() *Graph {
	g := NewGraph("g")
	x := g.Input("x", "doc", Batch, 2)
	g.Scope("a.")
	y := g.Add(g.Mul(x, g.Constant(2)), g.Weights("w", []float32{1, -0.5}, 2))
	y = g.Add(y, g.Mul(x, g.Constant(2))) // the same constant
	g.Output(g.Reshape(y, -1, 2), "y", "", Batch, 2)
	return g
}

// fields decodes a message one level deep.
func fields(t *testing.T, b []byte) map[protowire.Number][][]byte {
	t.Helper()
	out := map[protowire.Number][][]byte{}
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			t.Fatal(protowire.ParseError(size))
		}
		value := protowire.ConsumeFieldValue(n, kind, b[size:])
		if value < 0 {
			t.Fatal(protowire.ParseError(value))
		}
		v := b[size : size+value]
		if kind == protowire.BytesType {
			v, _ = protowire.ConsumeBytes(v)
		}
		out[n] = append(out[n], v)
		b = b[size+value:]
	}
	return out
}

// The bytes are those of the standard: fields by their numbers in onnx.proto3.
func TestWire(t *testing.T) {
	m, err := example().Model("neq", "1", "about", [2]string{"key", "text"})
	if err != nil {
		t.Fatal(err)
	}
	var b, again bytes.Buffer
	if n, err := m.WriteTo(&b); err != nil || n != int64(b.Len()) {
		t.Fatal(n, err)
	}
	if _, err := m.WriteTo(&again); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("written twice, other bytes")
	}
	model := fields(t, b.Bytes())
	if string(model[1][0]) != "\x08" || string(model[2][0]) != "neq" || string(model[8][0]) != "\x10\x11" {
		t.Errorf("IR, producer, opset: %q %q %q", model[1], model[2], model[8])
	}
	if pair := fields(t, model[14][0]); string(pair[1][0]) != "key" || string(pair[2][0]) != "text" {
		t.Errorf("metadata %q", pair)
	}
	graph := fields(t, model[7][0])
	var ops []string
	for _, raw := range graph[1] {
		n := fields(t, raw)
		ops = append(ops, fmt.Sprintf("%s(%s)=%s", n[4][0], bytes.Join(n[1], []byte(",")), n[2][0]))
	}
	want := "Mul(x,float32[2])=a.Mul_1 Add(a.Mul_1,a.w)=a.Add_1 Mul(x,float32[2])=a.Mul_2 Add(a.Add_1,a.Mul_2)=a.Add_2 " +
		"Reshape(a.Add_2,int64[-1 2])=a.Reshape_1 Identity(a.Reshape_1)=y"
	if got := strings.Join(ops, " "); got != want {
		t.Errorf("operators %s\nwant %s", got, want)
	}
	if len(graph[5]) != 3 || string(graph[2][0]) != "g" {
		t.Fatalf("%d tensors in graph %q", len(graph[5]), graph[2])
	}
	w := fields(t, graph[5][1])
	if string(w[8][0]) != "a.w" || string(w[2][0]) != "\x01" || string(w[9][0]) != "\x00\x00\x80\x3f\x00\x00\x00\xbf" {
		t.Errorf("tensor %q", w)
	}
	shape := fields(t, graph[5][2])
	if string(shape[2][0]) != "\x07" || string(shape[9][0]) != strings.Repeat("\xff", 8)+"\x02"+strings.Repeat("\x00", 7) {
		t.Errorf("integers %q", shape)
	}
	if in := string(graph[11][0]); !strings.Contains(in, "batch") || len(graph[12]) != 1 {
		t.Errorf("input %q", in)
	}
}

func TestModelRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(g *Graph)
		want   string
	}{
		"name twice":     {func(g *Graph) { g.Weights("w", nil, 0) }, `"a.w" is taken`},
		"input twice":    {func(g *Graph) { g.Input("x", "") }, `"x" is taken`},
		"before its use": {func(g *Graph) { g.Add("x", "z") }, `"z" is used before`},
		"shape":          {func(g *Graph) { g.Weights("v", []float32{1}, 2) }, "hold 1 numbers"},
		"attribute":      {func(g *Graph) { g.Op("Gemm", In("x"), Attribute{"alpha", 1.0}) }, "is of type float64"},
	} {
		g := example()
		c.change(g)
		if _, err := g.Model("", "", ""); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := NewGraph("empty").Model("", "", ""); err == nil || !strings.Contains(err.Error(), "an input and an output") {
		t.Errorf("empty: %v", err)
	}
	if _, err := example().Model("", "", "", [2]string{"a", "1"}, [2]string{"a", "2"}); err == nil || !strings.Contains(err.Error(), `"a" twice`) {
		t.Errorf("metadata twice: %v", err)
	}
}

func TestSlice(t *testing.T) {
	g := NewGraph("g")
	v := g.Input("x", "", Batch, 4)
	g.Slice(v, 1, -1, End, -2)
	n := g.nodes[0]
	if want := []Value{"x", "int64[-1]", Value(fmt.Sprintf("int64[%d]", math.MinInt64)), "int64[1]", "int64[-2]"}; fmt.Sprint(n.inputs) != fmt.Sprint(want) {
		t.Errorf("slice of %v, want %v", n.inputs, want)
	}
}
