package neuron

import "math"

const (
	hodgkin    = "Hodgkin & Huxley 1952 (J Physiol 117:500), signs and rest as in NEURON's hh.mod"
	pospisch   = "Pospischil et al. 2008 (Biol Cybern 99:427), ModelDB 123623"
	faraday    = 96485.332 // C/mol
	gasRT      = 8.314463  // J/(mol K)
	perMs      = 1e3       // S/cm2 over uF/cm2, in 1/ms
	cm2PerUm2  = 1e-8
	scaleNA    = 1e-3 // nA over uF, in mV/ms
	scaleNS    = 1e-6 // nS over uF, in 1/ms
	coldest    = -5.0
	hottest    = 50.0
	mostPerCm2 = 10.0 // S/cm2
)

// geometry are the parameters of one cylinder of membrane.
func geometry(length, diameter float64, source string) []Parameter {
	return []Parameter{
		{"length_um", "um", length, 1e-3, 1e5, "length of the cylinder", source},
		{"diameter_um", "um", diameter, 1e-3, 1e5, "its diameter", source},
		{"capacitance_uf_cm2", "uF/cm2", 1, 1e-3, 1e3, "specific membrane capacitance", source},
	}
}

// capacitance is that of the whole membrane, in uF.
func (p values) capacitance() float64 {
	return math.Pi * p["length_um"] * p["diameter_um"] * cm2PerUm2 * p["capacitance_uf_cm2"]
}

func conductance(name string, v float64, doc, source string) Parameter {
	return Parameter{name, "S/cm2", v, 0, mostPerCm2, doc, source}
}

func potential(name string, v float64, doc, source string) Parameter {
	return Parameter{name, "mV", v, -200, 200, doc, source}
}

// linoid is x / (1 - exp(-x/k)), with its limit k at 0.
func linoid(x, k float64) float64 {
	if math.Abs(x/k) < 1e-7 {
		return k + x/2
	}
	return -x / math.Expm1(-x/k)
}

// fastest is the least time constant 1/(a+b) of a gate between the reversal potentials, the range of a spike.
func fastest(p values, rates func(v float64) (a, b float64)) float64 {
	least := math.Inf(1)
	for v := p["potassium_mv"]; v <= p["sodium_mv"]; v++ {
		a, b := rates(v)
		least = min(least, 1/(a+b))
	}
	return least
}

func hhPhi(p values) float64 { return math.Pow(3, (p["temperature_c"]-6.3)/10) }

func hhRates(v float64) (am, bm, ah, bh, an, bn float64) {
	return 0.1 * linoid(v+40, 10), 4 * math.Exp(-(v+65)/18),
		0.07 * math.Exp(-(v+65)/20), 1 / (1 + math.Exp(-(v+35)/10)),
		0.01 * linoid(v+55, 10), 0.125 * math.Exp(-(v+65)/80)
}

func hh() Model {
	return Model{
		Name:        "hh",
		Description: "squid giant axon: sodium, potassium and leak",
		Source:      hodgkin,
		DefaultDt:   0.025, CurrentUnit: "nA", ConductanceUnit: "nS",
		States: []Variable{{"v", "mV"}, {"m", "1"}, {"h", "1"}, {"n", "1"}},
		Parameters: append(geometry(20, 20, "a cylinder of 1257 um2, the size of a small soma"),
			conductance("sodium_s_cm2", 0.12, "maximal sodium conductance", hodgkin),
			conductance("potassium_s_cm2", 0.036, "maximal potassium conductance", hodgkin),
			conductance("leak_s_cm2", 0.0003, "leak conductance", hodgkin),
			potential("sodium_mv", 50, "sodium reversal potential", hodgkin),
			potential("potassium_mv", -77, "potassium reversal potential", hodgkin),
			potential("leak_mv", -54.3, "leak reversal potential", hodgkin),
			Parameter{"temperature_c", "C", 6.3, coldest, hottest, "temperature, a factor of 3 in 10 degrees on the gates", hodgkin},
			potential("initial_mv", -65, "voltage at the start, gates at their steady state", hodgkin),
			potential("threshold_mv", 0, "an upward crossing is a spike", hodgkin)),
		Sets:   []Set{{"squid", "repetitive firing in a band of currents", hodgkin, nil, 0.12}},
		kernel: "hh",
		constants: []timeConstant{
			{"time constant of sodium activation", func(p values) float64 {
				return fastest(p, func(v float64) (float64, float64) { a, b, _, _, _, _ := hhRates(v); return a, b }) / hhPhi(p)
			}},
		},
		compile: func(p values) (compiled, error) {
			c, cap := p["capacitance_uf_cm2"], p.capacitance()
			v := p["initial_mv"]
			am, bm, ah, bh, an, bn := hhRates(v)
			return compiled{
				params: []float64{p["sodium_s_cm2"] * perMs / c, p["potassium_s_cm2"] * perMs / c, p["leak_s_cm2"] * perMs / c,
					p["sodium_mv"], p["potassium_mv"], p["leak_mv"], hhPhi(p)},
				initial:   []float64{v, am / (am + bm), ah / (ah + bh), an / (an + bn)},
				threshold: p["threshold_mv"], currentScale: scaleNA / cap, conductScale: scaleNS / cap,
			}, nil
		},
	}
}

// pospischilSteady is the steady state of every gate at a voltage, in the kernel's order, and the time constant of
// sodium activation.
func pospischilSteady(p values, v float64) (initial []float64, tauM float64) {
	x := v - p["vt_mv"]
	steady := func(a, b float64) float64 { return a / (a + b) }
	am, bm := 0.32*linoid(x-13, 4), 0.28*linoid(40-x, 5)
	ah, bh := 0.128*math.Exp(-(x-17)/18), 4/(1+math.Exp(-(x-40)/5))
	an, bn := 0.032*linoid(x-15, 5), 0.5*math.Exp(-(x-10)/40)
	aq, bq := 0.055*linoid(v+27, 3.8), 0.94*math.Exp(-(v+75)/17)
	ar, br := 0.000457*math.Exp(-(v+13)/50), 0.0065/(1+math.Exp(-(v+15)/28))
	return []float64{v, steady(am, bm), steady(ah, bh), steady(an, bn), 1 / (1 + math.Exp(-(v+35)/10)),
		steady(aq, bq), steady(ar, br), 1 / (1 + math.Exp((v+p["vx_mv"]+81)/4)), p["calcium_rest_mm"]}, 1 / (am + bm)
}

func pospischil(cell string) Model {
	type defaults struct {
		name, doc                                          string
		size, leak, el, gna, gk, vt, gm, taumax, gl, gt, v float64
		sets                                               []Set
	}
	one := func(name, doc string, current float64) []Set { return []Set{{name, doc, pospisch, nil, current}} }
	d := map[string]defaults{
		"rs": {"pospischil-rs", "cortical regular-spiking cell: adapts", 96, 1e-4, -70, 0.05, 0.005, -55, 7e-5, 1000, 0, 0, -70,
			one("regular-spiking", "adapting spikes", 0.75)},
		"fs": {"pospischil-fs", "cortical fast-spiking interneuron: does not adapt", 67, 1.5e-4, -70, 0.05, 0.01, -55, 0, 1000, 0, 0, -70,
			one("fast-spiking", "fast spikes at constant intervals", 0.5)},
		"ib": {"pospischil-ib", "cortical intrinsically bursting cell", 96, 1e-5, -85, 0.05, 0.005, -55, 3e-5, 1000, 1.7e-4, 0, -84,
			append(one("initial-burst", "one burst, then single spikes", 0.15),
				Set{"repetitive-bursting", "bursts, again and again", pospisch, map[string]float64{"calcium_l_s_cm2": 2.2e-4}, 0.15})},
		"lts": {"pospischil-lts", "cortical low-threshold spiking cell: bursts at onset and in rebound", 96, 1e-5, -85, 0.05, 0.005, -55, 3e-5, 1000, 0, 4e-4, -84,
			append(one("bursting", "a burst at the onset of a current, as in the model's own demonstration", 0.15),
				Set{"rebound", "a burst at the end of a hyperpolarising current", pospisch, map[string]float64{"leak_mv": -60, "initial_mv": -60}, -0.075},
				Set{"regular-spiking", "adapting spikes from a more depolarised rest", pospisch, map[string]float64{"leak_mv": -75, "initial_mv": -75}, 0.12})},
	}[cell]
	return Model{
		Name:        d.name,
		Description: d.doc,
		Source:      pospisch,
		DefaultDt:   0.025, CurrentUnit: "nA", ConductanceUnit: "nS",
		States: []Variable{{"v", "mV"}, {"m", "1"}, {"h", "1"}, {"n", "1"}, {"p", "1"}, {"q", "1"}, {"r", "1"}, {"u", "1"}, {"ca", "mM"}},
		Parameters: append(geometry(d.size, d.size, pospisch),
			conductance("sodium_s_cm2", d.gna, "maximal sodium conductance", pospisch),
			conductance("potassium_s_cm2", d.gk, "maximal delayed-rectifier conductance", pospisch),
			conductance("m_s_cm2", d.gm, "maximal conductance of the slow potassium (M) current", pospisch),
			conductance("calcium_l_s_cm2", d.gl, "maximal high-threshold (L) calcium conductance", pospisch),
			conductance("calcium_t_s_cm2", d.gt, "maximal low-threshold (T) calcium conductance", pospisch),
			conductance("leak_s_cm2", d.leak, "leak conductance", pospisch),
			potential("sodium_mv", 50, "sodium reversal potential", pospisch),
			potential("potassium_mv", -100, "potassium reversal potential", pospisch),
			potential("leak_mv", d.el, "leak reversal potential", pospisch),
			potential("vt_mv", d.vt, "shift of the sodium and potassium rates", pospisch),
			potential("vx_mv", 2, "shift of the T current's rates", pospisch),
			potential("calcium_l_mv", 120.24, "reversal potential of the L current: Nernst for 2 mM over 2.4e-4 mM at 36 C; that of the T current follows calcium", pospisch),
			Parameter{"tau_max_ms", "ms", d.taumax, 1, 1e5, "scale of the M current's time constant", pospisch},
			Parameter{"calcium_depth_um", "um", 1, 1e-3, 1e3, "thickness of the calcium shell", pospisch},
			Parameter{"calcium_tau_ms", "ms", 5, 1e-2, 1e5, "decay of calcium", pospisch},
			Parameter{"calcium_rest_mm", "mM", 2.4e-4, 1e-9, 1, "calcium inside at rest", pospisch},
			Parameter{"calcium_out_mm", "mM", 2, 1e-6, 1e3, "calcium outside", pospisch},
			Parameter{"temperature_c", "C", 36, coldest, hottest, "temperature of the T current's reversal potential; the rates are those of 36 C", pospisch},
			potential("initial_mv", d.v, "voltage at the start, gates at their steady state", pospisch),
			potential("threshold_mv", 0, "an upward crossing is a spike", pospisch)),
		Sets:   d.sets,
		kernel: "pospischil",
		constants: []timeConstant{
			{"time constant of sodium activation", func(p values) float64 {
				return fastest(p, func(v float64) (float64, float64) { _, t := pospischilSteady(p, v); return 1 / t, 0 })
			}},
			parameter("calcium_tau_ms"),
		},
		compile: func(p values) (compiled, error) {
			c, cap := p["capacitance_uf_cm2"], p.capacitance()
			initial, _ := pospischilSteady(p, p["initial_mv"])
			g := func(name string) float64 { return p[name] * perMs / c }
			return compiled{
				params: []float64{g("sodium_s_cm2"), g("potassium_s_cm2"), g("m_s_cm2"), g("calcium_l_s_cm2"), g("calcium_t_s_cm2"),
					g("leak_s_cm2"), p["sodium_mv"], p["potassium_mv"], p["leak_mv"], p["vt_mv"], p["vx_mv"], p["tau_max_ms"],
					// mV/ms times uF/cm2 is 1e-6 A/cm2; over 2F and the depth in cm it is mol/cm3/s, 1e6 mM/s
					c * 1e-6 / (2 * faraday * p["calcium_depth_um"] * 1e-4) * 1e6 / 1e3,
					p["calcium_tau_ms"], p["calcium_rest_mm"], p["calcium_out_mm"],
					1e3 * gasRT * (p["temperature_c"] + 273.15) / (2 * faraday), p["calcium_l_mv"]},
				initial:   initial,
				threshold: p["threshold_mv"], currentScale: scaleNA / cap, conductScale: scaleNS / cap,
			}, nil
		},
	}
}
