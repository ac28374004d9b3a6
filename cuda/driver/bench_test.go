//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package driver

import (
	"os"
	"testing"
)

// BenchmarkLaunch is what a launch costs on the host: alone, and in a burst of 100. It runs on what driver it finds;
// on the fake one (LD_LIBRARY_PATH, FAKE_CUDA_TWINS) the time is this package's own, cgo's and the fake's.
func BenchmarkLaunch(b *testing.B) {
	c, err := Open(b.Context(), 0)
	if err != nil {
		b.Skip(err)
	}
	defer c.Close()
	ptx := testPTX
	if os.Getenv("FAKE_CUDA_TWINS") == "" {
		ptx = probePTX
	}
	m, err := c.Load("bench.ptx", ptx)
	if err != nil {
		b.Fatal(err)
	}
	name := m.Kernels()[0]
	k, err := m.Kernel(name)
	if err != nil {
		b.Fatal(err)
	}
	x, err := Alloc[byte](c, 16)
	if err != nil {
		b.Fatal(err)
	}
	var args []any
	if len(k.params) > 0 {
		args = []any{x, uint32(0)}
	}
	s, err := c.NewStream()
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{1, 100} {
		b.Run(map[int]string{1: "alone", 100: "burst"}[n], func(b *testing.B) {
			for i := 0; i < b.N; i += n {
				err := s.Burst(func(s *Stream) error {
					for range n {
						if err := k.Launch(s, Shape{}, args...); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
				if i%1000 == 0 {
					if err := s.Wait(); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
