#!/bin/sh
# A training step (forward, backward, Adam) of surrogates beside PyTorch's, one core each, in turns.
# usage: bench/step_vs_torch.sh [fcn filter tcn elm15 elm100 lstm gru]     needs python3-torch; PYTHON names another interpreter
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import torch' 2>/dev/null || { echo "step_vs_torch: no PyTorch for $python: apt install python3-torch, or set PYTHON" >&2; exit 1; }
binary=$(mktemp)
trap 'rm -f "$binary"' EXIT
go test -c -o "$binary" ./surrogates
[ $# -gt 0 ] || set -- fcn filter tcn elm15 elm100 lstm gru
echo "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), PyTorch $("$python" -c 'import torch; print(torch.__version__)'), commit $(git rev-parse --short HEAD), $(date -u +%F)"
printf '%-8s %12s %16s %12s %8s\n' network parameters 'PyTorch bio-s/s' 'neq bio-s/s' ratio
for name; do
  steps=3 time=20x
  case $name in filter) steps=20 time=2000x ;; elm*) time=200x ;; lstm | gru) time=60x ;; esac
  peer=$("$python" bench/step_torch.py "$name" "$steps")
  ours=$(GOMAXPROCS=1 "$binary" -test.run '^$' -test.bench "^BenchmarkStep\$/^$name\$/threads=1\$" -test.benchtime "$time" | awk '/bio-s\/s/ {for (i = 2; i <= NF; i++) if ($i == "bio-s/s") print $(i - 1)}')
  echo "$peer $ours" | awk '{printf "%-8s %12d %16.2f %12.2f %8.1f\n", $1, $2, $4, $5, $5 / $4}'
done
