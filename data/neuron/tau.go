package neuron

// MembraneTau is the time constant (ms) with which a model's voltage forgets its input, 0 where it has no single
// one: the decay to expect of a surrogate's filter.
func MembraneTau(cfg Config) (float64, error) {
	m, err := Lookup(cfg.Model)
	if err != nil {
		return 0, err
	}
	p, err := m.values(cfg.Set, cfg.Parameters)
	if err != nil {
		return 0, err
	}
	switch m.Name {
	case "lif":
		return p["tau_ms"], nil
	case "adex":
		return p["capacitance_pf"] / p["leak_ns"], nil
	}
	return 0, nil
}
