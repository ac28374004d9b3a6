//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package gpu

import (
	"errors"
	"math"
	"slices"
	"testing"

	"neq/cuda/driver"
	"neq/internal/philox"
)

// openDriver is the first GPU with a stream; a test without one skips.
func openDriver(t testing.TB) (*driver.Context, *driver.Stream) {
	t.Helper()
	c, err := driver.Open(t.Context(), 0)
	if err != nil {
		t.Skipf("needs a GPU: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := c.NewStream()
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func upload[T driver.Element](t testing.TB, c *driver.Context, s *driver.Stream, x []T) *driver.Buffer[T] {
	t.Helper()
	b, err := driver.Alloc[T](c, len(x))
	must(t, err)
	must(t, b.Write(s, x))
	return b
}

// TestGPUMemory: what goes to the device through pinned memory and across streams comes back; too much is refused with
// its kind, and the device goes on.
func TestGPUMemory(t *testing.T) {
	c, s := openDriver(t)
	const n = 1 << 20
	in, err := driver.Pin[int32](c, n)
	must(t, err)
	out, err := driver.Pin[int32](c, n)
	must(t, err)
	for i := range in.Slice() {
		in.Slice()[i] = int32(i * i)
	}
	x, err := driver.Alloc[int32](c, n)
	must(t, err)
	y, err := driver.Alloc[int32](c, n)
	must(t, err)
	other, err := c.NewStream()
	must(t, err)
	sent, err := c.NewEvent()
	must(t, err)
	must(t, x.Send(s, in))
	must(t, s.Record(sent))
	must(t, other.After(sent))
	must(t, y.Copy(other, x))
	must(t, y.Fetch(other, out))
	must(t, other.Wait())
	if !slices.Equal(in.Slice(), out.Slice()) {
		t.Error("a round trip changed the data")
	}
	_, total, err := c.Memory()
	must(t, err)
	if _, err := driver.Alloc[byte](c, int(total)*2); !errors.Is(err, driver.OutOfMemory) {
		t.Errorf("twice the device's memory: %v", err)
	}
	must(t, y.Zero(s))
	must(t, y.Fetch(s, out))
	must(t, s.Wait())
	if out.Slice()[n-1] != 0 {
		t.Error("not cleared")
	}
}

// TestGPUBLAS: products of random matrices within the rounding of the factors and of sums of 300 terms.
func TestGPUBLAS(t *testing.T) {
	c, s := openDriver(t)
	blas, err := c.BLAS()
	if errors.Is(err, driver.NoBLAS) {
		t.Skipf("needs cuBLAS: %v", err)
	}
	must(t, err)
	t.Log(blas.Name())
	const m, k, n = 70, 300, 50
	r := philox.New(1, 0, 0)
	random := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(r.Normal())
		}
		return x
	}
	a, b := random(m*k), random(k*n)
	for _, p := range []struct {
		name string
		math driver.Math
		tol  float64 // of sqrt(k), the size of a sum
	}{{"fp32", driver.FP32, 1e-6}, {"tf32", driver.TF32, 2e-3}} {
		y, err := driver.Alloc[float32](c, m*n)
		must(t, err)
		must(t, blas.Multiply(s, p.math, 1, 1, driver.Matrix{Memory: upload(t, c, s, a), Rows: m, Cols: k},
			driver.Matrix{Memory: upload(t, c, s, b), Rows: k, Cols: n}, 0, driver.Matrix{Memory: y, Rows: m, Cols: n}))
		got := make([]float32, m*n)
		must(t, y.Read(s, got))
		worst := 0.0
		for i := range m {
			for j := range n {
				sum := 0.0
				for q := range k {
					sum += float64(a[i*k+q]) * float64(b[q*n+j])
				}
				worst = max(worst, math.Abs(float64(got[i*n+j])-sum))
			}
		}
		t.Logf("%s: %.2g away at most", p.name, worst)
		if !(worst <= p.tol*math.Sqrt(k)) {
			t.Errorf("%s: %g away, want %g", p.name, worst, p.tol*math.Sqrt(k))
		}
	}
}
