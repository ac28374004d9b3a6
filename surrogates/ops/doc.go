// Package ops holds the fused gorgonia operations surrogates are made of: the convolution over spike events,
// the dense causal convolution, activation, batch normalisation, heads, loss, and the solvers. Activations are
// [batch][time][channel] float32. Every operation owns its buffers and gives the same bits on any number of cores.
package ops
