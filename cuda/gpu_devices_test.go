package cuda

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// eachDevice runs a test on the CPU and, where this build has it, on the GPU over the fake driver.
func eachDevice(t *testing.T, f func(t *testing.T, d Device)) {
	t.Run("cpu", func(t *testing.T) {
		d, err := NewCPU(CPUOptions{Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		f(t, d)
	})
	t.Run("gpu", func(t *testing.T) {
		if onFakeGPU(t, "") {
			f(t, fakeGPU(t, GPUOptions{Threads: 2}))
		}
	})
}

func TestBasic(t *testing.T) {
	eachDevice(t, func(t *testing.T, d Device) {
		for name, p := range programs() {
			for _, precision := range []Precision{Float32, Float64} {
				p.Precision = precision
				b := batch(&p, 0, 70, 60)
				if err := d.Run(context.Background(), &p, b); err != nil {
					t.Fatal(name, err)
				}
				want := batch(&p, 0, 70, 60)
				runOn(t, CPUOptions{ISA: "portable"}, p, want)
				if !slices.Equal(want.SpikeStart, b.SpikeStart) {
					t.Error(name, len(want.SpikeTime), len(b.SpikeTime))
				}
				worst := 0.0
				for v := range b.Trace {
					for i := range b.Trace[v] {
						worst = max(worst, math.Abs(float64(b.Trace[v][i]-want.Trace[v][i])))
					}
				}
				t.Log(name, precision, len(want.SpikeTime), worst)
			}
		}
	})
}

var _ = errors.Is
var _ = fmt.Sprint
var _ = reflect.DeepEqual
var _ = strings.Cut
