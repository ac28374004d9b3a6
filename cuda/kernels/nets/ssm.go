package nets

/*
#include "nets.h"

static void ssm_coefficients(const nets_table *t, nets_ssm p, int c0, int c1, float *k) { t->ssm_coefficients(&p, c0, c1, k); }
static void ssm(const nets_table *t, int time, int channels, int states, int c0, int c1, const float *k, const float *d,
                const float *x, float *state, float *marks, float *y) {
  t->ssm(time, channels, states, c0, c1, k, d, x, state, marks, y);
}
static void ssm_grad(const nets_table *t, int time, int channels, int states, int c0, int c1, const float *k, const float *d,
                     const float *x, const float *marks, const float *dy, float *behind, float *dx, float *sums) {
  t->ssm_grad(time, channels, states, c0, c1, k, d, x, marks, dy, behind, dx, sums);
}
static void ssm_parameters(const nets_table *t, nets_ssm p, int batch, int c0, int c1, const float *sums, nets_ssm_grad g) {
  t->ssm_parameters(&p, batch, c0, c1, sums, &g);
}
*/
import "C"

// SSM are a diagonal state space's parameters, or their gradients: D and LogDt [channels], the rest [channels][states].
type SSM struct {
	Channels, States              int
	LogDt, LogA, ImagA, Re, Im, D []float32
}

func (s *SSM) c() C.nets_ssm {
	return C.nets_ssm{channels: C.int(s.Channels), states: C.int(s.States), log_dt: f(s.LogDt), log_a: f(s.LogA), imag_a: f(s.ImagA), re: f(s.Re), im: f(s.Im)}
}

// SSMCoefficients computes what SSM's time loop needs of channels c0 <= c < c1, in k [states][4][channels]: a and w.
func (k Kernels) SSMCoefficients(s *SSM, c0, c1 int, to []float32) {
	C.ssm_coefficients(k.t, s.c(), C.int(c0), C.int(c1), f(to))
}

// SSMMarks is how many states a window of so many ms leaves for SSMGrad.
func (k Kernels) SSMMarks(time int) int { return (time + int(k.t.ssm_ms) - 1) / int(k.t.ssm_ms) }

// SSM runs channels c0 <= c < c1 of one window of x [time][channels], c0 a multiple of Lanes, with the coefficients coef:
// state [states][2][channels], real and imaginary, is moved on, y [time][channels] is the output. marks
// [marks][states][2][channels] is what SSMGrad needs, or nil. One ms at a time gives the bits of all at once.
func (k Kernels) SSM(s *SSM, coef, x []float32, time, c0, c1 int, state, marks, y []float32) {
	C.ssm(k.t, C.int(time), C.int(s.Channels), C.int(s.States), C.int(c0), C.int(c1), f(coef), f(s.D), f(x), f(state), f(marks), f(y))
}

// SSMGrad goes back through channels c0 <= c < c1 of one window from a state behind it that does not count: dx
// [time][channels], and in sums [4 states + 1][channels] the gradients of the coefficients and of D. behind
// [states][2][channels] is scratch.
func (k Kernels) SSMGrad(s *SSM, coef, x, marks, dy []float32, time, c0, c1 int, behind, dx, sums []float32) {
	C.ssm_grad(k.t, C.int(time), C.int(s.Channels), C.int(s.States), C.int(c0), C.int(c1), f(coef), f(s.D), f(x), f(marks), f(dy), f(behind), f(dx), f(sums))
}

// SSMParameters computes the gradients of the parameters of channels c0 <= c < c1 from sums [batch][4 states + 1][channels].
func (k Kernels) SSMParameters(s *SSM, batch, c0, c1 int, sums []float32, grad *SSM) {
	g := C.nets_ssm_grad{log_dt: f(grad.LogDt), log_a: f(grad.LogA), imag_a: f(grad.ImagA), re: f(grad.Re), im: f(grad.Im), d: f(grad.D)}
	C.ssm_parameters(k.t, s.c(), C.int(batch), C.int(c0), C.int(c1), f(sums), g)
}
