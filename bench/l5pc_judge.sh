#!/usr/bin/env bash
# The outside judge: the paper's protocol on the reconstructed L5 cell, scored by published networks
# that were trained on the paper's own data (l5pc_judge.py). Required: AUC >= 0.985 and RMSE <= 0.75 mV for the network
# of 54,002 parameters; on NEURON's traces it has 0.9918 and 0.623 mV.
# Usage: bench/l5pc_judge.sh [episodes] [neq simulate's options ...]. PYTHON names a Python that has numpy and zarr.
set -eu
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
echo "commit $(git describe --always --dirty), $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg)"
bin=${NEQ:-bin/neq}
judge() { # name configuration options
  echo
  echo "$1"
  start=$(date +%s.%N)
  "$bin" simulate "$2" --out "$work/traces" --overwrite --quiet --set "neuron.morphology=$reference/l5pc/cell1.asc" \
    --set "simulation.samples={test: $episodes}" --set simulation.samples_per_shard=16 "${@:3}" >/dev/null
  stop=$(date +%s.%N)
  echo "$start $stop $episodes" | awk '{printf "simulated in %.0f s: %.2f neuron-seconds a second\n", $2 - $1, 6 * $3 / ($2 - $1)}'
  "$python" bench/l5pc_judge.py "$work/traces" "$reference/elm"
}

echo
echo "NEURON's own traces nmda_11 and nmda_12, 4 s with 6 spikes in the scored part: the networks' forward pass"
"$python" bench/l5pc_judge.py --neuron "$reference/l5pc" "$reference/elm"
judge "neq, cell1.asc, with NMDA" examples/l5pc.yaml "$@"
judge "neq, cell1.asc, without NMDA: another neuron than the networks know" examples/l5pc-ampa.yaml "$@"
