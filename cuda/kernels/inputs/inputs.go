// Package inputs draws input events from counter-based random numbers: which synapse receives an event in
// which millisecond. The events of a sample depend on the seed, the sample and the rates alone, to the bit,
// whatever the instruction set or the device.
package inputs

// #cgo CFLAGS: -std=c11 -O3 -Wno-unknown-pragmas
// #include "run.h"
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/cpu"
)

// MaxSynapses is how many synapses a plan can have.
const MaxSynapses = C.MAX_ROW

// Plan is the event rates of one sample: synapse s receives in ms t on average
//
//	sum over j < Band of Amplitude[(First[t/4]+j)*Row + s] * Kernel[(t/4*Band+j)*4 + t%4]
//
// events, at most one. Row is the number of synapses rounded up to a multiple of 16, the rest at rate 0.
type Plan struct {
	Seed        uint64
	Stream      uint32 // the stream of synapse 0; synapse s draws from Stream+s
	Exponential bool   // the rate is the mean of an exponentially distributed probability
	Row         int
	Bins        int // ms
	Band        int
	First       []int32   // [ceil(Bins/4)]
	Kernel      []float32 // [ceil(Bins/4)][Band][4]
	Amplitude   []float32 // [intervals][Row]
}

// ISAs lists the instruction sets this machine can run, best first.
func ISAs() []string {
	var isas []string
	if runtime.GOARCH == "amd64" {
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512BW {
			isas = append(isas, "avx512")
		}
		if cpu.X86.HasAVX2 {
			isas = append(isas, "avx2")
		}
	}
	return append(isas, "portable")
}

func (p *Plan) check() error {
	groups := (p.Bins + 3) / 4
	if p.Row <= 0 || p.Row%16 != 0 || p.Row > MaxSynapses || p.Band <= 0 || len(p.First) < groups || len(p.Kernel) < groups*p.Band*4 {
		return fmt.Errorf("inputs: plan of %d synapses, %d ms, band %d has %d firsts and %d kernel values: want a row that is a multiple of 16 up to %d, and %d and %d",
			p.Row, p.Bins, p.Band, len(p.First), len(p.Kernel), MaxSynapses, groups, groups*p.Band*4)
	}
	most := float32(MaxRate)
	if p.Exponential {
		most = MaxMean
	}
	for i, a := range p.Amplitude {
		if !(a >= 0 && a <= most) {
			return fmt.Errorf("inputs: synapse %d receives %g events per ms: want 0 to %g", i%p.Row, a, most)
		}
	}
	for _, f := range p.First[:groups] {
		if f < 0 || (int(f)+p.Band)*p.Row > len(p.Amplitude) {
			return fmt.Errorf("inputs: plan reaches interval %d of %d", int(f)+p.Band-1, len(p.Amplitude)/p.Row)
		}
	}
	return nil
}

// MaxRate is the highest amplitude of a plan, in events per ms; of one whose probabilities are drawn from an
// exponential distribution, MaxMean. The kernel needs chances below 1.
const (
	MaxRate = 0.9999
	MaxMean = 100
)

// Draw fills bin (ms) and synapse with the events of a sample, ordered by ms and then by synapse, and returns
// how many there are. Where that is more than the slices hold, only the first are filled. isa is one of ISAs,
// or "" for the best.
func (p *Plan) Draw(isa string, sample uint64, bin, synapse []int32) (int, error) {
	if err := p.check(); err != nil {
		return 0, err
	}
	n := min(len(bin), len(synapse))
	if p.Bins == 0 {
		return 0, nil
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&p.First[0])
	pin.Pin(&p.Kernel[0])
	pin.Pin(&p.Amplitude[0])
	c := C.inputs_plan{
		seed: C.ulonglong(p.Seed), stream: C.uint(p.Stream), row: C.int(p.Row), bins: C.int(p.Bins),
		groups: C.int((p.Bins + 3) / 4), band: C.int(p.Band), first: (*C.int)(&p.First[0]),
		kernel: (*C.float)(&p.Kernel[0]), amplitude: (*C.float)(&p.Amplitude[0]),
	}
	if p.Exponential {
		c.exponential = 1
	}
	b, s := (*C.int)(unsafe.SliceData(bin)), (*C.int)(unsafe.SliceData(synapse))
	if isa == "" {
		isa = ISAs()[0]
	}
	switch isa {
	case "avx512":
		return int(C.inputs_avx512(&c, C.ulonglong(sample), C.int(n), b, s)), nil
	case "avx2":
		return int(C.inputs_avx2(&c, C.ulonglong(sample), C.int(n), b, s)), nil
	case "portable":
		return int(C.inputs_portable(&c, C.ulonglong(sample), C.int(n), b, s)), nil
	}
	return 0, fmt.Errorf("inputs: no instruction set %q: one of %v", isa, ISAs())
}
