package surrogates

import (
	"fmt"
	"strings"

	"neq/internal/onnx"
	"neq/surrogates/ops"
)

// exporting is a model being made of a network.
type exporting struct {
	*onnx.Graph
	prefix string // of the stage's names
	single ops.Single
}

// stage adds a stage whose names begin with a prefix.
func (e *exporting) stage(prefix string, s stage, x onnx.Value) onnx.Value {
	e.prefix = prefix
	e.Scope(prefix)
	return s.onnx(e, x)
}

// nextPrefix is what a state is called when it comes out.
const nextPrefix = "next."

// state takes a tensor [batch][shape..] of the ms before, zeros before the first.
func (e *exporting) state(name, doc string, shape ...int) onnx.Value {
	return e.Input(e.prefix+name, doc+"; zeros before the first ms", append([]int{onnx.Batch}, shape...)...)
}

// next gives what state is to take in the next ms.
func (e *exporting) next(name string, v onnx.Value, shape ...int) {
	e.Output(v, nextPrefix+e.prefix+name, e.prefix+name+" of the next ms", append([]int{onnx.Batch}, shape...)...)
}

// weights adds a tensor of the network, in another shape where one is given.
func (e *exporting) weights(w *Weight, shape ...int) onnx.Value {
	if shape == nil {
		shape = w.Value.Shape()
	}
	return e.Weights(strings.TrimPrefix(w.Name, e.prefix), data(w.Value), shape...)
}

// activate adds an activation, of those that ops.Builder.Activation knows.
func (e *exporting) activate(kind string, x onnx.Value) onnx.Value {
	switch kind {
	case "relu":
		return e.Op("Relu", onnx.In(x))
	case "silu":
		return e.Mul(x, e.Op("Sigmoid", onnx.In(x)))
	case "gelu": // x times the normal distribution's cumulative
		cumulative := e.Add(e.Op("Erf", onnx.In(e.Mul(x, e.Constant(0.70710678118654752)))), e.Constant(1))
		return e.Mul(e.Mul(x, e.Constant(0.5)), cumulative)
	}
	return e.Op("Tanh", onnx.In(x))
}

// Scale turns a normalised value x into x SD + Mean.
type Scale struct{ Mean, SD float64 }

// Head is an auxiliary output.
type Head struct {
	Name string
	Scale
}

// Of a model's inputs and outputs.
const (
	onnxSpikes  = "spikes"
	onnxLogit   = "spike_logit"
	onnxVoltage = "voltage"
)

// ONNX makes a model of one ms of the network, for any number of neurons: in go the spikes of each synapse in that ms,
// [batch][inputs], and the state; out come spike_logit [batch], voltage [batch] and the auxiliary heads, turned back by
// their scales, and the state of the next ms under the name it had, with next. before it. They are those of a Stream.
func (n *Network) ONNX(voltage Scale, auxiliary []Head, producer, version, doc string, metadata ...[2]string) (*onnx.Model, error) {
	if len(auxiliary) != n.auxiliary {
		return nil, fmt.Errorf("surrogates: %d auxiliary outputs of %s, which has %d", len(auxiliary), n.spec.Title(), n.auxiliary)
	}
	if err := n.Valid(); err != nil {
		return nil, err
	}
	k, err := ops.NewSingle()
	if err != nil {
		return nil, fmt.Errorf("surrogates: %w", err)
	}
	e := &exporting{Graph: onnx.NewGraph("ms"), single: k}
	x := e.Input(onnxSpikes, "input spikes of each synapse in this ms: 0, 1, ..", onnx.Batch, n.inputs)
	for i, s := range n.stages {
		x = e.stage(fmt.Sprintf("layer%d.", i), s, x)
	}
	e.heads(n, x, append([]Head{{onnxLogit, Scale{0, 1}}, {onnxVoltage, voltage}}, auxiliary...))
	m, err := e.Model(producer, version, doc, metadata...)
	if err != nil {
		return nil, fmt.Errorf("surrogates: %s: %w", n.spec.Title(), err)
	}
	return m, nil
}

// heads are the outputs, their scales folded into the weights.
func (e *exporting) heads(n *Network, x onnx.Value, list []Head) {
	e.Scope("heads.")
	in := n.width[len(n.width)-1]
	w, b := append([]float32(nil), data(n.headW.Value)...), append([]float32(nil), data(n.headB.Value)...)
	for h, head := range list {
		for i := range in {
			w[h*in+i] = float32(float64(w[h*in+i]) * head.SD)
		}
		b[h] = float32(float64(b[h])*head.SD + head.Mean)
	}
	y := e.Op("Gemm", onnx.In(x, e.Weights("weight", w, len(list), in), e.Weights("bias", b, len(list))), onnx.Attribute{Name: "transB", Value: int64(1)})
	for h, head := range list {
		doc := "auxiliary target " + head.Name
		switch head.Name {
		case onnxLogit:
			doc = "log odds of an output spike in this ms"
		case onnxVoltage:
			doc = "membrane potential at the soma, mV"
		}
		e.Output(e.Reshape(e.Slice(y, 1, int64(h), int64(h)+1, 1), -1), head.Name, doc, onnx.Batch)
	}
}

// pad appends n rows of zeros along an axis of a value of so many dimensions.
func (e *exporting) pad(v onnx.Value, axis int, n int64, dims int) onnx.Value {
	pads := make([]int64, 2*dims)
	pads[dims+axis] = n
	return e.Op("Pad", onnx.In(v, e.Ints(pads...)))
}

// past keeps the inputs of reach-1 ms: x [batch][width] to [batch][reach][width], this ms first, then the last.
func (e *exporting) past(x onnx.Value, reach, width int) onnx.Value {
	x = e.Reshape(x, 0, 1, int64(width))
	if reach == 1 {
		return x
	}
	rows := e.Concat(1, x, e.state("past", "inputs of the ms before, the last first", reach-1, width))
	e.next("past", e.Slice(rows, 1, 0, int64(reach)-1, 1), reach-1, width)
	return rows
}

// sum adds up along an axis, which goes.
func (e *exporting) sum(v onnx.Value, axis int64) onnx.Value {
	return e.Op("ReduceSum", onnx.In(v, e.Ints(axis)), onnx.Attribute{Name: "keepdims", Value: int64(0)})
}
