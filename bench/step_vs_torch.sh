#!/bin/sh
# A training step (forward, backward, Adam) of surrogates beside PyTorch's, one core each, in turns, then on two cores.
# usage: bench/step_vs_torch.sh [fcn filter tcn tcn-bf16 elm15 elm100 lstm gru]     needs python3-torch; PYTHON names another interpreter
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import torch' 2>/dev/null || { echo "step_vs_torch: no PyTorch for $python: apt install python3-torch, or set PYTHON" >&2; exit 1; }
binary=$(mktemp)
trap 'rm -f "$binary"' EXIT
go test -c -o "$binary" ./surrogates
[ $# -gt 0 ] || set -- fcn filter tcn tcn-bf16 elm15 elm100 lstm gru
echo "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), PyTorch $("$python" -c 'import torch; print(torch.__version__)'), commit $(git rev-parse --short HEAD), $(date -u +%F)"
echo "one core each, best of PyTorch's steps, best of five means of ours, one core and two in turns; PyTorch computes in float32, in rows with a + in bfloat16 where it can"
printf '%-9s %11s %16s %12s %8s %14s\n' network parameters 'PyTorch bio-s/s' 'neq bio-s/s' ratio 'two cores/one'
pin() { # cores, command
  cores=$1
  shift
  taskset -c "0-$((cores - 1))" "$@"
}
mean() { # name, threads, times
  pin "$2" "$binary" -test.run '^$' -test.bench "^BenchmarkStep\$/^$1\$/threads=$2\$" -test.benchtime "$3" |
    awk '/bio-s\/s/ {for (i = 2; i <= NF; i++) if ($i == "bio-s/s") print $(i - 1)}'
}
best() { # name, times: on one core and on two
  for _ in 1 2 3 4 5; do echo "$(mean "$1" 1 "$2") $(mean "$1" 2 "$2")"; done |
    awk '{if ($1 > one) one = $1; if ($2 > two) two = $2} END {print one, two}'
}
row() { # name, PyTorch's line, our rates on one core and on two
  echo "$*" | awk '{printf "%-9s %11d %16.2f %12.2f %8.1f %14.2f\n", $1, $3, $5, $6, $6 / $5, $7 / $6}'
}
for name; do
  steps=3 time=10x
  case $name in filter) steps=20 time=3000x ;; elm15) time=200x ;; elm100) time=50x ;; lstm | gru) time=30x ;; esac
  peer=$(pin 1 "$python" bench/step_torch.py "${name%-bf16}" "$steps")
  ours=$(best "$name" "$time")
  row "$name" "$peer" "$ours"
  case $name in *-bf16) row "$name+" "$(pin 1 "$python" bench/step_torch.py "$name" "$steps")" "$ours" ;; esac
done
