//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package inputs

import (
	"context"
	"os"
	"slices"
	"testing"

	"neq/cuda/driver"
	"neq/cuda/driver/fake"
	"neq/cuda/kernels/ptx"
	"neq/internal/philox"
)

var lab fake.Lab

func TestMain(m *testing.M) {
	os.Exit(lab.Main(m, fake.Source{Name: "inputs", File: "twin/inputs_twin.c", Also: []string{"*.h", "*.cu"}}))
}

func upload[T driver.Element](t *testing.T, c *driver.Context, s *driver.Stream, x []T) *driver.Buffer[T] {
	t.Helper()
	b, err := driver.Alloc[T](c, len(x))
	if err == nil {
		err = b.Write(s, x)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The kernel draws the CPU's events to the bit, whatever the instruction set there.
func TestKernelDrawsTheSameEvents(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	c, err := driver.Open(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := c.NewStream()
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Load("inputs.ptx", ptx.Text("inputs"))
	if err != nil {
		t.Fatal(err)
	}
	k, err := m.Kernel("inputs_draw")
	if err != nil {
		t.Fatal(err)
	}
	const row, bins, intervals, band = 1280, 400, 11, 2
	const groups = bins / 4
	for _, exponential := range []bool{false, true} {
		for _, sample := range []uint64{0, 3, 1<<32 | 5} {
			p := &Plan{Seed: 0x123456789abcdef, Stream: 7, Exponential: exponential, Row: row, Bins: bins, Band: band,
				First: make([]int32, groups), Kernel: make([]float32, groups*band*4), Amplitude: make([]float32, intervals*row)}
			r := philox.New(3, sample, 0)
			for g := range p.First {
				p.First[g] = int32(g * (intervals - band) / groups)
				for q := range 4 {
					w := float32(r.Float64())
					p.Kernel[g*8+q], p.Kernel[g*8+4+q] = w, 1-w
				}
			}
			for i := range p.Amplitude {
				p.Amplitude[i] = float32(r.Float64()) * 0.1
			}
			hit, err := driver.Alloc[uint8](c, groups*row)
			if err != nil {
				t.Fatal(err)
			}
			e := int32(0)
			if exponential {
				e = 1
			}
			if err := k.Launch(s, driver.Shape{Grid: [3]int{row / 128, groups}, Block: [3]int{128}}, p.Seed, sample, p.Stream, e,
				int32(row), int32(groups), int32(band), upload(t, c, s, p.First), upload(t, c, s, p.Kernel), upload(t, c, s, p.Amplitude), hit); err != nil {
				t.Fatal(err)
			}
			got := make([]uint8, groups*row)
			if err := hit.Read(s, got); err != nil {
				t.Fatal(err)
			}
			for _, isa := range ISAs() {
				want := make([]uint8, groups*row)
				bin, synapse := make([]int32, row*bins), make([]int32, row*bins)
				n, err := p.Draw(isa, sample, bin, synapse)
				if err != nil {
					t.Fatal(err)
				}
				for i := range n {
					want[int(bin[i]/4)*row+int(synapse[i])] |= 1 << (bin[i] % 4)
				}
				if n < 1000 || !slices.Equal(got, want) {
					t.Errorf("exponential %v, sample %d: the kernel's events are not the %d of %s", exponential, sample, n, isa)
				}
			}
		}
	}
}
