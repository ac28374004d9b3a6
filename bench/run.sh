#!/usr/bin/env bash
# Every comparison that this machine has the peers for; prints tables to keep under bench/results.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
echo "# neq beside its peers"
echo
echo "- machine: $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) cores, $(awk '/MemTotal/ {printf "%.0f GiB", $2 / 1048576}' /proc/meminfo)"
echo "- date: $(date -u +%F), commit: $(git describe --always --dirty)"
echo "- $(go version | cut -d' ' -f3,4), $(gcc --version | head -1)"
for script in bench/neuron_vs_neuron.sh bench/tree_vs_neuron.sh bench/step_vs_torch.sh; do
  echo
  echo "## $(sed -n '2s/^# //p' "$script")"
  echo
  echo '```'
  "$script" 2>&1 || echo "(not run: the line above says what is missing)"
  echo '```'
done
