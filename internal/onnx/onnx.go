// Package onnx writes models in the Open Neural Network Exchange format, a protocol buffer (onnx.ai; the numbers of the
// messages' fields are those of onnx/onnx.proto3): a graph of operators over float32 tensors whose first dimension is a
// batch of any size. It knows the wire format and no operator: what an operator takes is in the standard
// (github.com/onnx/onnx/blob/main/docs/Operators.md), in the version of Opset.
package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Opset is the version of the standard operators, IR that of the format: those of ONNX 1.12 (2022).
const (
	Opset = 17
	IR    = 8
)

// Batch is a dimension of any size, the same in all inputs and outputs.
const Batch = -1

// Value is a tensor of a graph, by name.
type Value string

// Attribute is a constant parameter of an operator.
type Attribute struct {
	Name  string
	Value any // int64, float32, string or []int64
}

// Graph is a model under construction. Mistakes in it are collected and reported by Model.
type Graph struct {
	name            string
	nodes           []node
	tensors         []tensor
	inputs, outputs []port
	taken           map[Value]bool
	constants       map[string]Value // already in tensors
	used            map[string]int   // operators so far, to name their outputs
	scope           string
	faults          []error
}

type node struct {
	op      string
	inputs  []Value
	outputs []Value
	attrs   []Attribute
}

type tensor struct {
	name   Value
	shape  []int
	floats []float32 // or
	ints   []int64
}

// port is an input or output of the graph.
type port struct {
	name  Value
	doc   string
	shape []int
}

// NewGraph starts a graph.
func NewGraph(name string) *Graph {
	return &Graph{name: name, taken: map[Value]bool{}, constants: map[string]Value{}, used: map[string]int{}}
}

// Scope puts a prefix before the names of what is added from now on: "layer0." gives layer0.weight.
func (g *Graph) Scope(prefix string) { g.scope = prefix }

func (g *Graph) fault(format string, args ...any) {
	g.faults = append(g.faults, fmt.Errorf(format, args...))
}

func (g *Graph) define(v Value) Value {
	if v == "" || g.taken[v] {
		g.fault("the name %q is taken", v)
	}
	g.taken[v] = true
	return v
}

// Input adds an input of the graph. Its name is not scoped.
func (g *Graph) Input(name, doc string, shape ...int) Value {
	g.inputs = append(g.inputs, port{Value(name), doc, shape})
	return g.define(Value(name))
}

// Output makes a value an output of the graph under a name of its own, not scoped.
func (g *Graph) Output(v Value, name, doc string, shape ...int) {
	g.outputs = append(g.outputs, port{Value(name), doc, shape})
	g.nodes = append(g.nodes, node{op: "Identity", inputs: []Value{g.known(v)}, outputs: []Value{g.define(Value(name))}})
}

// Weights adds a constant tensor. The numbers are not copied and must stay until the model is written.
func (g *Graph) Weights(name string, data []float32, shape ...int) Value {
	if n := product(shape); n != len(data) {
		g.fault("weights %q of shape %v hold %d numbers", g.scope+name, shape, len(data))
	}
	v := g.define(Value(g.scope + name))
	g.tensors = append(g.tensors, tensor{name: v, shape: shape, floats: data})
	return v
}

// Constant is a number that broadcasts.
func (g *Graph) Constant(x float32) Value {
	return g.constant(fmt.Sprintf("float32[%v]", x), tensor{shape: []int{}, floats: []float32{x}})
}

// Ints is a constant vector of integers: shapes, axes, where a slice starts.
func (g *Graph) Ints(x ...int64) Value {
	return g.constant(fmt.Sprintf("int64%v", x), tensor{shape: []int{len(x)}, ints: x})
}

// constant adds a tensor once, under a name that says what is in it.
func (g *Graph) constant(name string, t tensor) Value {
	v, ok := g.constants[name]
	if !ok {
		v = g.define(Value(name))
		t.name = v
		g.tensors = append(g.tensors, t)
		g.constants[name] = v
	}
	return v
}

// Op adds an operator with one output.
func (g *Graph) Op(op string, inputs []Value, attrs ...Attribute) Value {
	return g.Ops(op, 1, inputs, attrs...)[0]
}

// Ops adds an operator with several outputs.
func (g *Graph) Ops(op string, outputs int, inputs []Value, attrs ...Attribute) []Value {
	n := node{op: op, attrs: attrs}
	for _, a := range attrs {
		switch a.Value.(type) {
		case int64, float32, string, []int64:
		default:
			g.fault("attribute %s of %s is of type %T", a.Name, op, a.Value)
		}
	}
	for _, in := range inputs {
		n.inputs = append(n.inputs, g.known(in))
	}
	for range outputs {
		n.outputs = append(n.outputs, g.define(g.fresh(op)))
	}
	g.nodes = append(g.nodes, n)
	return n.outputs
}

func (g *Graph) fresh(op string) Value {
	g.used[g.scope+op]++
	return Value(fmt.Sprintf("%s%s_%d", g.scope, op, g.used[g.scope+op]))
}

// known checks that a value comes before its use, as the format demands.
func (g *Graph) known(v Value) Value {
	if v != "" && !g.taken[v] { // "" is an optional input that is left out
		g.fault("%q is used before it is made", v)
	}
	return v
}

// In collects the inputs of an operator.
func In(v ...Value) []Value { return v }

// Common operators.

// Add, Mul and Sub work number by number; shapes broadcast as numpy's do.
func (g *Graph) Add(a, b Value) Value    { return g.Op("Add", In(a, b)) }
func (g *Graph) Sub(a, b Value) Value    { return g.Op("Sub", In(a, b)) }
func (g *Graph) Mul(a, b Value) Value    { return g.Op("Mul", In(a, b)) }
func (g *Graph) MatMul(a, b Value) Value { return g.Op("MatMul", In(a, b)) }

// Reshape gives a value another shape; one dimension may be -1, and 0 keeps that of the input.
func (g *Graph) Reshape(v Value, shape ...int64) Value {
	return g.Op("Reshape", In(v, g.Ints(shape...)))
}

// Concat joins values along an axis.
func (g *Graph) Concat(axis int64, v ...Value) Value {
	return g.Op("Concat", v, Attribute{"axis", axis})
}

// End is the end of a slice that goes to the end of an axis.
const End = math.MaxInt64

// Slice is v[from:to:step] along an axis, as numpy counts. A negative step runs backwards from from to the first.
func (g *Graph) Slice(v Value, axis, from, to, step int64) Value {
	if step < 0 && to == End {
		to = math.MinInt64
	}
	return g.Op("Slice", In(v, g.Ints(from), g.Ints(to), g.Ints(axis), g.Ints(step)))
}

// Model is a finished graph with what to say about it.
type Model struct {
	graph    *Graph
	producer string
	version  string
	doc      string
	metadata [][2]string
}

// maxTensor bounds the numbers of a model: a protocol buffer holds 2 GiB.
const maxTensor = 1<<29 - 1<<20

// Model finishes the graph. metadata are pairs of key and text.
func (g *Graph) Model(producer, version, doc string, metadata ...[2]string) (*Model, error) {
	total := 0
	for _, t := range g.tensors {
		total += len(t.floats) + 2*len(t.ints)
	}
	if total > maxTensor {
		g.fault("%d numbers, while the format holds %d: export safetensors instead", total, maxTensor)
	}
	if len(g.inputs) == 0 || len(g.outputs) == 0 {
		g.fault("it wants an input and an output")
	}
	for i, m := range metadata {
		if slices.ContainsFunc(metadata[:i], func(o [2]string) bool { return o[0] == m[0] }) {
			g.fault("metadata %q twice", m[0])
		}
	}
	if len(g.faults) > 0 {
		return nil, fmt.Errorf("onnx: graph %q: %w", g.name, errors.Join(g.faults...))
	}
	return &Model{g, producer, version, doc, metadata}, nil
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
