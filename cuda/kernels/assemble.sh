#!/bin/sh
# Assembles every ptx/*.ptx with NVIDIA's own assembler for sm_80, sm_89 and sm_90 and writes what each kernel takes
# to ptxas/table.txt, or with --check says whether that table is current. Fails where a hot kernel spills: all are
# hot but those of float64 (*_f64), which are for reference runs.
# Usage: assemble.sh [--check] [--optional]    --optional: no failure where no ptxas can be had
# PTXAS names the assembler; else it is taken from PATH if it is of the release below, from the cache, or from
# Debian's package nvidia-cuda-toolkit (non-free, 84 MB, signed; unpacked to $XDG_CACHE_HOME/neq, nothing installed).
set -eu
cd "$(dirname "$0")"
release=V11.8.89 # the register counts are this one's
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/neq/ptxas-$release
check='' optional=''
for a; do
  case $a in
  --check) check=1 ;;
  --optional) optional=1 ;;
  *) echo "assemble.sh: unknown argument $a: usage: assemble.sh [--check] [--optional]" >&2; exit 2 ;;
  esac
done

fetch() { # ptxas from Debian's package into the cache
  for tool in apt-get dpkg-deb; do command -v $tool >/dev/null || { echo "this machine has no $tool" >&2; return 1; }; done
  key=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -r "$key" ] || { echo "$key is not there: apt install debian-archive-keyring" >&2; return 1; }
  # shellcheck disable=SC2016 # apt expands these names
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' | awk '$2 == "bookworm" {print $1; exit}')
  [ -n "$mirror" ] || { echo "apt has no source of Debian 12 (bookworm) to take nvidia-cuda-toolkit from" >&2; return 1; }
  t=$(mktemp -d) || return 1
  mkdir -p "$t/lists/partial" "$t/archives/partial" "$t/x"
  echo "deb [signed-by=$key] $mirror bookworm non-free" >"$t/sources"
  set -- -qq -o Dir::Etc::sourcelist="$t/sources" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$t/lists" \
    -o Dir::Cache="$t" -o APT::Sandbox::User=root -o Acquire::Retries=2 -o Acquire::http::Timeout=30
  (cd "$t" && apt-get "$@" update && apt-get "$@" download nvidia-cuda-toolkit) >&2 &&
    dpkg-deb --fsys-tarfile "$t"/nvidia-cuda-toolkit_*.deb | tar -x -C "$t/x" ./usr/bin/ptxas &&
    mkdir -p "$cache" && mv "$t/x/usr/bin/ptxas" "$cache/ptxas.$$" && mv "$cache/ptxas.$$" "$cache/ptxas"
  ok=$?
  rm -rf "$t"
  return $ok
}

ptxas=${PTXAS:-}
if [ -z "$ptxas" ]; then
  if command -v ptxas >/dev/null && ptxas --version | grep -q "$release"; then
    ptxas=ptxas
  else
    ptxas=$cache/ptxas
    [ -x "$ptxas" ] || fetch || {
      echo "assemble.sh: no ptxas: the PTX was not assembled. Set PTXAS to one, or let this script reach a mirror of Debian 12" >&2
      [ -n "$optional" ] && exit 0
      exit 1
    }
  fi
fi
version=$("$ptxas" --version | sed -n 's/^Cuda compilation tools, //p') || version=
[ -n "$version" ] || { echo "assemble.sh: $ptxas does not run, or is no ptxas" >&2; exit 1; }

new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
bad=0
: >"$new/rows"
for ptx in ptx/*.ptx; do
  name=$(basename "$ptx" .ptx)
  target=$(sed -n 's/^\.target sm_\([0-9]*[a-z]*\).*/\1/p' "$ptx" | head -1)
  [ -n "$target" ] || { echo "assemble.sh: $ptx has no .target" >&2; exit 1; }
  case $target in
  *[a-z]) set -- "$target" ;; # PTX for sm_90a is for nothing else
  *) set --; for a in 80 89 90; do [ "$a" -lt "$target" ] || set -- "$@" "$a"; done ;;
  esac
  for a; do
    if ! "$ptxas" -v -arch="sm_$a" "$ptx" -o "$new/cubin" 2>"$new/log"; then
      echo "assemble.sh: $ptx for sm_$a:" >&2
      cat "$new/log" >&2
      bad=1
      continue
    fi
    awk -v module="$name" '
      /Compiling entry function/ { split($0, q, "\047"); kernel = q[2]; arch = q[4]; stack = store = load = 0; next }
      /Function properties for/ { own = ($NF == kernel); next }
      /bytes stack frame/ && own { stack = $1; store = $5; load = $9; next }
      /Used [0-9]+ registers/ && kernel != "" {
        shared = 0
        for (i = 1; i < NF; i++) { if ($i == "Used") regs = $(i + 1); if ($(i + 1) == "bytes" && $(i + 2) ~ /^smem/) shared = $i }
        print kernel, arch, regs, store, load, shared, stack, module
        kernel = ""
      }' "$new/log" >>"$new/rows"
  done
  entries=$(grep -c '\.entry' "$ptx")
  rows=$(awk -v m="$name" '$8 == m' "$new/rows" | wc -l)
  [ $bad = 1 ] || [ "$rows" -eq $((entries * $#)) ] ||
    { echo "assemble.sh: $ptx: $rows rows for $entries kernels and $# architectures: the log of $ptxas was not understood" >&2; exit 1; }
done
[ $bad = 0 ] || exit 1

{ echo "# Made by cuda/kernels/assemble.sh: do not edit. Assembler: ptxas, $version."
  echo "# Registers a thread; bytes spilled to and loaded from local memory, of static shared memory a block, of stack a thread."
  { echo "kernel arch registers spill-stores spill-loads shared stack ptx"
    LC_ALL=C sort -k8,8 -k1,1 -k2,2 "$new/rows"; } |
    awk '{ printf "%-32s %-7s %9s %12s %11s %7s %5s  %s\n", $1, $2, $3, $4, $5, $6, $7, $8 }'
} >"$new/table"

awk '$1 !~ /_f64$/ && $4 + $5 > 0 { printf "assemble.sh: %s for %s spills: %d bytes stored, %d loaded\n", $1, $2, $4, $5; n++ } END { exit n > 0 }' \
  "$new/rows" >&2 || bad=1
if [ -n "$check" ]; then
  if ! cmp -s "$new/table" ptxas/table.txt; then
    echo "cuda/kernels/ptxas/table.txt is not what the PTX gives: run cuda/kernels/assemble.sh" >&2
    grep -q "$version" ptxas/table.txt 2>/dev/null || echo "(it was made with another assembler than $ptxas, $version)" >&2
    diff ptxas/table.txt "$new/table" >&2 || true
    bad=1
  fi
elif ! cmp -s "$new/table" ptxas/table.txt; then
  mkdir -p ptxas
  cp "$new/table" ptxas/table.txt
  echo "wrote ptxas/table.txt"
fi
exit $bad
