#!/bin/sh
# Simulation speed on one core beside NEURON in one run: squid axons with one exponential synapse under
# Poisson events at 500/s, dt 0.025 ms, voltage every ms. Figures are of processor time, which other work on the
# machine disturbs least; the two take turns, and the best of each counts.
# Named CASE: hh's step and drive, unless the name ends in another step; /current: a constant current, no synapse.
# Usage: bench/neuron_vs_neuron.sh [rounds]. PYTHON names a Python that has NEURON, /usr/bin/python3 unless set.
set -eu
cd "$(dirname "$0")/.."
rounds=${1:-3}
python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import neuron' 2>/dev/null || { echo "neuron_vs_neuron.sh: $python has no NEURON: install it (Debian: apt install python3-neuron)" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go test -c -o "$work/neuron.test" ./data/neuron
i=0
while [ "$i" -lt "$rounds" ]; do
  NEURON_MODULE_OPTIONS=-nogui "$python" bench/neuron_hh.py >>"$work/neuron"
  (cd data/neuron && "$work/neuron.test" -test.run '^$' -test.bench '^BenchmarkModels$' -test.benchtime 200ms) |
    grep '^Benchmark' >>"$work/neq"
  i=$((i + 1))
done
awk '
  FNR == NR { if ($1 > peer) peer = $1; next }
  { sub("BenchmarkModels/", "", $1); sub(/-[0-9]+$/, "", $1)
    for (i = 2; i < NF; i++) if ($(i + 1) == "neuron-steps/s" && $i > best[$1]) best[$1] = $i
    if (!($1 in at)) { at[$1] = ++n; name[n] = $1 } }
  END {
    hh = best["hh/synapse"]
    printf "%-28s %14s %10s %10s\n", "", "neuron-steps/s", "x NEURON", "x our hh"
    printf "%-28s %14.3g\n", "NEURON hh/synapse", peer
    for (i = 1; i <= n; i++) {
      ratio = name[i] ~ /^hh\// ? sprintf("%.1f", best[name[i]] / peer) : "-"
      printf "%-28s %14.3g %10s %10.2f\n", name[i], best[name[i]], ratio, best[name[i]] / hh
    }
  }' "$work/neuron" "$work/neq"
