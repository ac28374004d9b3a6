package cuda

// Where the equations of several mechanisms come from.
const (
	sourceHay = "Hay et al. 2011 (PLoS Comput Biol 7:e1002107, ModelDB 139653)"
	sourceHH  = "Hodgkin & Huxley 1952 (J Physiol 117:500), as NEURON's hh.mod"
)

// TreeMechanisms is what nodes of a Tree can hold: cuda/kernels/mechanisms/list.h in words, in its order. The header of each
// (NAME.h) has its equations. Defaults are those of the soma of Hay's cell, or of the paper named; conductances per area
// have none (0), so a mechanism acts only where a cell says how much of it there is.
func TreeMechanisms() []TreeMechanism {
	g := TreeParam{"g", "uS", 0}
	sodium, potassium := []TreeParam{g, {"e", "mV", 50}}, []TreeParam{g, {"e", "mV", -85}}
	mh, m := []TreeState{{"m", ""}, {"h", ""}}, []TreeState{{"m", ""}}
	open := []TreeState{{"g", "uS"}} // the first of a synapse's two; the other is the solver's own
	return []TreeMechanism{
		{Name: "pas", Description: "leak", Source: "Ohm's law, as NEURON's pas.mod",
			Params: []TreeParam{g, {"e", "mV", -90}}},
		{Name: "hh", Description: "sodium, potassium and leak of the squid axon", Source: sourceHH,
			Params: []TreeParam{{"gna", "uS", 0}, {"gk", "uS", 0}, {"gl", "uS", 0}, {"ena", "mV", 50}, {"ek", "mV", -77}, {"el", "mV", -54.3}, {"celsius", "C", 6.3}},
			States: []TreeState{{"m", ""}, {"h", ""}, {"n", ""}}},
		{Name: "nats2", Description: "transient sodium, soma and apical dendrite", Source: sourceHay + ", after Colbert & Pan 2002", Params: sodium, States: mh},
		{Name: "nata", Description: "transient sodium, axon", Source: sourceHay + ", after Colbert & Pan 2002", Params: sodium, States: mh},
		{Name: "nap", Description: "persistent sodium", Source: sourceHay + ", after Magistretti & Alonso 1999", Params: sodium, States: mh},
		{Name: "k_tst", Description: "transient potassium", Source: sourceHay + ", after Korngreen & Sakmann 2000", Params: potassium, States: mh},
		{Name: "k_pst", Description: "persistent potassium", Source: sourceHay + ", after Korngreen & Sakmann 2000", Params: potassium, States: mh},
		{Name: "skv3_1", Description: "fast potassium", Source: sourceHay + ", after Rettig et al. 1992", Params: potassium, States: m},
		{Name: "sk_e2", Description: "calcium-activated potassium", Source: sourceHay + ", after Kohler et al. 1996", Params: potassium,
			States: []TreeState{{"z", ""}}},
		{Name: "im", Description: "muscarinic potassium", Source: sourceHay + ", after Adams et al. 1982", Params: potassium, States: m},
		{Name: "ih", Description: "hyperpolarisation-activated cations", Source: sourceHay + ", after Kole et al. 2006",
			Params: []TreeParam{g, {"e", "mV", -45}}, States: m},
		{Name: "ca_hva", Description: "high-voltage-activated calcium", Source: sourceHay + ", after Reuveni et al. 1993", Params: []TreeParam{g}, States: mh},
		{Name: "ca_lva", Description: "low-voltage-activated calcium", Source: sourceHay + ", after Avery & Johnston 1996 and Randall & Tsien 1997",
			Params: []TreeParam{g}, States: mh},
		{Name: "ca_pool", Description: "calcium below the membrane, and its reversal potential", Source: sourceHay + ", after Destexhe et al. 1994",
			Params: []TreeParam{{"gamma", "", 0.000509}, {"decay", "ms", 294.679571}, {"depth", "um", 0.1}, {"minimum", "mM", 1e-4},
				{"initial", "mM", 5e-5}, {"outside", "mM", 2}, {"celsius", "C", 6.3}, {"area", "um2", 0}},
			States: []TreeState{{"ca", "mM"}}},
		{Name: "exp2", Description: "synapse that rises and decays exponentially: AMPA, GABA_A, GABA_B", Source: "NEURON's exp2syn.mod", Synapse: true,
			Params: []TreeParam{{"rise", "ms", 0.3}, {"decay", "ms", 3}, {"e", "mV", 0}}, States: open},
		{Name: "nmda", Description: "NMDA synapse: exp2 under a magnesium block", Source: "Jahr & Stevens 1990 (J Neurosci 10:3178)", Synapse: true,
			Params: []TreeParam{{"rise", "ms", 2}, {"decay", "ms", 70}, {"e", "mV", 0}, {"magnesium", "mM", 1}, {"slope", "1/mV", 0.08}, {"scale", "mM", 3.57}}, States: open},
		{Name: "dcaap", Description: "dendritic calcium action potential, damped by strong input", Source: "Gidon et al. 2020 (Science 367:83, ModelDB 254217)",
			Params: []TreeParam{{"w", "nA", 0}, {"threshold", "mV", -36}, {"rest", "mV", -75}, {"width", "", 0.3}, {"rise", "ms", 3}, {"fall", "ms", 0.4},
				{"duration", "ms", 21}, {"refractory", "ms", 200}, {"since", "ms", 200}},
			States: []TreeState{{"a", ""}, {"b", ""}, {"k", ""}, {"steps", "steps"}}},
	}
}
