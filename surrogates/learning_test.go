package surrogates

import (
	"math"
	"slices"
	"testing"

	"neq/internal/philox"
	"neq/surrogates/ops"
)

// integrateAndFire runs the neuron of Beniaguev, Segev & London 2021, figure 1: 80 excitatory and 20 inhibitory inputs
// of +-2 mV, membrane time constant 20 ms, threshold 20 mV above rest, reset to rest. Voltage is in mV over rest,
// clipped at threshold; rates are redrawn every 50 ms.
func integrateAndFire(e *ops.Events, t *Targets, seed uint64) {
	r := philox.New(seed, 0, 3)
	e.Bin, e.Synapse = e.Bin[:0], e.Synapse[:0]
	for b := range e.Batch {
		v, fired := 0.0, false
		var rate [2]float64
		for ms := range e.Time {
			if ms%50 == 0 {
				rate[0] = 0.0125 * r.Float64()
				rate[1] = 4 * math.Max(0, rate[0]-0.003*r.Float64())
			}
			v *= math.Exp(-1.0 / 20)
			if fired {
				v = 0
			}
			for s := range 100 {
				if r.Float64() < rate[s/80]*[]float64{1, 0.7}[s/80] {
					e.Bin, e.Synapse = append(e.Bin, int32(ms)), append(e.Synapse, int32(s))
					v += []float64{2, -2}[s/80]
				}
			}
			fired = v > 20
			i := b*e.Time + ms
			t.Spike[i], t.Voltage[i] = 0, float32(math.Min(v, 20)/10)
			if fired {
				t.Spike[i] = 1
			}
		}
		e.Start[b+1] = len(e.Bin)
	}
}

// auc is the area under the ROC curve, by ranks.
func auc(score, spike []float32, from, time int) (area float64, spikes int) {
	type bin struct{ score, spike float32 }
	var bins []bin
	for i := range score {
		if i%time >= from {
			bins = append(bins, bin{score[i], spike[i]})
		}
	}
	slices.SortFunc(bins, func(a, b bin) int {
		if a.score < b.score {
			return -1
		}
		return 1
	})
	quiet := 0.0
	for _, b := range bins {
		if b.spike > 0 {
			area += quiet
			spikes++
		} else {
			quiet++
		}
	}
	return area / quiet / float64(spikes), spikes
}

// TestFilterLearnsIntegrateAndFire: 250 steps teach the filter to predict unseen spikes, and its shape is the
// membrane's: positive for excitation, negative for inhibition, decaying over 20 ms.
func TestFilterLearnsIntegrateAndFire(t *testing.T) {
	n, err := New(Spec{Family: "filter", Window: 60}, PlainInputs(100), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	o := GraphOptions{Batch: 16, Time: 360, BurnIn: 60, Train: true}
	g, err := n.Graph(o)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	data(n.headB.Value)[0] = -5 // log odds of a spike in a ms: without it the one filter must learn first that spikes are rare
	solver, err := ops.NewSolver("adam", ops.SolverOptions{Team: g.Team()})
	if err != nil {
		t.Fatal(err)
	}
	defer solver.Close()
	targets := drawTargets(o.Batch*o.Time, 0, 1)
	var first, last Loss
	for step := range 250 {
		integrateAndFire(g.Events(), targets, uint64(step))
		l, err := g.Run(targets, LossWeights{Spike: 1, Voltage: 0.3})
		if err != nil {
			t.Fatal(err)
		}
		if err := solver.Step(trainable(n), g.Gradients(), 0.005); err != nil {
			t.Fatal(err)
		}
		if step == 0 {
			first = l
		}
		last = l
	}
	o = GraphOptions{Batch: 20, Time: 1000, BurnIn: 60}
	test, err := n.Graph(o)
	if err != nil {
		t.Fatal(err)
	}
	defer test.Close()
	targets = drawTargets(o.Batch*o.Time, 0, 1)
	integrateAndFire(test.Events(), targets, 1<<32)
	if _, err := test.Run(nil, LossWeights{}); err != nil {
		t.Fatal(err)
	}
	area, spikes := auc(test.Logit(), targets.Spike, 60, o.Time)
	w := data(n.Weights()[0].Value)
	mean := func(from, to, lag int) (m float64) {
		for s := from; s < to; s++ {
			m += float64(w[s*60+lag]) / float64(to-from)
		}
		return m
	}
	t.Logf("loss %.4f to %.4f, AUC %.4f over %d spikes; excitatory %.3f, 20 ms later %.3f, inhibitory %.3f", first.Total, last.Total, area, spikes, mean(0, 80, 0), mean(0, 80, 20), mean(80, 100, 0))
	if area < 0.97 {
		t.Errorf("AUC %.4f on unseen windows: want 0.97", area)
	}
	if e, late, i := mean(0, 80, 0), mean(0, 80, 20), mean(80, 100, 0); e <= 0 || i >= 0 || late >= 0.6*e {
		t.Errorf("filter: excitatory %.3f, 20 ms later %.3f, inhibitory %.3f: want positive, decaying, negative", e, late, i)
	}
}
