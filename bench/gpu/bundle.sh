#!/usr/bin/env bash
# Packs neq, the tests, the examples and PyTorch's side of the comparison into one folder that runs on a Linux machine
# with a GPU's driver and nothing else: no Go, no gcc, no CUDA toolkit. `gpu-check` in it does the rest.
# usage: bench/gpu/bundle.sh OUT     OUT is a new folder, or an earlier bundle, which is replaced
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# = 1 ] || { echo "usage: bench/gpu/bundle.sh OUT" >&2; exit 2; }
out=$(realpath -m "$1")
if [ -e "$out" ] && [ ! -f "$out/commit" ] && [ -n "$(ls -A "$out" 2>/dev/null || echo file)" ]; then
  echo "bundle.sh: $out is there and is no earlier bundle: name another folder, or delete it" >&2
  exit 1
fi
go=${GO:-go}
commit=$(git rev-parse HEAD)
version=$(git describe --tags --always --dirty)
export CGO_ENABLED=1 CGO_CFLAGS="-O2 -I$PWD/cuda/driver/lazycuda"

new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
mkdir -p "$new/bin" "$new/bench"
"$go" build -trimpath -tags gpu -ldflags "-X main.version=$version" -o "$new/bin/neq" ./cmd/neq

# Tests run in their package's folder and read what lies there, so the tree goes along.
git ls-files -z --cached --others --exclude-standard -- bench/gpu cuda data surrogates trainer internal examples go.mod |
  while IFS= read -r -d '' f; do [ ! -e "$f" ] || printf '%s\0' "$f"; done | tar --null -T - -cf - | (mkdir "$new/src" && tar -x -C "$new/src")
cp -r "$new/src/examples" "$new/examples"

# The tests of all that can reach the driver, those that run on the GPU first.
"$go" list -tags gpu -f '{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}' \
  ./bench/gpu ./cuda/... ./surrogates/... ./trainer/... ./data/... | while read -r dir; do
  dir=${dir#"$PWD"/}
  "$go" list -tags gpu -deps -test "./$dir" | grep -qx 'neq/cuda/driver' || continue
  "$go" test -c -tags gpu -o "$new/src/$dir/$(basename "$dir").test" "./$dir"
  echo "$dir"
done | tee "$new/tests"
for dir in bench/gpu cuda/driver; do
  grep -qx "$dir" "$new/tests" || { echo "bundle.sh: the tests of $dir were not built" >&2; exit 1; }
done
if ! "$new/src/bench/gpu/gpu.test" -test.list '^TestGPUMemory$' | grep -q Memory; then
  echo "bundle.sh: bench/gpu has no TestGPUMemory: gpu-check needs it to tell whether the GPU works" >&2
  exit 1
fi

for f in "$new/bin/neq" "$new"/src/cuda/driver/driver.test; do
  if readelf -d "$f" | grep -E 'NEEDED.*(cuda|cublas|libnv)'; then
    echo "bundle.sh: $f needs the library above, so it would not start without a driver" >&2
    exit 1
  fi
done
glibc=$(find "$new/bin" "$new/src" -type f \( -name neq -o -name "*.test" \) -exec readelf -V {} + | grep -o 'GLIBC_2\.[0-9.]*' | sort -Vu | tail -1)

cp bench/gpu/step_torch_cuda.py "$new/bench/"
cp bench/gpu/check.sh "$new/gpu-check"
for reference in "${NEQ_REFERENCE:-}" ../shared/reference; do # figures measured with NEURON, some kB
  if [ -n "$reference" ] && [ -f "$reference/hh/neuron.json" ]; then
    mkdir -p "$new/reference/hh" && install -m 644 "$reference"/hh/* "$new/reference/hh/"
    break
  fi
done
{ echo "version $version"
  echo "commit $commit"
  echo "built $(date -u +%FT%TZ)"
  echo "go $("$go" env GOVERSION)"
  echo "machine $(uname -m)"
  echo "glibc ${glibc#GLIBC_}"; } >"$new/commit"
cat >"$new/README" <<'TEXT'
Copy this folder to a Linux machine with an NVIDIA GPU and its driver, and run

    ./gpu-check

It takes ten minutes at most and writes one results file; commit that under bench/results/gpu in the project.
It uses PyTorch (2 or newer, with CUDA) and compute-sanitizer where they are, and says where they are not.
PYTHON=/path/to/python ./gpu-check names the Python that has PyTorch.
TEXT
chmod 755 "$new" "$new/gpu-check"
mkdir -p "$(dirname "$out")"
rm -rf "$out"
mv "$new" "$out"
trap - EXIT
echo "$out: $(du -sh "$out" | cut -f1), $(wc -l <"$out/tests") test binaries, $version, for $(uname -m) with glibc ${glibc#GLIBC_} or newer"
