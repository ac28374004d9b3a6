#!/usr/bin/env bash
# The outside judge: the paper's protocol on the reconstructed L5 cell, scored by published networks that
# were trained on the paper's own data (l5pc_judge.py). Required: AUC >= 0.985 and RMSE <= 0.75 mV for the network of
# 54,002 parameters; on 31 episodes simulated with NEURON it has 0.9918 and 0.623 mV.
# Usage: bench/l5pc_judge.sh [episodes] [neq simulate's options ...]. PYTHON names a Python that has numpy and zarr.
set -euo pipefail
cd "$(dirname "$0")/.."
episodes=${1:-208}
[ $# -eq 0 ] || shift
python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import numpy, zarr' 2>/dev/null || { echo "l5pc_judge.sh: $python has no numpy and zarr: install them (Debian: apt install python3-zarr)" >&2; exit 1; }
reference=${NEQ_REFERENCE:-../shared/reference}
for f in l5pc/cell1.asc elm/branch_elm_d15.npz elm/branch_elm_d100_silu.npz; do
  [ -f "$reference/$f" ] || { echo "l5pc_judge.sh: reference data: set NEQ_REFERENCE to the folder that has $f" >&2; exit 1; }
done
reference=$(cd "$reference" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bin=${NEQ:-bin/neq}
TIMEFORMAT='%R %U %S'

# simulate EPISODES CONFIGURATION OPTIONS: prints what it took; the processor's time is what other work disturbs least.
simulate() {
  { time "$bin" simulate "$2" --out "$work/traces" --overwrite --quiet --device cpu --set "neuron.morphology=$reference/l5pc/cell1.asc" \
    --set "simulation.samples={test: $1}" "${@:3}" >/dev/null; } 2>"$work/time" || { cat "$work/time" >&2; exit 1; }
  awk -v s="$((6 * $1))" '{ printf "%d neuron-seconds in %.1f s and %.1f s of processor time: %.2f a second, %.2f a processor-second\n",
    s, $1, $2 + $3, s / $1, s / ($2 + $3) }' "$work/time"
}
judge() { # name episodes configuration options
  printf '\n%s\n' "$1"
  simulate "${@:2}"
  "$python" bench/l5pc_judge.py "$work/traces" "$reference/elm"
}

echo "bench/l5pc_judge.sh $episodes${*:+ $*}"
echo "commit $(git describe --always --dirty), $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg)"
printf '\n%s\n' "NEURON's own traces nmda_11 and nmda_12 (cvode): the networks' forward pass; two episodes of 2 s are too few for a score"
"$python" bench/l5pc_judge.py --neuron "$reference/l5pc" "$reference/elm"
judge "neq, cell1.asc, with NMDA" "$episodes" examples/l5pc.yaml "$@"
judge "neq, cell1.asc, without NMDA: another neuron than the networks know, here for its rates" 64 examples/l5pc-ampa.yaml "$@"

printf '\nspeed, 64 episodes\n'
for threads in 1 2; do
  printf '%s' "--threads $threads: "
  simulate 64 examples/l5pc.yaml --threads "$threads" "$@"
done | tee "$work/speed"
awk -F'[ ,]+' '/--threads 1/ { for (i = 1; i < NF; i++) if ($(i + 1) == "a" && $(i + 2) ~ /^processor-second/) rate = $i }
  END { if (rate) printf "extrapolated, not run: a data set the size of the published one, 38,400 episodes of 6 s, at that rate: %.1f core-hours (NEURON as published: about 630)\n", 38400 * 6 / rate / 3600 }' "$work/speed"
