//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package gpu

import (
	"fmt"
	"slices"
	"testing"

	"neq/internal/philox"
	"neq/surrogates"
	"neq/surrogates/ops"
)

// episodes are those that windows are drawn from.
type episodes struct {
	duration, events int
	bin, synapse     [][]int32
	value            [][][]float32 // [episode][spike, voltage][ms]
}

// drawEpisodes makes some as busy as a network's batch.
func drawEpisodes(n network, count, duration int) *episodes {
	r := philox.New(9, 0, 1)
	e := &episodes{duration: duration, bin: make([][]int32, count), synapse: make([][]int32, count)}
	for i := range count {
		for ms := range duration {
			for s := range n.inputs {
				if r.Float64() < n.density {
					e.bin[i], e.synapse[i] = append(e.bin[i], int32(ms)), append(e.synapse[i], int32(s))
				}
			}
		}
		e.events += len(e.bin[i])
		spike, v := make([]float32, duration), make([]float32, duration)
		for k := range spike {
			spike[k], v[k] = float32(r.Intn(2)), float32(r.Normal())
		}
		e.value = append(e.value, [][]float32{spike, v})
	}
	return e
}

// reside puts them on a graph's GPU.
func (e *episodes) reside(g *surrogates.Graph) error {
	to, err := g.Reside(ops.EpisodeShape{Episodes: len(e.bin), Duration: e.duration, Events: int64(e.events)})
	for i := 0; err == nil && i < len(e.bin); i++ {
		err = to.Add(e.bin[i], e.synapse[i], e.value[i])
	}
	return err
}

// draw chooses windows of a length in ms.
func (e *episodes) draw(r *philox.Stream, list []ops.Window, time int) {
	for k := range list {
		list[k] = ops.Window{Episode: r.Intn(len(e.bin)), Start: r.Intn(e.duration - time + 1)}
	}
}

// send queues the windows as a batch of the host's.
func (e *episodes) send(x *training, list []ops.Window, w surrogates.LossWeights) error {
	to := x.graph.Events()
	to.Bin, to.Synapse = to.Bin[:0], to.Synapse[:0]
	for k, v := range list {
		for i, ms := range e.bin[v.Episode] {
			if at := int(ms) - v.Start; at >= 0 && at < to.Time {
				to.Bin, to.Synapse = append(to.Bin, int32(at)), append(to.Synapse, e.synapse[v.Episode][i])
			}
		}
		to.Start[k+1] = len(to.Bin)
		copy(x.targets.Spike[k*to.Time:][:to.Time], e.value[v.Episode][0][v.Start:])
		copy(x.targets.Voltage[k*to.Time:][:to.Time], e.value[v.Episode][1][v.Start:])
	}
	return x.graph.Queue(x.targets, w)
}

// TestGPUStepsAreTheSameBits: steps whose batches are sent and launched kernel by kernel, sent and captured, and gathered
// from episodes on the GPU, leave the same weights to the bit, with cuBLAS and without.
func TestGPUStepsAreTheSameBits(t *testing.T) {
	for _, n := range small {
		for _, blas := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/blas=%v", n.name, blas), func(t *testing.T) {
				data := drawEpisodes(n, 7, 300)
				var want [][]float32
				for _, how := range []string{"launched", "captured", "gathered"} {
					d := openOps(t, ops.DeviceOptions{NoBLAS: !blas, NoGraphs: how == "launched"})
					x := train(t, n, d, ops.Float32)
					if how == "gathered" {
						if err := data.reside(x.graph); err != nil {
							t.Fatal(err)
						}
					}
					r, list, loss := philox.New(10, 0, 1), make([]ops.Window, n.batch), surrogates.LossWeights{Spike: 1, Voltage: 0.3}
					for range 12 {
						data.draw(r, list, n.time)
						var err error
						if how == "gathered" {
							err = x.graph.QueueWindows(list, loss)
						} else {
							err = data.send(x, list, loss)
						}
						if err == nil {
							err = x.solver.Step(x.params, x.graph.Gradients(), 0.003)
						}
						if err != nil {
							t.Fatal(err)
						}
					}
					if err := x.network.ReadBack(d); err != nil {
						t.Fatal(err)
					}
					for i, w := range x.network.Weights() {
						v := w.Value.Data().([]float32)
						if how == "launched" {
							want = append(want, slices.Clone(v))
						} else if !slices.Equal(want[i], v) {
							t.Errorf("%s: %s is not that of single launches", how, w.Name)
						}
					}
				}
			})
		}
	}
}
