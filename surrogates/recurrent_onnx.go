package surrogates

import "neq/internal/onnx"

func (u *recurrent) onnx(e *exporting, x onnx.Value) onnx.Value {
	n := int64(u.units)
	gate := func(v onnx.Value, i int64) onnx.Value { return e.Slice(v, 1, i*n, (i+1)*n, 1) }
	sigmoid := func(v onnx.Value) onnx.Value { return e.Op("Sigmoid", onnx.In(v)) }
	tanh := func(v onnx.Value) onnx.Value { return e.Op("Tanh", onnx.In(v)) }
	h := e.state("h", "output of the units", u.units)
	z := e.MatMul(h, e.weights(u.w))
	if u.gates == 4 {
		c := e.state("c", "cells of the units", u.units)
		z = e.Add(x, z)
		c = e.Add(e.Mul(sigmoid(gate(z, 1)), c), e.Mul(sigmoid(gate(z, 0)), tanh(gate(z, 2))))
		h = e.Mul(sigmoid(gate(z, 3)), tanh(c))
		e.next("h", h, u.units)
		e.next("c", c, u.units)
		return h
	}
	reset, update := sigmoid(e.Add(gate(x, 0), gate(z, 0))), sigmoid(e.Add(gate(x, 1), gate(z, 1)))
	candidate := tanh(e.Add(gate(x, 2), e.Mul(reset, e.Add(gate(z, 2), e.weights(u.b)))))
	h = e.Add(candidate, e.Mul(update, e.Sub(h, candidate)))
	e.next("h", h, u.units)
	return h
}
