package neuron

const (
	lapicque   = "Lapicque 1907; exact step of Rotter & Diesmann 1999 (Biol Cybern 81:381)"
	beniaguev  = "Beniaguev, Segev & London 2021 (Neuron 109:2727), Fig. 1"
	potjans    = "Potjans & Diesmann 2014 (Cereb Cortex 24:785)"
	izhikev    = "Izhikevich 2003 (IEEE Trans Neural Netw 14:1569)"
	brette     = "Brette & Gerstner 2005 (J Neurophysiol 94:3637)"
	naud       = "Naud, Marcille, Clopath & Gerstner 2008 (Biol Cybern 99:335)"
	smallTimes = 1e-3 // ms: the least a time constant may be
)

func lif() Model {
	return Model{
		Name:        "lif",
		Description: "leaky integrate-and-fire",
		Source:      lapicque,
		DefaultDt:   1, CurrentUnit: "pA", ConductanceUnit: "nS",
		States: []Variable{{"v", "mV"}, {"hold", "steps"}},
		Parameters: []Parameter{
			{"tau_ms", "ms", 20, smallTimes, 1e4, "membrane time constant", beniaguev},
			{"rest_mv", "mV", -75, -200, 100, "resting potential", beniaguev},
			{"threshold_mv", "mV", -55, -200, 100, "a voltage above it is a spike", beniaguev},
			{"reset_mv", "mV", -75, -200, 100, "voltage after a spike", beniaguev},
			{"refractory_ms", "ms", 1, smallTimes, 1e3, "time at the reset voltage after a spike, a multiple of dt", beniaguev},
			{"capacitance_pf", "pF", 250, 1e-3, 1e6, "capacitance, the scale of currents and conductances", potjans},
		},
		Sets: []Set{
			{"beniaguev-2021", "the integrate-and-fire neuron that a single filter matches", beniaguev, nil, 0},
			{"potjans-diesmann-2014", "cortical neuron of the microcircuit model, synapses as currents there", potjans,
				map[string]float64{"tau_ms": 10, "rest_mv": -65, "threshold_mv": -50, "reset_mv": -65, "refractory_ms": 2}, 500},
		},
		kernel: "lif", constants: []timeConstant{parameter("tau_ms"), parameter("refractory_ms")},
		compile: func(p values) (compiled, error) {
			if p["reset_mv"] >= p["threshold_mv"] {
				return compiled{}, keyError("neuron.parameters.reset_mv", "%v is not below threshold_mv, %v: the cell would never stop firing", p["reset_mv"], p["threshold_mv"])
			}
			return compiled{
				params:    []float64{1 / p["tau_ms"], p["rest_mv"], p["reset_mv"], 0},
				initial:   []float64{p["rest_mv"], 0},
				threshold: p["threshold_mv"], currentScale: 1 / p["capacitance_pf"], conductScale: 1 / p["capacitance_pf"],
			}, nil
		},
	}
}

func izhikevich() Model {
	set := func(name, doc string, a, b, c, d, current float64) Set {
		return Set{name, doc, izhikev, map[string]float64{"a": a, "b": b, "c_mv": c, "d": d}, current}
	}
	return Model{
		Name:        "izhikevich",
		Description: "simple model of spiking neurons: two variables, all cortical firing patterns",
		Source:      izhikev,
		DefaultDt:   0.1, CurrentUnit: "mV/ms", ConductanceUnit: "1/ms",
		States: []Variable{{"v", "mV"}, {"u", "mV/ms"}},
		Parameters: []Parameter{
			{"a", "1/ms", 0.02, 1e-6, 10, "rate of recovery", izhikev},
			{"b", "1/ms", 0.2, -10, 10, "sensitivity of recovery to voltage", izhikev},
			{"c_mv", "mV", -65, -200, 29, "voltage after a spike", izhikev},
			{"d", "mV/ms", 8, -1e3, 1e3, "jump of recovery at a spike", izhikev},
			{"peak_mv", "mV", 30, 0, 200, "top of a spike, where the cell is reset", izhikev},
			{"initial_mv", "mV", -65, -200, 29, "voltage at the start; recovery starts at b times it", izhikev},
		},
		Sets: []Set{
			set("regular-spiking", "adapting excitatory cell", 0.02, 0.2, -65, 8, 10),
			set("intrinsically-bursting", "a burst, then single spikes", 0.02, 0.2, -55, 4, 10),
			set("chattering", "bursts, again and again", 0.02, 0.2, -50, 2, 10),
			set("fast-spiking", "inhibitory cell, fast and without adaptation", 0.1, 0.2, -65, 2, 10),
			set("thalamo-cortical", "tonic when depolarised, a rebound burst from hyperpolarisation", 0.02, 0.25, -65, 0.05, 2.5),
			set("resonator", "fires from subthreshold oscillations", 0.1, 0.26, -65, 2, 1),
			set("low-threshold-spiking", "inhibitory cell that adapts", 0.02, 0.25, -65, 2, 10),
		},
		kernel: "izhikevich", constants: []timeConstant{{"1/a", func(p values) float64 { return 1 / p["a"] }}},
		compile: func(p values) (compiled, error) {
			if p["c_mv"] >= p["peak_mv"] {
				return compiled{}, keyError("neuron.parameters.c_mv", "%v is not below peak_mv, %v", p["c_mv"], p["peak_mv"])
			}
			return compiled{
				params:    append(p.table("a", "b", "c_mv", "d"), 0.04, 5, 140),
				initial:   []float64{p["initial_mv"], p["b"] * p["initial_mv"]},
				threshold: p["peak_mv"], currentScale: 1, conductScale: 1,
			}, nil
		},
	}
}

func adex() Model {
	set := func(name, doc string, c, gl, el, a, tau, b, vr, i float64) Set {
		return Set{name, doc, naud, map[string]float64{"capacitance_pf": c, "leak_ns": gl, "rest_mv": el, "exp_threshold_mv": -50,
			"slope_mv": 2, "a_ns": a, "tau_w_ms": tau, "b_pa": b, "reset_mv": vr}, i}
	}
	return Model{
		Name:        "adex",
		Description: "adaptive exponential integrate-and-fire",
		Source:      brette,
		DefaultDt:   0.1, CurrentUnit: "pA", ConductanceUnit: "nS",
		States: []Variable{{"v", "mV"}, {"w", "mV/ms"}},
		Parameters: []Parameter{
			{"capacitance_pf", "pF", 281, 1e-3, 1e6, "membrane capacitance", brette},
			{"leak_ns", "nS", 30, 1e-6, 1e6, "leak conductance", brette},
			{"rest_mv", "mV", -70.6, -200, 100, "leak reversal potential", brette},
			{"exp_threshold_mv", "mV", -50.4, -200, 100, "voltage where the exponential takes over", brette},
			{"slope_mv", "mV", 2, 0.01, 50, "slope factor of the exponential", brette},
			{"a_ns", "nS", 4, -1e4, 1e4, "subthreshold adaptation", brette},
			{"tau_w_ms", "ms", 144, smallTimes, 1e5, "adaptation time constant", brette},
			{"b_pa", "pA", 80.5, -1e5, 1e5, "spike-triggered adaptation", brette},
			{"reset_mv", "mV", -70.6, -200, 100, "voltage after a spike", brette},
			{"peak_mv", "mV", 20, -100, 200, "top of a spike, where the cell is reset", brette},
		},
		Sets: []Set{
			{"regular-spiking", "the regular cell of the first paper", brette, nil, 1000},
			{"regular-bursting", "reset above the threshold: bursts", brette, map[string]float64{"tau_w_ms": 20, "b_pa": 500, "reset_mv": -45.4}, 800},
			{"fast-spiking", "adaptation below threshold only", brette, map[string]float64{"a_ns": 2 * 281 / 144.0, "b_pa": 0}, 1000},
			set("tonic", "constant intervals", 200, 10, -70, 2, 30, 0, -58, 500),
			set("adapting", "intervals that grow", 200, 12, -70, 2, 300, 60, -58, 500),
			set("initial-burst", "a fast start, then slow regular spikes", 130, 18, -58, 4, 150, 120, -50, 400),
			set("bursting", "bursts, again and again", 200, 10, -58, 2, 120, 100, -46, 210),
			set("delayed-accelerating", "a late first spike, then intervals that shrink", 200, 12, -70, -10, 300, 0, -58, 300),
			set("delayed-bursting", "a late first spike, then bursts", 100, 10, -65, -10, 90, 30, -47, 110),
			set("transient", "a few spikes at the start, then silence", 100, 10, -65, 10, 90, 100, -47, 180),
			set("irregular", "deterministic chaos", 100, 12, -60, -11, 130, 30, -48, 160),
		},
		kernel: "adex", constants: []timeConstant{{"capacitance_pf / leak_ns", func(p values) float64 { return p["capacitance_pf"] / p["leak_ns"] }}, parameter("tau_w_ms")},
		compile: func(p values) (compiled, error) {
			c := p["capacitance_pf"]
			if p["reset_mv"] >= p["peak_mv"] || p["exp_threshold_mv"] >= p["peak_mv"] {
				return compiled{}, keyError("neuron.parameters.peak_mv", "%v is not above reset_mv and exp_threshold_mv, %v and %v", p["peak_mv"], p["reset_mv"], p["exp_threshold_mv"])
			}
			if top := (p["peak_mv"] - p["exp_threshold_mv"]) / p["slope_mv"]; top > 80 {
				return compiled{}, keyError("neuron.parameters.slope_mv", "%v: peak_mv is %.3g slopes above exp_threshold_mv, at most 80: e^80 is as much as float32 holds", p["slope_mv"], top)
			}
			return compiled{
				params: []float64{p["leak_ns"] / c, p["rest_mv"], p["exp_threshold_mv"], p["slope_mv"], p["a_ns"] / c, p["tau_w_ms"],
					p["b_pa"] / c, p["reset_mv"]},
				initial:   []float64{p["rest_mv"], 0},
				threshold: p["peak_mv"], currentScale: 1 / c, conductScale: 1 / c,
			}, nil
		},
	}
}
