// Package ops holds the fused gorgonia operations surrogates are made of: the convolution over spike events,
// the dense causal convolution, activation, batch normalisation, heads, loss, and the solvers.
package ops

// Events are the input spikes of a batch, as events: those of batch row b are Start[b] <= i < Start[b+1], each a
// bin (ms in the window) and a synapse, in any order. Repeated events add up.
type Events struct {
	Batch, Time, Inputs int
	Start               []int   // [Batch+1]
	Bin, Synapse        []int32 // [Start[Batch]]: 0 <= Bin < Time, 0 <= Synapse < Inputs
}
