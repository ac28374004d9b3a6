//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package surrogates

import (
	"math"
	"slices"
	"strings"
	"testing"

	"neq/internal/philox"
	"neq/surrogates/ops"
)

// episode is one of a data set that tests draw windows from: events in the order of time, targets a head.
type episode struct {
	bin, synapse []int32
	targets      [][]float32
}

func drawEpisodes(count, duration, inputs, heads int) []episode {
	r := philox.New(11, 0, 3)
	all := make([]episode, count)
	for i := range all {
		for t := range duration {
			for range r.Intn(4 + 20*(i%2)) { // some synapses in any order, some twice
				all[i].bin, all[i].synapse = append(all[i].bin, int32(t)), append(all[i].synapse, int32(r.Intn(inputs)))
			}
		}
		for h := range heads {
			v := make([]float32, duration)
			for t := range v {
				if v[t] = float32(r.Normal()); h == 0 {
					v[t] = float32(r.Intn(2))
				}
			}
			all[i].targets = append(all[i].targets, v)
		}
	}
	return all
}

// fillWindows puts windows into a graph's batch on the host.
func fillWindows(g *Graph, all []episode, list []ops.Window, burnIn, heads int) *Targets {
	e := g.Events()
	e.Start, e.Bin, e.Synapse = append(e.Start[:0], 0), e.Bin[:0], e.Synapse[:0]
	values := make([][]float32, heads)
	for h := range values {
		values[h] = make([]float32, e.Batch*e.Time)
	}
	for row, w := range list {
		x := all[w.Episode]
		for i, t := range x.bin {
			if at := int(t) - w.Start; at >= 0 && at < e.Time {
				e.Bin, e.Synapse = append(e.Bin, int32(at)), append(e.Synapse, x.synapse[i])
			}
		}
		e.Start = append(e.Start, len(e.Bin))
		for h := range values {
			for t := burnIn; t < e.Time; t++ {
				values[h][row*e.Time+t] = x.targets[h][w.Start+t]
			}
		}
	}
	return &Targets{Spike: values[0], Voltage: values[1], Auxiliary: values[2:]}
}

// Batches gathered on the device have the bits of those that are sent, and a step of theirs waits for nothing.
func TestEpisodesOnGPU(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	const count, duration, inputs, heads, B, T, burnIn = 5, 97, 5, 3, 2, 17, 5
	all := drawEpisodes(count, duration, inputs, heads)
	events := 0
	for _, x := range all {
		events += len(x.bin)
	}
	for _, spec := range []Spec{
		{Family: "filter", Window: 60},
		{Family: "tcn", Depth: 2, Width: 5, Kernels: []int{4, 2}, Dilations: []int{3, 1}, BatchNorm: true},
		{Family: "tcn", Depth: 2, Width: 3, Kernels: []int{3, 2}, Dilations: []int{100, 1}}, // phases longer than the episode
	} {
		t.Run(spec.Title(), func(t *testing.T) {
			var losses [2]LossSum
			var kept [2][][]float32
			loss := LossWeights{Spike: 1, Voltage: 0.3, Auxiliary: []float32{0.1}}
			for i, resident := range []bool{false, true} {
				on := gpu(t, ops.DeviceOptions{})
				n, g := open(t, spec, inputs, heads-2, GraphOptions{Batch: B, Time: T, BurnIn: burnIn, Train: true, Device: on.device})
				s := solver(t, n, ops.SolverOptions{ClipNorm: 1, Device: on.device})
				if resident {
					shape := ops.EpisodeShape{Episodes: count, Duration: duration, Events: int64(events)}
					before := on.held(t)
					e, err := g.Reside(shape)
					if err != nil {
						t.Fatal(err)
					}
					if took := on.held(t) - before; took > g.EpisodeBytes(shape)+4096 || took < g.EpisodeBytes(shape)/2 {
						t.Errorf("%d bytes were taken, %d planned", took, g.EpisodeBytes(shape))
					}
					if err := g.QueueWindows(make([]ops.Window, B), loss); err == nil {
						t.Error("windows of episodes that are not there yet: no error")
					}
					for _, x := range all {
						if err := e.Add(x.bin, x.synapse, x.targets); err != nil {
							t.Fatal(err)
						}
					}
				}
				r := philox.New(5, 0, 3)
				list := make([]ops.Window, B)
				step := func(int) {
					for k := range list {
						list[k] = ops.Window{Episode: r.Intn(count), Start: r.Intn(duration-T+burnIn+1) - burnIn}
					}
					var err error
					if resident {
						err = g.QueueWindows(list, loss)
					} else {
						err = g.Queue(fillWindows(g, all, list, burnIn, heads), loss)
					}
					if err == nil {
						err = s.Step(trainable(n), g.Gradients(), 0.01)
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				c := counted(t, 40, step)
				t.Logf("episodes on the device %v: a step makes %d calls to the driver: %d launches, %d graphs, %d copies, %d waits", resident, c.Calls, c.Launches, c.Graphs, c.Copies, c.Waits)
				if resident && (c.Waits != 0 || c.Graphs != 1 || c.Launches != 2 || c.Copies != 1 || c.Calls > 4) {
					t.Errorf("a step makes %+v, want a copy of the windows, a graph and the solver's two launches", c)
				}
				var err error
				if losses[i], err = g.Losses(); err != nil {
					t.Fatal(err)
				}
				kept[i] = append(weights(t, n, on.device), on.gradients(t, g)...)
			}
			if losses[0].Steps != losses[1].Steps || losses[0].Total != losses[1].Total || losses[0].Spike != losses[1].Spike || losses[0].Auxiliary[0] != losses[1].Auxiliary[0] || math.IsNaN(losses[0].Total) {
				t.Errorf("losses %+v sent, %+v gathered", losses[0], losses[1])
			}
			for i := range kept[0] {
				if !slices.Equal(kept[0][i], kept[1][i]) {
					t.Errorf("tensor %d differs between batches that are sent and gathered", i)
				}
			}
		})
	}
}

// held is how many bytes the device holds.
func (w where) held(t *testing.T) int64 {
	t.Helper()
	bytes, _ := w.device.Held()
	return bytes
}

func TestEpisodesRefuse(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	on := gpu(t, ops.DeviceOptions{})
	_, g := open(t, small[2].spec, small[2].inputs, 0, GraphOptions{Batch: 2, Time: 20, Train: true, Device: on.device})
	if _, err := g.Reside(ops.EpisodeShape{Episodes: 1, Duration: 30, Events: math.MaxInt32 + 1}); err == nil {
		t.Error("2^31 events: no error")
	}
	e, err := g.Reside(ops.EpisodeShape{Episodes: 1, Duration: 30, Events: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Reside(ops.EpisodeShape{Episodes: 1, Duration: 30, Events: 2}); err == nil {
		t.Error("episodes twice: no error")
	}
	v := make([]float32, 30)
	two := [][]float32{v, v}
	for _, c := range []struct {
		bin, synapse []int32
		targets      [][]float32
		want         string
	}{
		{[]int32{1, 2, 3}, []int32{0, 0, 0}, two, "more than the 1 episodes and 2 events"},
		{[]int32{30}, []int32{0}, two, "bin 30"},
		{[]int32{1}, []int32{7}, two, "synapse 7"},
		{[]int32{1}, nil, two, "1 bins, 0 synapses"},
		{nil, nil, two[:1], "1 targets"},
		{nil, nil, [][]float32{v, v[1:]}, "29 ms"},
	} {
		if err := e.Add(c.bin, c.synapse, c.targets); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: want %q", err, c.want)
		}
	}
	if err := e.Add([]int32{1, 2}, []int32{0, 6}, two); err != nil {
		t.Fatal(err)
	}
	at := func(episode, start int) ops.Window { return ops.Window{Episode: episode, Start: start} }
	for _, list := range [][]ops.Window{{at(0, 0)}, {at(0, 0), at(1, 0)}, {at(0, 0), at(0, 11)}, {at(0, 0), at(0, -21)}, {at(-1, 0), at(0, 0)}} {
		if err := g.QueueWindows(list, LossWeights{Spike: 1}); err == nil {
			t.Errorf("windows %v: no error", list)
		}
	}
	if err := g.QueueWindows([]ops.Window{at(0, -20), at(0, 10)}, LossWeights{Spike: 1}); err != nil {
		t.Error(err)
	}
}
