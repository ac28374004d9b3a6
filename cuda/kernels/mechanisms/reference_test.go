package mechanisms

import "math"

// The equations again, in plain float64, as the papers state them: Hay et al. 2011 (PLoS Comput Biol 7:e1002107), Hodgkin &
// Huxley 1952.

var q = math.Pow(2.3, 1.3)

// e is x/(1-exp(-x/k)), by its series where that cancels.
func e(x, k float64) float64 {
	if math.Abs(x/k) < 1e-5 {
		return k * (1 + x/k/2)
	}
	return x / -math.Expm1(-x/k)
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// gating is a gate's steady state and time constant at v and calcium ca (mM).
type gating func(v, ca float64) (inf, tau float64)

func rates(a, b func(v float64) float64, q float64) gating {
	return func(v, _ float64) (float64, float64) { return a(v) / (a(v) + b(v)), 1 / (a(v) + b(v)) / q }
}

func sodiumM(shift float64) gating {
	return rates(func(v float64) float64 { return 0.182 * e(v+shift, 6) }, func(v float64) float64 { return 0.124 * e(-v-shift, 6) }, q)
}

func sodiumH(shift float64) gating {
	return rates(func(v float64) float64 { return 0.015 * e(-v-shift, 6) }, func(v float64) float64 { return 0.015 * e(v+shift, 6) }, q)
}

func gauss(x float64) float64 { return math.Exp(-x * x) }

type reference struct {
	gates []gating
	open  func(x []float64) float64
}

func m3h(x []float64) float64 { return x[0] * x[0] * x[0] * x[1] }
func m2h(x []float64) float64 { return x[0] * x[0] * x[1] }
func one(x []float64) float64 { return x[0] }

// references are the channels of one conductance.
var references = map[string]reference{
	"nats2": {[]gating{sodiumM(32), sodiumH(60)}, m3h},
	"nata":  {[]gating{sodiumM(38), sodiumH(66)}, m3h},
	"nap": {[]gating{func(v, _ float64) (float64, float64) {
		_, tau := sodiumM(38)(v, 0)
		return sigmoid((v + 52.6) / 4.6), 6 * tau
	}, func(v, _ float64) (float64, float64) {
		return sigmoid(-(v + 48.8) / 10), 1 / (2.88e-6*e(-v-17, 4.63) + 6.94e-6*e(v+64.4, 2.63)) / q
	}}, m3h},
	"k_tst": {[]gating{func(v, _ float64) (float64, float64) {
		u := v + 10
		return sigmoid(u / 19), (0.34 + 0.92*gauss((u+71)/59)) / q
	}, func(v, _ float64) (float64, float64) {
		u := v + 10
		return sigmoid(-(u + 66) / 10), (8 + 49*gauss((u+73)/23)) / q
	}}, func(x []float64) float64 { return math.Pow(x[0], 4) * x[1] }},
	"k_pst": {[]gating{func(v, _ float64) (float64, float64) {
		u := v + 10
		tau := 1.25 + 13*math.Exp(-0.026*u)
		if u < -50 {
			tau = 1.25 + 175.03*math.Exp(0.026*u)
		}
		return sigmoid((u + 1) / 12), tau / q
	}, func(v, _ float64) (float64, float64) {
		u := v + 10
		return sigmoid(-(u + 54) / 11), (360 + (1010+24*(u+55))*gauss((u+75)/48)) / q
	}}, m2h},
	"skv3_1": {[]gating{func(v, _ float64) (float64, float64) {
		return sigmoid((v - 18.7) / 9.7), 4 * sigmoid((v+46.56)/44.14)
	}}, one},
	"sk_e2": {[]gating{func(_, ca float64) (float64, float64) { return 1 / (1 + math.Pow(4.3e-4/ca, 4.8)), 1 }}, one},
	"im": {[]gating{rates(func(v float64) float64 { return 3.3e-3 * math.Exp(0.1*(v+35)) },
		func(v float64) float64 { return 3.3e-3 * math.Exp(-0.1*(v+35)) }, q)}, one},
	"ih": {[]gating{rates(func(v float64) float64 { return 0.00643 * (v + 154.9) / math.Expm1((v+154.9)/11.9) },
		func(v float64) float64 { return 0.193 * math.Exp(v/33.1) }, 1)}, one},
	"ca_hva": {[]gating{rates(func(v float64) float64 { return 0.055 * e(v+27, 3.8) },
		func(v float64) float64 { return 0.94 * math.Exp(-(v+75)/17) }, 1),
		rates(func(v float64) float64 { return 0.000457 * math.Exp(-(v+13)/50) },
			func(v float64) float64 { return 0.0065 * sigmoid((v+15)/28) }, 1)}, m2h},
	"ca_lva": {[]gating{func(v, _ float64) (float64, float64) {
		u := v + 10
		return sigmoid((u + 30) / 6), (5 + 20*sigmoid(-(u+25)/5)) / q
	}, func(v, _ float64) (float64, float64) {
		u := v + 10
		return sigmoid(-(u + 80) / 6.4), (20 + 50*sigmoid(-(u+40)/7)) / q
	}}, m2h},
	"hh": {[]gating{
		rates(func(v float64) float64 { return 0.1 * e(v+40, 10) }, func(v float64) float64 { return 4 * math.Exp(-(v+65)/18) }, 1),
		rates(func(v float64) float64 { return 0.07 * math.Exp(-(v+65)/20) }, func(v float64) float64 { return sigmoid((v + 35) / 10) }, 1),
		rates(func(v float64) float64 { return 0.01 * e(v+55, 10) }, func(v float64) float64 { return 0.125 * math.Exp(-(v+65)/80) }, 1),
	}, nil},
}
