// The orders that the first layer takes a batch's events in, by stable counting passes (Knuth, TAOCP 3, 5.2, algorithm D).

// Events of batch row b are first[b] <= i < first[b+1]. Gives the index of the first that is out of range, or -1 and
//   synapse-major, by synapse, bin, row:          start [inputs+1], row (b*time + bin), at (bin)
//   block-major, by group, bin, synapse:          group [blocks*batch*dilation+1], key (synapse*taps - step), step
// where a group is a block of synapses, a row and a phase (bin modulo dilation), and step is bin/dilation; narrow puts
// the synapse before the bin there. count is [3*time + 2*inputs + groups + batch + 3] and spare [4*events] words of scratch.
static int64_t order_events(const int64_t *first, const int32_t *bin, const int32_t *synapse, int batch, int time,
                            int inputs, int taps, int dilation, int block, int narrow, int32_t *count, int32_t *spare,
                            int64_t *start, int32_t *row, int32_t *at, int64_t *group, int32_t *key, int32_t *step) {
  const int64_t n = first[batch];
  const int groups = (inputs + block - 1) / block * batch * dilation;
  int32_t *by_bin = count, *by_synapse = by_bin + time + 1, *by_group = by_synapse + inputs + 1;
  int32_t *part = by_group + groups + 1;                     // of a synapse: its block's first group
  int32_t *steps = part + inputs, *phase = steps + time;     // of a bin
  int32_t *cursor = phase + time;                            // of a row
  int32_t(*pair)[2] = (int32_t(*)[2])spare;
  int ascends = 1; // the rows' events come by bin, as a simulation writes them: a pass less
  memset(count, 0, sizeof(int32_t) * (time + inputs + groups + 3));
  for (int s = 0; s < inputs; s++) part[s] = s / block * batch * dilation;
  for (int t = 0; t < time; t++) steps[t] = t / dilation, phase[t] = t % dilation;
  for (int b = 0; b < batch; b++)
    for (int64_t i = first[b], last = 0; i < first[b + 1]; i++) {
      int32_t t = bin[i], s = synapse[i];
      if ((uint32_t)t >= (uint32_t)time || (uint32_t)s >= (uint32_t)inputs) return i;
      ascends &= t >= last, last = t;
      by_synapse[s + 1]++;
    }
  start[0] = group[0] = 0;
  for (int s = 0; s < inputs; s++) start[s + 1] = by_synapse[s + 1] += by_synapse[s];

  // Row and bin by synapse, as pairs: one scattered write.
  if (ascends) {
    for (int b = 0; b < batch; b++) cursor[b] = (int32_t)first[b];
    for (int32_t t = 0; t < time; t++)
      for (int b = 0; b < batch; b++) {
        const int32_t end = (int32_t)first[b + 1];
        int32_t i = cursor[b];
        for (; i < end && bin[i] == t; i++) {
          int32_t p = by_synapse[synapse[i]]++;
          pair[p][0] = b, pair[p][1] = t;
        }
        cursor[b] = i;
      }
  } else {
    for (int64_t i = 0; i < n; i++) by_bin[bin[i] + 1]++;
    for (int t = 0; t < time; t++) by_bin[t + 1] += by_bin[t];
    for (int b = 0; b < batch; b++)
      for (int64_t i = first[b]; i < first[b + 1]; i++) {
        int32_t p = by_bin[bin[i]]++;
        row[p] = b, at[p] = synapse[i];
      }
    int32_t i = 0; // where a bin's events started is where those of the bin before now end
    for (int t = 0; t < time; t++)
      for (; i < by_bin[t]; i++) {
        int32_t p = by_synapse[at[i]]++;
        pair[p][0] = row[i], pair[p][1] = t;
      }
  }
  for (int64_t i = 0; i < n; i++) row[i] = pair[i][0] * time + pair[i][1], at[i] = pair[i][1];
  if (groups == batch) { // a group is a row
    for (int b = 0; b < batch; b++) by_group[b + 1] = (int32_t)(first[b + 1] - first[b]);
  } else {
    for (int s = 0; s < inputs; s++) {
      int32_t *of = by_group + 1 + part[s];
      for (int64_t i = start[s]; i < start[s + 1]; i++) of[pair[i][0] * dilation + phase[pair[i][1]]]++;
    }
  }
  for (int g = 0; g < groups; g++) group[g + 1] = by_group[g + 1] += by_group[g];
  if (narrow) {
    for (int s = 0; s < inputs; s++) {
      int32_t *of = by_group + part[s], k = s * taps;
      for (int64_t i = start[s]; i < start[s + 1]; i++) {
        int32_t t = pair[i][1], p = of[pair[i][0] * dilation + phase[t]]++;
        step[p] = steps[t], key[p] = k - steps[t];
      }
    }
    return -1;
  }
  // Block by block, so that what is written to lies in the first cache: by bin, then by group.
  int32_t(*next)[2] = pair + n; // row and synapse
  for (int s0 = 0; s0 < inputs; s0 += block) {
    const int s1 = s0 + block < inputs ? s0 + block : inputs;
    memset(by_bin, 0, sizeof(int32_t) * (time + 1));
    for (int64_t i = start[s0]; i < start[s1]; i++) by_bin[at[i] + 1]++;
    for (int t = 0; t < time; t++) by_bin[t + 1] += by_bin[t];
    for (int s = s0; s < s1; s++)
      for (int64_t i = start[s]; i < start[s + 1]; i++) {
        int32_t p = by_bin[pair[i][1]]++;
        next[p][0] = pair[i][0], next[p][1] = s;
      }
    int32_t i = 0;
    for (int t = 0; t < time; t++) {
      int32_t *of = by_group + part[s0] + phase[t], k = steps[t];
      for (; i < by_bin[t]; i++) {
        int32_t p = of[next[i][0] * dilation]++;
        step[p] = k, key[p] = next[i][1] * taps - k;
      }
    }
  }
  return -1;
}
