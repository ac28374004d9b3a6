// Package ops holds the fused gorgonia operations surrogates are made of: the convolution over spike events,
// the dense causal convolution, activation, batch normalisation, heads, loss, and the solvers. Activations are
// [batch][time][channel] float32. Every operation owns its buffers and gives the same bits on any number of cores.
//
// Each has a body for the CPU, in its own file, and one for a GPU, in device_*.go, which a graph uses where its builder
// has a Device: then gorgonia passes on tensors over the device's addresses, which the host never reads, and a run of
// its machine queues launches. Kernels are in cuda/kernels/nets, for the CPU in C and for the GPU in nets.cu, on the same
// arithmetic (scalar.h). What a GPU computes depends on shapes and values alone, never on the order of threads: there
// are no atomic additions. The GPU's bodies are tested on a fake driver that runs nets.cu on the host, thread by thread;
// that they have run on a GPU is so only where bench/results/gpu says it.
package ops
