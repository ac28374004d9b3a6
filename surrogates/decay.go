package surrogates

// Decays says whether weight decay takes from the tensor: from synaptic weights and matrices, not from biases, norms, time
// constants and other vectors, as is usual with PyTorch.
func (w *Weight) Decays() bool { return w.Trainable && (w.Synaptic || w.Value.Dims() > 1) }
