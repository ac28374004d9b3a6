#!/bin/sh
# The dense convolutions of the published TCN beside OpenBLAS's products, on one core, in turns, in processor time.
# usage: bench/conv_vs_openblas.sh     needs gcc and libopenblas-dev
set -eu
cd "$(dirname "$0")/.."
binary=$(mktemp)
trap 'rm -f "$binary"' EXIT
gcc -O3 -Icuda/kernels/nets -o "$binary" bench/openblas/conv.c cuda/kernels/nets/*.c -lopenblas -lm || { echo "conv_vs_openblas: apt install libopenblas-dev" >&2; exit 1; }
echo "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), commit $(git rev-parse --short HEAD), $(date -u +%F)"
"$binary"
