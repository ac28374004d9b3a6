//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package driver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestLoadRefused(t *testing.T) {
	if !lab.Within(t, "isa=74", false) {
		return
	}
	c, _, _ := device(t)
	_, err := c.Load("bad.ptx", strings.Replace(testPTX, "{ ret; }", "{ this is no instruction }", 1))
	wants(t, err, BadPTX, "its compiler says: ptxas fake, line 6; fatal   : Parsing error near 'this'")
	_, err = c.Load("new.ptx", strings.Replace(testPTX, ".version 7.0", ".version 8.4", 1))
	wants(t, err, DriverTooOld, "the driver (CUDA 12.4) is too old for PTX 8.4")
	_, err = c.Load("no.ptx", "hello")
	wants(t, err, BadPTX, "no .version")
	must(t, c.Close())
}

// A kernel that writes one byte past its buffer ends the context, and all later calls say so.
func TestFault(t *testing.T) {
	if !lab.Within(t, "", false) {
		return
	}
	c, s, m := device(t)
	k, err := m.Kernel("beyond")
	must(t, err)
	x, err := Alloc[byte](c, 100)
	must(t, err)
	must(t, k.Launch(s, Shape{}, x, uint32(99)))
	must(t, s.Wait())
	must(t, k.Launch(s, Shape{}, x, uint32(100)))
	wants(t, s.Wait(), KernelFault, "please report")
	wants(t, x.Zero(s), KernelFault, "the GPU was lost before this")
	_, _, err = c.Memory()
	wants(t, err, KernelFault, "")
	if c.Lost() == nil {
		t.Error("not lost")
	}
	must(t, c.Close()) // what was lost was said
}

// Wherever the device is lost, the program gets one typed error and goes on.
func TestLost(t *testing.T) {
	for _, c := range []struct {
		at, code int
		kind     Kind
	}{
		{1, 719, DeviceLost}, {2, 719, DeviceLost}, {3, 719, DeviceLost}, {5, 719, DeviceLost}, {7, 719, DeviceLost}, {9, 719, DeviceLost},
		{12, 719, DeviceLost}, {13, 719, DeviceLost}, {14, 719, DeviceLost}, {20, 719, DeviceLost},
		{13, 214, DeviceLost}, {13, 999, DeviceLost}, {13, 702, TimedOut}, {13, 700, KernelFault},
	} {
		t.Run(fmt.Sprintf("%d at %d", c.code, c.at), func(t *testing.T) {
			if lab.Within(t, fmt.Sprintf("lost=%d,lostcode=%d", c.at, c.code), false) {
				wants(t, work(), c.kind, "gpu: ")
			}
		})
	}
}

// work is a short run through the interface, without a probe, whose calls would be lost as well.
func work() error {
	st := Status{Devices: []DeviceInfo{{Name: "Fake", MaxThreads: 1024, MaxGrid: [3]int{1 << 30, 1, 1}, MaxBlock: [3]int{1024, 1, 1}, SharedPerBlock: 49152, Usable: true}}, Usable: true}
	c, err := st.Open(0)
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := c.NewStream()
	if err != nil {
		return err
	}
	m, err := c.Load("test.ptx", testPTX)
	if err != nil {
		return err
	}
	k, err := m.Kernel("saxpy")
	if err != nil {
		return err
	}
	x, err := Alloc[float32](c, 100)
	if err != nil {
		return err
	}
	y, err := Alloc[float32](c, 100)
	if err != nil {
		return err
	}
	for range 4 {
		if err := x.Write(s, ramp(100)); err != nil {
			return err
		}
		if err := y.Zero(s); err != nil {
			return err
		}
		if err := k.Launch(s, Threads(100, 32), x, y, float32(1), int32(100)); err != nil {
			return err
		}
		if err := y.Read(s, make([]float32, 100)); err != nil {
			return err
		}
	}
	return errors.Join(x.Free(), y.Free(), m.Free(), s.Free())
}

func TestWork(t *testing.T) {
	if lab.Within(t, "", false) {
		must(t, work())
	}
}

// Two devices at once, from many goroutines.
func TestTwoDevices(t *testing.T) {
	if !lab.Within(t, "devices=2", false) {
		return
	}
	st := Probe(context.Background())
	a, err := st.Open(0)
	must(t, err)
	b, err := st.Open(1)
	must(t, err)
	sa, err := a.NewStream()
	must(t, err)
	x, err := Alloc[float32](b, 10)
	must(t, err)
	wants(t, x.Zero(sa), BadArgument, "cuda:1 Fake GPU 1")
	e, err := b.NewEvent()
	must(t, err)
	wants(t, sa.After(e), BadArgument, "cuda:1")
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		c := []*Context{a, b}[i%2]
		all.Go(func() {
			errs[i] = func() error {
				s, err := c.NewStream()
				if err != nil {
					return err
				}
				y, err := Alloc[float32](c, 100)
				if err != nil {
					return err
				}
				in, out := ramp(100), make([]float32, 100)
				for range 50 {
					in[3]++
					if err := errors.Join(y.Write(s, in), y.Read(s, out)); err != nil {
						return err
					}
					if !slices.Equal(in, out) {
						return errors.New("a round trip changed the data")
					}
				}
				return errors.Join(y.Free(), s.Free())
			}()
		})
	}
	all.Wait()
	must(t, errors.Join(errs...))
	must(t, a.Close())
	must(t, b.Close())
}
