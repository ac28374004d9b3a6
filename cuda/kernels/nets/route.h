// The routing of one row to experts, shared by the CPU's kernels and the GPU's.

// The top experts of a row by logits, the lower index where they tie, and their gates: the softmax over the chosen.
FN void route_f(const float *logit, int experts, int top, int32_t *chosen, float *gate) {
  for (int s = 0; s < top; s++) {
    int best = -1;
    for (int e = 0; e < experts; e++) {
      int taken = 0;
      for (int i = 0; i < s; i++) taken |= chosen[i] == e;
      if (!taken && (best < 0 || logit[e] > logit[best])) best = e;
    }
    chosen[s] = best;
  }
  float most = logit[chosen[0]], sum = 0;
  for (int s = 0; s < top; s++) sum += gate[s] = exp_f(logit[chosen[s]] - most);
  for (int s = 0; s < top; s++) gate[s] /= sum;
}

// The gradient of a row's logits from that of its gates, and that of the load-balancing loss: share [experts] is the
// experts' shares of the assignments, weight the loss's coefficient times experts / rows.
FN void route_grad_f(const float *logit, const int32_t *chosen, const float *gate, const float *dgate, int experts,
                     int top, const float *share, float weight, float *dlogit) {
  float most = logit[chosen[0]], sum = 0, mean = 0, dot = 0;
  for (int e = 0; e < experts; e++) dlogit[e] = 0;
  if (weight != 0) {
    for (int e = 0; e < experts; e++) {
      float p = exp_f(logit[e] - most);
      dlogit[e] = p;
      sum += p;
      mean += p * share[e];
    }
    mean /= sum;
    for (int e = 0; e < experts; e++) dlogit[e] = weight * (dlogit[e] / sum) * (share[e] - mean);
  }
  for (int s = 0; s < top; s++) dot += gate[s] * dgate[s];
  for (int s = 0; s < top; s++) dlogit[chosen[s]] += gate[s] * (dgate[s] - dot);
}
