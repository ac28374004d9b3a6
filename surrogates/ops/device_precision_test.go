//go:build (gpu || cuda) && linux && cgo && (amd64 || arm64)

package ops

import (
	"fmt"
	"math"
	"testing"

	"gorgonia.org/tensor"

	"neq/internal/philox"
)

// rounded is x at a precision's mantissa, to nearest even.
func rounded(p Precision, x float32) float64 {
	drop := map[Precision]uint{Float32: 0, TF32: 13, BF16: 16}[p]
	u := math.Float32bits(x)
	if drop > 0 {
		u = (u + 1<<(drop-1) - 1 + u>>drop&1) >> drop << drop
	}
	return float64(math.Float32frombits(u))
}

// The products of a convolution and of its gradients, with factors rounded as the precision says: within float32's
// rounding of sums in float64 of such factors, and by tensor core or cuBLAS the same.
func testPrecision(t *testing.T, p Precision) {
	d := device(t, DeviceOptions{})
	for _, c := range []struct{ batch, time, cin, cout, taps, dilation int }{
		{2, 70, 16, 24, 3, 1}, {1, 33, 8, 70, 2, 5}, {3, 300, 9, 8, 12, 2}, {1, 5, 1, 1, 1, 1}, {1, 130, 64, 64, 1, 1},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			b, err := NewDeviceBuilder(d, true, p)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			v := conv{b: b, precision: p, batch: c.batch, time: c.time, cin: c.cin, cout: c.cout, taps: c.taps, dilation: c.dilation}
			if err := v.room(); err != nil {
				t.Fatal(err)
			}
			r := philox.New(3, 0, 1)
			rows := c.batch * c.time
			draw := func(shape ...int) (*tensor.Dense, []float32) {
				x := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(shape...))
				for i := range floats(x) {
					floats(x)[i] = float32(r.Normal())
				}
				return x, floats(x)
			}
			x, xs := draw(rows, c.cin)
			w, ws := draw(c.taps, c.cin, c.cout)
			bias, bs := draw(c.cout)
			dy, dys := draw(rows, c.cout)
			hosts := []*tensor.Dense{x, w, bias, dy}
			if err := d.Adopt(hosts...); err != nil {
				t.Fatal(err)
			}
			defer d.Release(hosts...)
			at := func(h *tensor.Dense) operand {
				buf, err := d.find(h)
				if err != nil {
					t.Fatal(err)
				}
				return operand{buf: buf}
			}
			exact, off := 0.0, 0.0
			run := func(what string, body gpuBody, n int, want []float64, in ...operand) {
				t.Helper()
				out, err := d.tensor(tensor.Shape{n})
				if err != nil {
					t.Fatal(err)
				}
				defer d.free(out)
				if err := body(in, out.buf); err != nil {
					t.Fatal(err)
				}
				got, err := d.Read(out.value)
				if err != nil {
					t.Fatal(err)
				}
				scale := 1.0
				for _, w := range want {
					scale = max(scale, math.Abs(w))
				}
				for i, w := range want {
					if !(math.Abs(float64(got[i])-w) <= 2e-6*scale) {
						t.Fatalf("%s[%d] = %v, want %v (largest %v)", what, i, got[i], w, scale)
					}
				}
			}
			y, dx, dw := make([]float64, rows*c.cout), make([]float64, rows*c.cin), make([]float64, len(ws))
			for row := range rows {
				for o := range c.cout {
					s, full := float64(bs[o]), float64(bs[o])
					g := rounded(p, dys[row*c.cout+o])
					for k := range c.taps {
						from := row - k*c.dilation
						if row%c.time < k*c.dilation {
							break
						}
						for i := range c.cin {
							at := (k*c.cin+i)*c.cout + o
							s += rounded(p, xs[from*c.cin+i]) * rounded(p, ws[at])
							full += float64(xs[from*c.cin+i]) * float64(ws[at])
							dx[from*c.cin+i] += g * rounded(p, ws[at])
							dw[at] += g * rounded(p, xs[from*c.cin+i])
						}
					}
					y[row*c.cout+o] = s
					exact, off = max(exact, math.Abs(full)), max(off, math.Abs(full-s))
				}
			}
			run("y", v.gpu, len(y), y, at(x), at(w), at(bias))
			run("dx", v.gpuDX, len(dx), dx, at(w), at(dy))
			run("dw", v.gpuDW, len(dw), dw, at(x), at(dy))
			if p != Float32 && off < 1e-5*exact { // far beyond the tolerance above: rounding was seen
				t.Errorf("rounding moves the largest of %g by %g: the test sees nothing", exact, off)
			}
		})
	}
}

func TestPrecisionOnGPU(t *testing.T) {
	for _, p := range []Precision{Float32, TF32, BF16} {
		t.Run(p.String(), func(t *testing.T) {
			if lab.Within(t, "", false) {
				testPrecision(t, p)
			}
		})
	}
}

func TestPrecisionOnGPUWithBLAS(t *testing.T) {
	for _, p := range []Precision{Float32, TF32, BF16} {
		t.Run(p.String(), func(t *testing.T) {
			if lab.Within(t, "", true) {
				testPrecision(t, p)
			}
		})
	}
}

func TestParsePrecision(t *testing.T) {
	for s, want := range map[string]Precision{"": Float32, "float32": Float32, "tf32": TF32, "bf16": BF16} {
		if p, err := ParsePrecision(s); err != nil || p != want {
			t.Errorf("%q: %v, %v", s, p, err)
		}
	}
	if _, err := ParsePrecision("fp8"); err == nil {
		t.Error("fp8: no error")
	}
}
