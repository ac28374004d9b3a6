//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package simulate

import (
	"context"
	"os"
	"reflect"
	"testing"

	"neq/cuda"
	"neq/cuda/driver/fake"
)

var lab fake.Lab

func TestMain(m *testing.M) {
	kernels := "../../cuda/kernels/"
	os.Exit(lab.Main(m,
		fake.Source{Name: "cells", File: kernels + "cells/twin/cells_twin.c", Also: []string{kernels + "*.h", kernels + "cells/*.h", kernels + "cells/*.cu"}},
		fake.Source{Name: "inputs", File: kernels + "inputs/twin/inputs_twin.c", Also: []string{kernels + "inputs/*.h", kernels + "inputs/*.cu"}},
		fake.Source{Name: "trees", File: kernels + "trees/twin/trees_twin.c", Also: []string{kernels + "*.h", kernels + "mechanisms/*.h", kernels + "trees/*.[hc]*"}}))
}

// sent is a device that is sent its events.
type sent struct{ cuda.Device }

// A data set's bytes are the same whether the GPU draws the input or the host does: at rates that differ between
// samples, with synapses that release now and then, in several shards that the device runs together.
func TestDrawnOnTheDevice(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	gpu, err := cuda.NewGPU(context.Background(), cuda.GPUOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer gpu.Close()
	for name, c := range map[string]Config{"lif": integrateAndFire(13), "hh": everything(13), "ball-and-stick": ballAndStick(13)} {
		p := plan(t, c)
		in := p.onDevices([]cuda.Device{gpu})
		if in == nil || p.onDevices([]cuda.Device{gpu, device(t, 1)}) != nil || p.onDevices([]cuda.Device{sent{gpu}}) != nil {
			t.Fatalf("%s: who draws is not who can", name)
		}
		events := 0
		for k := range p.Info.Shards() {
			got, err := p.Shard(context.Background(), gpu, k, 1)
			if err != nil {
				t.Fatal(err)
			}
			want, err := p.Shard(context.Background(), sent{gpu}, k, 1)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: shard %d differs", name, k)
			}
			events += len(want.InputTime)
		}
		if events < 300 {
			t.Errorf("%s: only %d events", name, events)
		}
		digests := map[string]string{}
		for who, d := range map[string]cuda.Device{"device": gpu, "host": sent{gpu}} {
			p := plan(t, c)
			digests[who] = digest(t, writeOn(t, p, 2, d))
			if e := p.Estimate(context.Background(), d, 1); e.Time <= 0 {
				t.Errorf("%s, drawn on the %s: no estimate: %+v", name, who, e)
			}
		}
		if digests["device"] != digests["host"] {
			t.Errorf("%s: drawn on the device the data set's bytes are others than drawn on the host", name)
		}
	}
	poisson := integrateAndFire(13)
	poisson.Stimulus.Protocol, poisson.Stimulus.Trees, poisson.Stimulus.Rates = "poisson", nil, map[string]float64{"exc": 10}
	if p := plan(t, poisson); p.onDevices([]cuda.Device{gpu}) != nil {
		t.Error("a Poisson input, whose events have times within a ms, is not drawn on the device")
	}
}
