package onnx

import (
	"encoding/binary"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Numbers of fields, by message.
const (
	modelIR, modelProducer, modelVersion, modelDoc, modelGraph, modelOpset, modelMetadata = 1, 2, 3, 6, 7, 8, 14
	graphNode, graphName, graphTensor, graphInput, graphOutput                            = 1, 2, 5, 11, 12
	nodeInput, nodeOutput, nodeName, nodeOp, nodeAttribute                                = 1, 2, 3, 4, 5
	attrName, attrFloat, attrInt, attrString, attrInts, attrType                          = 1, 2, 3, 4, 8, 20
	tensorDims, tensorType, tensorName, tensorRaw                                         = 1, 2, 8, 9
	portName, portType, portDoc                                                           = 1, 2, 3
	typeTensor, typeElement, typeShape                                                    = 1, 1, 2
	shapeDim, dimValue, dimParam                                                          = 1, 1, 2
	opsetVersion                                                                          = 2
	pairKey, pairValue                                                                    = 1, 2
)

// Types of elements and of attributes.
const (
	float32Type, int64Type                          = 1, 7
	floatAttr, intAttr, stringAttr, intsAttr uint64 = 1, 2, 3, 7
)

// message is an encoded protocol buffer message.
type message []byte

func (m *message) number(field protowire.Number, v uint64) {
	*m = protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.VarintType), v)
}

func (m *message) bytes(field protowire.Number, v []byte) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), v)
}

func (m *message) text(field protowire.Number, v string) { m.bytes(field, []byte(v)) }

func (m *message) numbers(field protowire.Number, v []int64) {
	for _, x := range v {
		m.number(field, uint64(x))
	}
}

// WriteTo writes the model. The same model always makes the same bytes.
func (m *Model) WriteTo(w io.Writer) (int64, error) {
	var b message
	b.number(modelIR, IR)
	b.text(modelProducer, m.producer)
	b.text(modelVersion, m.version)
	b.text(modelDoc, m.doc)
	b.bytes(modelGraph, m.graph.encode())
	var opset message
	opset.number(opsetVersion, Opset)
	b.bytes(modelOpset, opset)
	for _, p := range m.metadata {
		var pair message
		pair.text(pairKey, p[0])
		pair.text(pairValue, p[1])
		b.bytes(modelMetadata, pair)
	}
	n, err := w.Write(b)
	return int64(n), err
}

func (g *Graph) encode() message {
	var b message
	for _, n := range g.nodes {
		b.bytes(graphNode, n.encode())
	}
	b.text(graphName, g.name)
	for _, t := range g.tensors {
		b.bytes(graphTensor, t.encode())
	}
	for _, p := range g.inputs {
		b.bytes(graphInput, p.encode())
	}
	for _, p := range g.outputs {
		b.bytes(graphOutput, p.encode())
	}
	return b
}

func (n *node) encode() message {
	var b message
	for _, v := range n.inputs {
		b.text(nodeInput, string(v))
	}
	for _, v := range n.outputs {
		b.text(nodeOutput, string(v))
	}
	b.text(nodeName, string(n.outputs[0]))
	b.text(nodeOp, n.op)
	for _, a := range n.attrs {
		var m message
		m.text(attrName, a.Name)
		switch v := a.Value.(type) {
		case float32:
			m = protowire.AppendFixed32(protowire.AppendTag(m, attrFloat, protowire.Fixed32Type), math.Float32bits(v))
			m.number(attrType, floatAttr)
		case int64:
			m.number(attrInt, uint64(v))
			m.number(attrType, intAttr)
		case string:
			m.text(attrString, v)
			m.number(attrType, stringAttr)
		case []int64:
			m.numbers(attrInts, v)
			m.number(attrType, intsAttr)
		}
		b.bytes(nodeAttribute, m)
	}
	return b
}

func (t *tensor) encode() message {
	var b message
	for _, d := range t.shape {
		b.number(tensorDims, uint64(d))
	}
	raw := make([]byte, 0, 4*len(t.floats)+8*len(t.ints))
	kind := uint64(float32Type)
	for _, x := range t.floats {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	if t.ints != nil {
		kind = int64Type
		for _, x := range t.ints {
			raw = binary.LittleEndian.AppendUint64(raw, uint64(x))
		}
	}
	b.number(tensorType, kind)
	b.text(tensorName, string(t.name))
	b.bytes(tensorRaw, raw)
	return b
}

func (p *port) encode() message {
	var shape message
	for _, d := range p.shape {
		var dim message
		if d == Batch {
			dim.text(dimParam, "batch")
		} else {
			dim.number(dimValue, uint64(d))
		}
		shape.bytes(shapeDim, dim)
	}
	var tensor, kind, b message
	tensor.number(typeElement, float32Type)
	tensor.bytes(typeShape, shape)
	kind.bytes(typeTensor, tensor)
	b.text(portName, string(p.name))
	b.bytes(portType, kind)
	b.text(portDoc, p.doc)
	return b
}
