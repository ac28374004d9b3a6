#!/bin/sh
# What bfloat16 costs in fidelity on a CPU: one surrogate of the integrate-and-fire neuron (examples/integrate-and-fire.yaml, its
# 1,200 training episodes) in float32 and in bf16 from the same seeds, which draw the weights and the windows, scored in
# float32 on the 300 test episodes.
# usage: bench/precision.sh [SEED ..]     STEPS and SURROGATE (YAML) change what is trained
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- 1 2 3 4 5
steps=${STEPS:-800}
surrogate=${SURROGATE:-'{family: tcn, depth: 4, width: 32, kernels: [20, 12, 12, 12], batch_norm: true}'}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -tags gpu -o "$work/neq" ./cmd/neq
"$work/neq" simulate examples/integrate-and-fire.yaml --out "$work/data" -q
echo "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), commit $(git rev-parse --short HEAD), $(date -u +%F)"
echo "$surrogate, $steps steps of 16 windows of 400 ms, learning rate 0.003"
printf '%4s %-8s %9s %12s %12s %12s\n' seed factors AUC 'average pr.' 'RMSE mV' 'train s'
number() { sed -n "s/^ *\"$1\": \([-0-9.e]*\),*\$/\1/p" | head -1; }
for seed; do
  for precision in float32 bf16; do
    out=$work/$seed-$precision
    "$work/neq" train examples/integrate-and-fire.yaml --data "$work/data" --out "$out" --device cpu --set "training.seed=$seed" --precision "$precision" -q \
      --set "surrogates=[$surrogate]" --set "training.steps=$steps" --set "training.validate_every=$steps" --set training.learning_rate=0.003 >"$work/train"
    "$work/neq" eval "$out" --data "$work/data" --device cpu --json >"$work/scores"
    printf '%4d %-8s %9.5f %12.4f %12.4f %12.1f\n' "$seed" "$precision" "$(number auc <"$work/scores")" "$(number average_precision <"$work/scores")" \
      "$(number voltage_rmse_mv <"$work/scores")" "$(number seconds <"$out/model.json")"
  done
done
