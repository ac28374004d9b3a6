#!/bin/sh
# Writes what is generated from the kernel sources, or with --check says whether it is current:
#   ptx/NAME.ptx     PTX of every NAME.cu one folder down (clang, no CUDA toolkit needed)
#   */sources.h      a sum of the headers that packages cells and trees include from other folders, so that Go's build
#                    cache, which looks at a package's own folder alone, builds them again when one changes
# Usage: generate.sh [--check]. CLANG names the compiler, clang-19 unless set: PTX differs between versions.
set -eu
cd "$(dirname "$0")"
clang=${CLANG:-clang-19}
check=${1:-}
command -v "$clang" >/dev/null || { echo "generate.sh: $clang not found: install it (Debian: apt install clang-19)" >&2; exit 1; }
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
mkdir -p "$new/ptx" "$new/cells" "$new/trees"

for cu in */*.cu; do
  name=$(basename "$cu" .cu)
  case $cu in
  inputs/*) set -- -ffp-contract=off ;; # the same events to the bit as on the CPU
  nets/*) set -- -ffp-contract=fast ;; # their exponential rounds by adding and subtracting, and NaN must show
  cells/*) set -- -ffast-math -fgpu-flush-denormals-to-zero ;; # as the CPU's kernels do; divisions are shorter for it
  trees/*) # what cancels is where the source says; without -fassociative-math divisions must be told to be short
    set -- -ffast-math -fno-associative-math -fgpu-flush-denormals-to-zero -mllvm -nvptx-prec-divf32=0 ;;
  *) set -- -ffast-math ;;
  esac
  "$clang" -x cuda --cuda-device-only -nocudainc -nocudalib --cuda-gpu-arch=sm_80 --cuda-feature=+ptx70 -O3 "$@" \
    -I. -Wno-unknown-cuda-version -S -o "$new/raw" "$cu"
  { echo "// Made by cuda/kernels/generate.sh from $cu: do not edit."
    grep -v -e '^[[:space:]]*\.file' -e '^[[:space:]]*\.loc[[:space:]]' "$new/raw"; } >"$new/ptx/$name.ptx"
done
{ echo "// Made by ../generate.sh: do not edit. It changes with the headers one folder up, which Go's build cache does not"
  echo "// see. Sum of all of them:"
  echo "// $(cat ./*.h | sha256sum | cut -c1-64)"; } >"$new/cells/sources.h"
{ echo "// Made by ../generate.sh: do not edit. It changes with the headers of other folders, which Go's build cache does not"
  echo "// see. Sum of all of them:"
  echo "// $(cat ./*.h mechanisms/*.h | sha256sum | cut -c1-64)"; } >"$new/trees/sources.h"

stale=0
for f in "$new"/ptx/*.ptx "$new"/*/sources.h; do
  to=${f#"$new"/}
  if [ "$check" = --check ]; then
    cmp -s "$f" "$to" || { echo "$to is not what its sources make: run cuda/kernels/generate.sh" >&2; stale=1; }
  else
    mkdir -p "$(dirname "$to")"
    cmp -s "$f" "$to" || { cp "$f" "$to"; echo "wrote $to"; }
  fi
done
exit $stale
