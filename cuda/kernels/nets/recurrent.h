// The arithmetic of one unit of a recurrent layer at one ms, shared by the CPU's kernels and the GPU's. Gates are kept
// activated: a derivative needs no exponential but the one of the cell's tanh.

// Long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000), as PyTorch's nn.LSTM:
// i, f, o = sigmoid, g = tanh of their inputs, c' = f c + i g, h' = o tanh(c'). The gates' inputs become the gates.
FN float lstm_f(float *i, float *f, float *g, float *o, float *c) {
  *i = sigmoid_f(*i), *f = sigmoid_f(*f), *g = tanh_f(*g), *o = sigmoid_f(*o);
  *c = *f * *c + *i * *g;
  return *o * tanh_f(*c);
}

// dh is the gradient of h'; dc of c' by later ms, and becomes that of c, before: c. The gates become their inputs' gradients.
FN void lstm_grad_f(float *i, float *f, float *g, float *o, float c, float before, float dh, float *dc) {
  float t = tanh_f(c), d = *dc + dh * *o * (1.0f - t * t);
  float di = d * *g * *i * (1.0f - *i), dg = d * *i * (1.0f - *g * *g);
  *dc = d * *f;
  *f = d * before * *f * (1.0f - *f);
  *o = dh * t * *o * (1.0f - *o);
  *i = di, *g = dg;
}

// Gated recurrent unit (Cho et al. 2014) as PyTorch's nn.GRU, the reset gate after the product: r, z = sigmoid of their
// inputs, n = tanh(n + r q) with q = h W_n + b_n, h' = (1 - z) n + z h.
FN float gru_f(float *r, float *z, float *n, float q, float h) {
  *r = sigmoid_f(*r), *z = sigmoid_f(*z), *n = tanh_f(*n + *r * q);
  return (1.0f - *z) * *n + *z * h;
}

// d is the gradient of h'. r, z and n become their inputs' gradients, q its own; what comes back is h's, but for what
// goes by the product.
FN float gru_grad_f(float *r, float *z, float *n, float *q, float h, float d) {
  float through = d * *z, dn = d * (1.0f - *z) * (1.0f - *n * *n);
  *z = d * (h - *n) * *z * (1.0f - *z);
  *n = dn;
  dn *= *r;
  *r = dn * *q * (1.0f - *r);
  *q = dn;
  return through;
}
