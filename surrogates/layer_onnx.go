package surrogates

import "neq/internal/onnx"

// onnx: the first layer keeps the sums of the outputs to come, another its past inputs, as a stream does.
func (l *layer) onnx(e *exporting, x onnx.Value) onnx.Value {
	y := e.Add(l.onnxSums(e, x), e.weights(l.b))
	if l.activation != "" {
		y = e.activate(l.activation, y)
	}
	if l.norm { // as one factor and one summand a channel
		stats := e.single.NormStats(data(l.mean.Value), data(l.variance.Value))
		scale, shift := make([]float32, l.width), make([]float32, l.width)
		for i := range scale {
			scale[i] = data(l.gamma.Value)[i] * stats[l.width+i]
			shift[i] = data(l.beta.Value)[i] - stats[i]*scale[i]
		}
		y = e.Add(e.Mul(y, e.Weights("norm.scale", scale, l.width)), e.Weights("norm.shift", shift, l.width))
	}
	return y
}

// onnxSums is the convolution at this ms, without its bias.
func (l *layer) onnxSums(e *exporting, x onnx.Value) onnx.Value {
	past, taps, width, in := l.reach()-1, int64(l.taps), int64(l.width), int64(l.in)
	if !l.first {
		w := e.weights(l.w, l.taps*l.in, l.width)
		if past == 0 {
			return e.MatMul(x, w)
		}
		rows := e.Concat(1, e.Reshape(x, 0, 1, in), e.state("past", "inputs of the ms before, the last first", past, l.in))
		e.next("past", e.Slice(rows, 1, 0, int64(past), 1), past, l.in)
		return e.MatMul(e.Reshape(e.Slice(rows, 1, 0, onnx.End, int64(l.dilation)), 0, taps*in), w)
	}
	sums := e.MatMul(x, e.weights(l.w, l.in, l.taps*l.width))
	if past == 0 {
		return sums
	}
	if d := int64(l.dilation); d > 1 { // zeros between the taps, and the rest after the last cut off
		sums = e.Reshape(e.pad(e.Reshape(sums, 0, taps, 1, width), 2, d-1, 4), 0, taps*d, width)
		sums = e.Slice(sums, 1, 0, int64(past)+1, 1)
	} else {
		sums = e.Reshape(sums, 0, taps, width)
	}
	coming := e.state("coming", "sums of the outputs to come, the next ms first", past, l.width)
	sums = e.Add(sums, e.pad(coming, 1, 1, 3))
	e.next("coming", e.Slice(sums, 1, 1, onnx.End, 1), past, l.width)
	return e.Reshape(e.Slice(sums, 1, 0, 1, 1), 0, width)
}

// pad appends n rows of zeros along an axis of a value of so many dimensions.
func (e *exporting) pad(v onnx.Value, axis int, n int64, dims int) onnx.Value {
	pads := make([]int64, 2*dims)
	pads[dims+axis] = n
	return e.Op("Pad", onnx.In(v, e.Ints(pads...)))
}
