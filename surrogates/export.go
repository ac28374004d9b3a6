package surrogates

import (
	"fmt"
	"strings"

	"neq/internal/onnx"
	"neq/surrogates/ops"
)

// exporter is a stage that can be written as ONNX operators.
type exporter interface {
	// onnx adds one ms of the stage to a model: x [batch][in], of the first stage the spikes of each synapse in the ms, to
	// [batch][out]. Its state is that of its stream, by name, shape and value.
	onnx(e *exporting, x onnx.Value) onnx.Value
}

// exporting is a model being made of a network.
type exporting struct {
	*onnx.Graph
	prefix string // of the stage's names
	single ops.Single
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
	k, err := ops.NewSingle()
	if err != nil {
		return nil, fmt.Errorf("surrogates: %w", err)
	}
	e := &exporting{Graph: onnx.NewGraph("ms"), single: k}
	x := e.Input(onnxSpikes, "input spikes of each synapse in this ms: 0, 1, ..", onnx.Batch, n.inputs)
	for i, s := range n.stages {
		out, ok := s.(exporter)
		if !ok {
			return nil, fmt.Errorf("surrogates: %s has a stage without an ONNX form (%T)", n.spec.Title(), s)
		}
		e.prefix = fmt.Sprintf("layer%d.", i)
		e.Scope(e.prefix)
		x = out.onnx(e, x)
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
