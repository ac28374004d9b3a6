package surrogates

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"neq/internal/onnx"
	"neq/surrogates/ops"
)

// An elm is the Expressive Leaky Memory neuron (Spieler et al., ICLR 2024, arXiv 2306.16922): leaky traces of the input,
// one a synapse (vanilla) or one a branch of synapses (Branch-ELM), go with the decayed memory through a small network
// into the memory's next value; the heads read the memory.

func elmStages(s Spec) ([]stage, error) {
	if err := between("memory", s.Memory, 1, 1<<12); err != nil {
		return nil, err
	}
	hidden := s.Hidden
	if hidden == 0 {
		hidden = 2 * s.Memory
	}
	if err := between("hidden", hidden, 1, 1<<14); err != nil {
		return nil, err
	}
	version := s.Version
	if version == 0 {
		version = 1
	}
	if err := between("version", version, 1, 2); err != nil {
		return nil, err
	}
	tau := s.SynapseTau
	if tau == 0 {
		tau = 5
	}
	if !(tau > 0 && tau <= 1e4) {
		return nil, fmt.Errorf("synapse_tau_ms %v: want a time above 0, at most 10,000 ms", s.SynapseTau)
	}
	m := &elm{hidden: hidden, memory: s.Memory, activation: s.activation(), version: version, learn: s.LearnTau, low: 1, high: 150}
	switch len(s.MemoryTau) {
	case 0:
	case 2:
		m.low, m.high = s.MemoryTau[0], s.MemoryTau[1]
	default:
		return nil, fmt.Errorf("memory_tau_ms has %d values: want the shortest and the longest", len(s.MemoryTau))
	}
	if !(m.low > 0 && m.high >= m.low && m.high <= 1e5) {
		return nil, fmt.Errorf("memory_tau_ms %v: want two times above 0, the shorter first, at most 100,000 ms", s.MemoryTau)
	}
	keep := float32(math.Exp(-1 / tau))
	if s.Branches == 0 {
		if s.BranchSize != 0 || s.Routing != "" || s.SharedSynapses != 0 {
			return nil, fmt.Errorf("without branches has a trace per synapse: want branches with branch_size, routing and shared_synapses, or none of them")
		}
		m.vanilla = true
		return s.mixed([]stage{&traces{keep: keep, hidden: hidden}, m})
	}
	b := &branches{count: s.Branches, size: s.BranchSize, keep: keep, routing: s.Routing}
	if b.routing == "" {
		b.routing = "neighbours"
	}
	if err := b.check(); err != nil {
		return nil, err
	}
	var err error
	if b.shared, err = s.newSharing(1); err != nil {
		return nil, err
	}
	return s.mixed([]stage{b, m})
}

// mixed adds the mixture of experts, of the memory's width, after the memory.
func (s Spec) mixed(list []stage) ([]stage, error) {
	s.Hidden = 0
	return s.withMixture(list, s.Memory)
}

func elmTitle(s Spec) string {
	t := fmt.Sprintf("elm-%d", s.Memory)
	if s.Branches > 0 {
		t = fmt.Sprintf("branch-elm-%d-%dx%d", s.Memory, s.Branches, s.BranchSize)
	}
	if s.Hidden > 0 {
		t += fmt.Sprintf("-h%d", s.Hidden)
	}
	if s.Routing == "random" {
		t += "-random"
	}
	if s.LearnTau {
		t += "-tau"
	}
	if s.Version == 2 {
		t += "-v2"
	}
	return t
}

// elm is the recurrent part: traces [batch][time][in], or of the vanilla neuron what they add to the hidden layer, to
// memory [batch][time][memory].
type elm struct {
	hidden, memory int
	activation     string
	version        int
	vanilla        bool // the stage before gives the hidden layer's input
	learn          bool // tau
	low, high      float64

	in                  int
	w1, b1, w2, b2, tau *Weight
}

func (m *elm) plan(in int) (int, error) {
	m.in = in
	if m.vanilla {
		m.in = 0
	}
	return m.memory, nil
}

// declare starts the time constants evenly on a logarithmic scale from the shortest to the longest, as published. The
// tensor tau is the logit of where a time constant is between the two.
func (m *elm) declare(d *declaration) {
	m.w1, m.b1 = d.add("mlp.0.weight", m.in+m.memory, m.hidden), d.add("mlp.0.bias", m.hidden)
	m.w2, m.b2 = d.add("mlp.1.weight", m.hidden, m.memory), d.add("mlp.1.bias", m.memory)
	d.uniform(fanIn(m.in+m.memory), m.w1, m.b1)
	d.uniform(fanIn(m.hidden), m.w2, m.b2)
	if m.learn {
		m.tau = d.add("tau", m.memory)
	} else {
		m.tau = d.fixed("tau", m.memory)
	}
	v := data(m.tau.Value)
	for i := range v {
		x := 0.0
		if m.memory > 1 {
			x = float64(i) / float64(m.memory-1)
		}
		share := (m.low*math.Pow(m.high/m.low, x) - m.low) / max(m.high-m.low, 1e-9)
		share = min(max(share, 6e-9), 1-6e-9)
		v[i] = float32(math.Log(share / (1 - share)))
	}
}

func (m *elm) parameters() (synaptic, core int) {
	core = (m.in+m.memory)*m.hidden + m.hidden + m.hidden*m.memory + m.memory
	if m.learn {
		core += m.memory
	}
	return 0, core
}

func (m *elm) reach() int { return 0 }

func (m *elm) cost(float64) (float64, int) {
	return float64((m.in+m.memory)*m.hidden + m.hidden*m.memory + m.memory), m.memory
}

func (m *elm) build(g *building, x *G.Node) (*G.Node, error) {
	w := ops.ELMWeights{W1: g.node(m.w1), B1: g.node(m.b1), W2: g.node(m.w2), B2: g.node(m.b2)}
	o := ops.ELMOptions{Activation: m.activation, Version: m.version, TauMin: m.low, TauMax: m.high, Drive: m.vanilla}
	if m.learn {
		w.Tau = g.node(m.tau)
	} else {
		o.Taus = m.taus()
	}
	return g.ops.ELM(x, w, o)
}

// taus are the time constants, ms.
func (m *elm) taus() []float64 {
	var t []float64
	for _, v := range data(m.tau.Value) {
		t = append(t, m.low+(m.high-m.low)/(1+math.Exp(-float64(v))))
	}
	return t
}

func (m *elm) stream(rows int, k ops.Single) stepper {
	keep, gain := m.decay()
	return &elmStream{m: m, memory: make([]float32, rows*m.memory),
		kernel: k.Memory(m.in, m.activation, data(m.w1.Value), data(m.b1.Value), data(m.w2.Value), data(m.b2.Value), keep, gain)}
}

// decay is what a ms leaves of each memory unit, and how much it takes up of what the inner network says.
func (m *elm) decay() (keep, gain []float32) {
	for _, tau := range m.taus() {
		k, g := ops.ELMOptions{Version: m.version}.Decay(tau)
		keep, gain = append(keep, float32(k)), append(gain, float32(g))
	}
	return keep, gain
}

type elmStream struct {
	m      *elm
	kernel *ops.Memory
	memory []float32 // [rows][memory]
}

func (s *elmStream) state() []State {
	return []State{{Name: "memory", Shape: []int{s.m.memory}, Value: s.memory}}
}

func (s *elmStream) step(x []float32, _ *Spikes, y []float32) { s.kernel.Step(x, s.memory, y) }

func (m *elm) onnx(e *exporting, x onnx.Value) onnx.Value {
	keep, gain := m.decay()
	decayed := e.Mul(e.state("memory", "memory units", m.memory), e.Weights("keep", keep, m.memory))
	h := e.MatMul(decayed, e.Weights("mlp.0.memory", data(m.w1.Value)[m.in*m.hidden:], m.memory, m.hidden))
	if !m.vanilla {
		x = e.MatMul(x, e.Weights("mlp.0.traces", data(m.w1.Value)[:m.in*m.hidden], m.in, m.hidden))
	}
	h = e.activate(m.activation, e.Add(e.Add(h, x), e.weights(m.b1)))
	dm := e.Op("Tanh", onnx.In(e.Mul(e.Add(e.MatMul(h, e.weights(m.w2)), e.weights(m.b2)), e.Constant(2.0/3))))
	memory := e.Add(decayed, e.Mul(dm, e.Weights("gain", gain, m.memory)))
	e.next("memory", memory, m.memory)
	return memory
}
