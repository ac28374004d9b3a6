//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package driver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func bf16(x float32) BFloat16 { // to nearest even
	u := math.Float32bits(x)
	return BFloat16((u + 0x7fff + u>>16&1) >> 16)
}

func (x BFloat16) float() float32 { return math.Float32frombits(uint32(x) << 16) }

// host is a row-major matrix, or several, with gaps between rows and matrices.
type host struct {
	rows, cols, stride, next int
	transposed               bool
	at                       []float32
}

func newHost(rows, cols, pad, batch int, transposed bool, r *rand.Rand) *host {
	h := &host{rows: rows, cols: cols, stride: cols + pad, transposed: transposed}
	h.next = h.stride*rows + pad
	h.at = make([]float32, h.next*batch)
	for i := range h.at {
		h.at[i] = bf16(float32(r.NormFloat64())).float() // exact in every type used here
	}
	return h
}

func (h *host) get(q, i, j int) float32 {
	if h.transposed {
		i, j = j, i
	}
	return h.at[q*h.next+i*h.stride+j]
}

func onDevice(t *testing.T, c *Context, s *Stream, h *host, half bool) Matrix {
	t.Helper()
	m := Matrix{Rows: h.rows, Cols: h.cols, Stride: h.stride, Next: h.next, Transposed: h.transposed}
	if half {
		x := make([]BFloat16, len(h.at))
		for i, v := range h.at {
			x[i] = bf16(v)
		}
		b, err := Alloc[BFloat16](c, len(x))
		must(t, err)
		must(t, b.Write(s, x))
		m.Memory = b
		return m
	}
	b, err := Alloc[float32](c, len(h.at))
	must(t, err)
	must(t, b.Write(s, h.at))
	m.Memory = b
	return m
}

func fromDevice(t *testing.T, s *Stream, m Matrix) []float32 {
	t.Helper()
	switch b := m.Memory.(type) {
	case *Buffer[float32]:
		out := make([]float32, b.Len())
		must(t, b.Read(s, out))
		return out
	case *Buffer[BFloat16]:
		x := make([]BFloat16, b.Len())
		must(t, b.Read(s, x))
		out := make([]float32, len(x))
		for i, v := range x {
			out[i] = v.float()
		}
		return out
	}
	t.Fatalf("%T", m.Memory)
	return nil
}

func TestBLAS(t *testing.T) {
	if !lab.Within(t, "", true) {
		return
	}
	st := Probe(context.Background())
	if st.BLAS != "cuBLAS 12.4.5 (libcublas.so.12)" || !strings.HasSuffix(st.String(), st.BLAS) {
		t.Errorf("the probe says %q: %s", st.BLAS, st)
	}
	c, s, _ := device(t)
	b, err := c.BLAS()
	must(t, err)
	if b.Name() != st.BLAS {
		t.Errorf("name %q", b.Name())
	}
	if again, err := c.BLAS(); again != b || err != nil {
		t.Errorf("opened twice: %v", err)
	}
	if err := b.Free(); !errors.Is(err, BadArgument) {
		t.Errorf("the context's own was freed: %v", err)
	}
	own, err := c.NewBLAS()
	must(t, err)
	if own == b || own.Name() != b.Name() {
		t.Errorf("a handle of its own: %v, %s", own == b, own.Name())
	}
	must(t, own.Free())
	if err := own.Free(); !errors.Is(err, FreedTwice) {
		t.Errorf("freed twice: %v", err)
	}
	if err := own.Multiply(s, FP32, 1, 1, Matrix{}, Matrix{}, 0, Matrix{}); !errors.Is(err, UsedAfterFree) {
		t.Errorf("used after it was freed: %v", err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, x := range []struct {
		m, n, k, batch, pad int
		ta, tb              bool
		half, halfC         bool
		math                Math
		alpha, beta         float32
	}{
		{m: 5, n: 7, k: 3, batch: 1, alpha: 1},
		{m: 5, n: 7, k: 3, batch: 1, ta: true, alpha: 2, beta: -1, pad: 2},
		{m: 5, n: 7, k: 3, batch: 1, tb: true, alpha: 1, beta: 0.5, pad: 1},
		{m: 5, n: 7, k: 3, batch: 1, ta: true, tb: true, alpha: 1, pad: 3},
		{m: 1, n: 1, k: 1, batch: 1, alpha: 1},
		{m: 4, n: 6, k: 5, batch: 3, tb: true, alpha: 1, pad: 2},
		{m: 8, n: 2, k: 9, batch: 1, alpha: 1, math: TF32},
		{m: 8, n: 2, k: 9, batch: 2, ta: true, alpha: 1, math: TF32, pad: 1},
		{m: 5, n: 7, k: 3, batch: 1, alpha: 1, half: true},
		{m: 5, n: 7, k: 3, batch: 4, tb: true, alpha: 1, beta: 1, half: true, pad: 4},
		{m: 5, n: 7, k: 3, batch: 1, ta: true, alpha: 1, half: true, halfC: true, math: TF32},
	} {
		t.Run(fmt.Sprintf("%+v", x), func(t *testing.T) {
			rows, cols := x.m, x.k
			if x.ta {
				rows, cols = cols, rows
			}
			ha := newHost(rows, cols, x.pad, x.batch, x.ta, r)
			rows, cols = x.k, x.n
			if x.tb {
				rows, cols = cols, rows
			}
			hb := newHost(rows, cols, x.pad, x.batch, x.tb, r)
			hc := newHost(x.m, x.n, x.pad, x.batch, false, r)
			a, w, y := onDevice(t, c, s, ha, x.half), onDevice(t, c, s, hb, x.half), onDevice(t, c, s, hc, x.halfC)
			must(t, b.Multiply(s, x.math, x.batch, x.alpha, a, w, x.beta, y))
			got := fromDevice(t, s, y)
			// The factors have 8 bits each, so products are exact; a sum of k rounds k times, a result in bfloat16 once more.
			tolerance := float64(x.k+2) * 0x1p-24
			if x.halfC {
				tolerance = 0x1p-8
			}
			for q := range x.batch {
				for i := range x.m {
					for j := range x.n {
						sum, size := 0.0, 0.0
						for k := range x.k {
							p := float64(ha.get(q, i, k)) * float64(hb.get(q, k, j))
							sum, size = sum+p, size+math.Abs(p)
						}
						at := q*hc.next + i*hc.stride + j
						old := float64(x.beta) * float64(hc.at[at])
						want := float64(x.alpha)*sum + old
						if e := math.Abs(float64(got[at]) - want); e > tolerance*(math.Abs(float64(x.alpha))*size+math.Abs(old)) {
							t.Fatalf("[%d][%d][%d] is %g, want %g", q, i, j, got[at], want)
						}
						got[at] = hc.at[at]
					}
				}
			}
			for i := range got { // what lies between rows and matrices is left alone
				if got[i] != hc.at[i] {
					t.Fatalf("element %d outside the result changed", i)
				}
			}
		})
	}

	// In a graph: C += A B, twice.
	one, err := Alloc[float32](c, 1)
	must(t, err)
	sum, err := Alloc[float32](c, 1)
	must(t, err)
	must(t, one.Write(s, []float32{3}))
	must(t, sum.Zero(s))
	single := func(m Memory) Matrix { return Matrix{Memory: m, Rows: 1, Cols: 1} }
	g, err := s.Capture(func(s *Stream) error { return b.Multiply(s, FP32, 1, 1, single(one), single(one), 1, single(sum)) })
	must(t, err)
	must(t, g.Launch(s))
	must(t, g.Launch(s))
	if v := fromDevice(t, s, single(sum)); v[0] != 18 {
		t.Errorf("a product in a graph gives %g, want 18", v[0])
	}

	f, err := Alloc[float32](c, 100)
	must(t, err)
	h, err := Alloc[BFloat16](c, 100)
	must(t, err)
	d, err := Alloc[float64](c, 100)
	must(t, err)
	mat := func(m Memory, rows, cols int) Matrix { return Matrix{Memory: m, Rows: rows, Cols: cols} }
	good := mat(f, 10, 10)
	for name, x := range map[string]struct {
		batch   int
		a, w, y Matrix
		kind    Kind
	}{
		"shapes":             {1, good, mat(f, 9, 10), good, BadSize},
		"result":             {1, good, good, mat(f, 10, 9), BadSize},
		"too small a buffer": {1, mat(f, 10, 11), mat(f, 9, 9), mat(f, 10, 9), BadSize},
		"beyond the buffer":  {1, mat(f, 11, 10), good, mat(f, 11, 10), BadSize},
		"stride":             {1, Matrix{Memory: f, Rows: 10, Cols: 10, Stride: 9}, good, good, BadSize},
		"batch":              {2, good, good, good, BadSize},
		"types":              {1, good, mat(h, 10, 10), good, BadArgument},
		"half result":        {1, good, good, mat(h, 10, 10), BadArgument},
		"float64":            {1, mat(d, 10, 10), mat(d, 10, 10), mat(d, 10, 10), BadSize},
		"no memory":          {1, Matrix{Rows: 10, Cols: 10}, good, good, BadSize},
	} {
		t.Run(name, func(t *testing.T) { wants(t, b.Multiply(s, FP32, x.batch, 1, x.a, x.w, 0, x.y), x.kind, "multiply") })
	}
	must(t, f.Free())
	wants(t, b.Multiply(s, FP32, 1, 1, good, good, 0, good), UsedAfterFree, "multiply")
	must(t, c.Close())
	wants(t, b.Multiply(s, FP32, 1, 1, mat(h, 1, 1), mat(h, 1, 1), 0, mat(h, 1, 1)), UsedAfterFree, "closed")
}

func TestNoBLAS(t *testing.T) {
	for _, c := range []struct {
		name string
		blas bool
		env  string
		says string
	}{{"absent", false, "", "libcublas12"}, {"broken", true, "FAKE_CUBLAS_CREATE=1", "status 1"}} {
		t.Run(c.name, func(t *testing.T) {
			if !lab.Within(t, "", c.blas, c.env) {
				return
			}
			if c.name == "absent" && findBLAS() != "" {
				t.Skip("this machine has cuBLAS: needs one without")
			}
			x, _, _ := device(t)
			_, err := x.BLAS()
			wants(t, err, NoBLAS, c.says)
			must(t, x.Synchronize()) // the GPU is as good as before
			must(t, x.Close())
		})
	}
}
