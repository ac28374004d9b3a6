// Package ops holds the fused gorgonia operations surrogates are made of: the convolution over spike events,
// dense and depthwise causal convolutions, recurrent cells and state spaces, local attention, mixtures of experts, shared
// synaptic weights, activation, normalisation, residual sums, heads, loss, and the solvers. Activations are
// [batch][time][channel] float32. Every operation owns its buffers and gives the same bits on any number of cores.
//
// Each has a body for the CPU, in its own file, and one for a GPU, in device_*.go, which a graph uses where its builder
// has a Device: then gorgonia passes on tensors over the device's addresses, which the host never reads, and a run of
// its machine queues launches. Kernels are in cuda/kernels/nets, for the CPU in C and for the GPU in nets.cu, on the same
// arithmetic (scalar.h). What a GPU computes depends on shapes and values alone, never on the order of threads: there
// are no atomic additions.
//
// A step on a GPU: the first time a batch's kernels are launched one by one, then they are captured, and from the second
// time on a step is one graph (10 calls to the driver with the solver's two launches, where the network of one hidden
// layer made 21, and a TCN of 7 layers 98). Where the data set's episodes lie on the device (Episodes) the batch is gathered there
// from a list of windows, and a step is 4 calls: the list, the graph, the two launches. Nothing waits for the device but
// who asks for a loss or weights, and a host that is 16 steps ahead. Dense products may round their factors (Precision):
// by cuBLAS, or where it is absent on the tensor cores by kernels of our own (conv.cuh), whose twin rounds alike; on a
// CPU by its tiles or vectors (bf16.h).
//
// The GPU's bodies are tested on a fake driver that runs nets.cu on the host, thread by thread;
// that they have run on a GPU is so only where bench/results/gpu says it.
package ops
