#!/bin/sh
# Runs every GPU test, the GPU benchmarks beside PyTorch, an experiment end to end on the GPU and on the CPU, and
# compute-sanitizer, within ten minutes, and writes one results file. It is `gpu-check` in the folder that
# bench/gpu/bundle.sh packs, and runs there. Steps have time limits; what is finished is in the file at once.
# usage: gpu-check [--dry-run] [RESULTS]    RESULTS: the file, gpu-DATE-DEVICE.txt unless named; it must not be there
#   --dry-run   all steps with stand-ins that need no GPU: shows that the bundle is whole and starts on this machine
# PYTHON names a Python with PyTorch. Exit status: 0 all passed, 1 something failed or there is no GPU, 2 usage.
set -u
dry='' out=''
for a; do
  case $a in
  --dry-run) dry=1 ;;
  -h | --help) sed -n '2,8s/^# //p' "$0"; exit 0 ;;
  -*) echo "gpu-check: unknown option $a: usage: gpu-check [--dry-run] [RESULTS]" >&2; exit 2 ;;
  *) [ -z "$out" ] || { echo "gpu-check: one results file, please" >&2; exit 2; }
    case $a in /*) out=$a ;; *) out=$PWD/$a ;; esac ;;
  esac
done
here=$(cd "$(dirname "$0")" && pwd)
[ -f "$here/tests" ] ||
  { echo "gpu-check: $here is no bundle: pack one with bench/gpu/bundle.sh OUT and run OUT/gpu-check" >&2; exit 2; }
fact() { sed -n "s/^$1 //p" "$here/commit"; }
[ "$(uname -m)" = "$(fact machine)" ] || { echo "gpu-check: the bundle is for $(fact machine), this machine is $(uname -m): pack it on such a machine" >&2; exit 1; }
command -v timeout >/dev/null || { echo "gpu-check: no timeout command: install coreutils" >&2; exit 1; }
"$here/bin/neq" --version >/dev/null 2>&1 ||
  { echo "gpu-check: neq does not start here: it needs glibc $(fact glibc) or newer ($(getconf GNU_LIBC_VERSION 2>/dev/null || echo "no glibc found")): pack the bundle on an older system" >&2; "$here/bin/neq" --version >&2; exit 1; }

# What is there. nvidia-smi need not be; a container may hide /proc/driver; the driver has the last word below.
gpus=$(nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.mem,power.limit --format=csv,noheader 2>/dev/null) || gpus=''
[ -n "$gpus" ] || gpus=$(sed -n 's/^Model:[[:space:]]*//p' /proc/driver/nvidia/gpus/*/information 2>/dev/null)
[ -n "$gpus" ] || { [ -e /dev/nvidia0 ] || [ -e /dev/dxg ]; } && gpus=${gpus:-unnamed NVIDIA GPU}
if [ -z "$gpus" ] && [ -z "$dry" ]; then
  echo "gpu-check: no NVIDIA GPU on this machine (no nvidia-smi that lists one, nothing in /proc/driver/nvidia/gpus, no /dev/nvidia0 and no /dev/dxg). Nothing was run." >&2
  "$here/bin/neq" doctor 2>/dev/null | grep -i -A1 'gpu' >&2
  exit 1
fi
name=$(printf '%s' "$gpus" | head -n 1 | sed 's/,.*//; s/^NVIDIA //; s/[^A-Za-z0-9]\{1,\}/-/g' | tr '[:upper:]' '[:lower:]')
[ -z "$dry" ] || name='dry-run'
[ -n "$out" ] || out=$PWD/gpu-$(date -u +%F)-$name.txt
[ ! -e "$out" ] || { echo "gpu-check: $out is there already: name another file, or move it away" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
: >"$out" || exit 1
began=$(date +%s)
ends=$((began + 585))
if [ -z "${NEQ_REFERENCE:-}" ] && [ -d "$here/reference" ]; then export NEQ_REFERENCE="$here/reference"; fi

put() { printf '%s\n' "$*" | tee -a "$out"; }
heading() { put ""; put "## $*"; put ""; }
left() { echo $((ends - $(date +%s))); }
summary() { printf '%-8s %4ss  %s\n' "$1" "$2" "$3" >>"$work/summary"; } # status, seconds, step

# step NAME LIMIT COMMAND...: runs it in this folder with a time limit, all output in $work/log. Sets status to passed,
# failed or timeout, and code to its exit status. COMMAND is replaced in a dry run by $stand if that is set.
stand=''
step() {
  title=$1 limit=$2
  shift 2
  over=$(($(left) - 5))
  [ "$over" -ge "$limit" ] || limit=$over
  if [ "$limit" -lt 3 ]; then
    status=notime seconds=0
    echo "no time was left" >"$work/log"
  else
    if [ -n "$dry" ]; then
      echo "(dry run) would run, for at most $limit s: $*" >"$work/would"
      if [ -n "$stand" ]; then set -- sh -c "$stand"; else set -- true; fi
    fi
    from=$(date +%s)
    timeout -k 5 "$limit" "$@" >"$work/log" 2>&1 </dev/null
    code=$?
    seconds=$(($(date +%s) - from))
    case $code in 0) status=passed ;; 124 | 137) status=timeout ;; *) status=failed ;; esac
    [ -z "$dry" ] || cat "$work/would" >>"$out"
  fi
  summary "$status" "$seconds" "$title"
  put "$title: $status, $seconds s"
}
absent() { # NAME WHY
  summary absent 0 "$1"
  put "$1: not run: $2"
}
tail_of() { tail -n "$1" "$work/log" | cut -c1-300 | sed 's/^/    /' | tee -a "$out"; }

put "# neq on a GPU: what gpu-check measured"
[ -z "$dry" ] || put "DRY RUN: stand-ins ran instead of the steps. Nothing here was measured, on a GPU or otherwise."
put ""
put "- device: $(printf '%s' "${gpus:-none (dry run)}" | tr '\n' ';')"
put "  (name, driver, memory, highest clocks of the processors and of memory, power limit)"
put "- driver: $(head -n 1 /proc/driver/nvidia/version 2>/dev/null || echo "/proc/driver/nvidia/version is not there")"
put "- date: $(date -u +%FT%TZ)"
put "- neq: $(fact version), commit $(fact commit), $(fact go), packed $(fact built)"
case $(fact version) in *-dirty) put "  (the tree had changes that were not committed: not a result to quote)" ;; esac
put "- host: $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), $(nproc) processors, Linux $(uname -r)"
put "- in use by others at the start: $(nvidia-smi --query-compute-apps=pid,used_memory --format=csv,noheader 2>/dev/null | tr '\n' ';' | grep . || echo "nothing, or not known")"

heading "The GPU starts"
"$here/bin/neq" doctor 2>&1 | sed 's/^/    /' | tee -a "$out"
cd "$here/src/bench/gpu" || exit 1
stand="./gpu.test -test.list '^TestGPUMemory\$' | grep TestGPUMemory"
step "probe, context, memory" 40 ./gpu.test -test.v -test.run '^TestGPUMemory$'
tail_of 12
if [ -z "$dry" ] && { [ $status != passed ] || ! grep -q '^--- PASS' "$work/log"; }; then
  put ""
  put "The GPU could not be used, for the reason above. Nothing else was run."
  echo "gpu-check: the GPU could not be used: $out" >&2
  exit 1
fi

heading "Tests"
# tally sums up a -test.v log; a test that skips for want of a GPU has failed here.
tally() {
  awk -v most=60 '
    /^=== RUN/ { next }
    /^ *--- PASS/ { pass++; take = 0; next }
    /^ *--- FAIL/ { fail++; sub(/^ */, ""); shown[++n] = $0; take = 25; next }
    /^ *--- SKIP/ { skip++; take = 0; why[said]++ # a reason comes before its verdict
      if (said ~ /GPU|no NVIDIA|libcuda|driver/ && said !~ /needs one without|gcc|two|second|several/) { wanting++; first = said } next }
    /_test\.go:[0-9]+: / { said = $0; sub(/^.*_test\.go:[0-9]+: /, "", said) }
    take > 0 { take--; shown[++n] = $0 }
    /^panic:|^fatal error:|SIGSEGV/ { fail++; shown[++n] = $0; take = 25 }
    END {
      printf "    %d passed, %d failed, %d skipped\n", pass, fail, skip
      for (w in why) printf "    skipped %d: %s\n", why[w], substr(w, 1, 200)
      for (i = 1; i <= n && i <= most; i++) print "    " substr(shown[i], 1, 300)
      if (wanting) { printf "    %d tests found no GPU: %s\n", wanting, first; exit 1 }
    }' "$work/log"
}
put "Those of bench/gpu run on this GPU; the others on the CPU and, where gcc is, on a driver of their own that runs the"
put "kernels' source on the host."
command -v gcc >/dev/null || put "There is no gcc here."
until=$(($(date +%s) + 170))
while read -r dir; do
  rest=$((until - $(date +%s)))
  most=50
  [ "$dir" != bench/gpu ] || most=110
  [ "$rest" -lt $most ] || rest=$most
  cd "$here/src/$dir" || exit 1
  binary=./$(basename "$dir").test
  stand="$binary -test.list . | grep -c '^Test'"
  step "tests of $dir" "$rest" "$binary" -test.v -test.timeout 0
  if [ -n "$dry" ]; then tail_of 1; continue; fi
  if ! tally >"$work/tally"; then summary failed 0 "tests of $dir: no GPU was found where one is"; fi
  tee -a "$out" <"$work/tally"
  if [ "$dir" = bench/gpu ]; then # what was found: distances from the CPU and from NEURON
    sed -n 's/^ *[a-z_]*_test\.go:[0-9]*: /    /p' "$work/log" | grep -v 'needs ' | cut -c1-200 | tee -a "$out"
  fi
done <"$here/tests"

heading "Benchmarks"
: >"$work/ours"
until=$(($(date +%s) + 110))
while read -r dir; do
  cd "$here/src/$dir" || exit 1
  binary=./$(basename "$dir").test
  for b in $("$binary" -test.list '^Benchmark(GPU|Launch$)' | grep '^Benchmark'); do
    rest=$((until - $(date +%s)))
    [ "$rest" -lt 60 ] || rest=60
    stand="echo '$b/fcn/fp32-16  1  1000 ns/op  1.0 bio-s/s'"
    step "$b" "$rest" "$binary" -test.run '^$' -test.bench "^$b\$" -test.benchtime 500ms -test.timeout 0
    grep -E '^Benchmark|SKIP|FAIL|^panic|^fatal|SIG|^ *[a-z_]*_test\.go' "$work/log" | tee -a "$work/ours" | cut -c1-200 | sed 's/^/    /' | tee -a "$out"
    if [ -z "$dry" ] && grep -q 'SKIP' "$work/log"; then summary failed 0 "$b: skipped where a GPU is"; fi
  done
done <"$here/tests"

heading "PyTorch on the same GPU"
python=''
for p in "${PYTHON:-}" python3 python /usr/bin/python3 /opt/conda/bin/python; do
  if [ -n "$p" ] && timeout 40 "$p" -c "import torch; assert ${dry:-0} or torch.cuda.is_available()" >/dev/null 2>&1 </dev/null; then python=$p; break; fi
done
: >"$work/theirs"
if [ -z "$python" ] && [ -z "$dry" ]; then
  absent "PyTorch" "no Python here has a PyTorch that sees the GPU: set PYTHON to one"
else
  put "Columns: network, batch, precision, how, parameters, seconds a step, seconds of biology a second, dense TFLOP/s."
  until=$(($(date +%s) + 130))
  for what in roofline fcn tcn filter; do
    rest=$((until - $(date +%s)))
    [ "$rest" -lt 60 ] || rest=60
    stand=''
    [ -z "$python" ] || stand="'$python' '$here/bench/step_torch_cuda.py' $what --dry-run"
    step "PyTorch $what" "$rest" "$python" "$here/bench/step_torch_cuda.py" "$what" --seconds 0.7
    tail_of 12
    grep -E '^(fcn|tcn|filter) ' "$work/log" >>"$work/theirs"
  done
  put ""
  put "neq beside it (precision for precision, PyTorch's best of eager and compiled; a ratio above 1 is neq's gain):"
  printf '    %-8s %-5s %14s %18s %8s\n' network '' 'neq bio-s/s' 'PyTorch bio-s/s' ratio | tee -a "$out"
  awk 'FILENAME ~ /theirs$/ { key = $1 " " $3; if ($7 > peer[key]) { peer[key] = $7; how[key] = $4 } next }
    /bio-s\/s/ { n = split($1, part, "/"); sub(/-[0-9]+$/, "", part[n]); network = ""; precision = "fp32"
      for (i = 2; i <= n; i++) { sub(/^[a-z]+=/, "", part[i])
        if (part[i] ~ /^(fcn|tcn|filter)$/) network = part[i]; if (part[i] ~ /^(fp32|tf32|bf16)$/) precision = part[i] }
      for (i = 2; i < NF; i++) if ($(i + 1) == "bio-s/s" && network != "" && $i > ours[network " " precision]) ours[network " " precision] = $i }
    END { for (k in peer) keys[k]; for (k in ours) keys[k]
      for (k in keys) { split(k, p, " ")
        printf "    %-8s %-5s %14s %18s %8s\n", p[1], p[2], k in ours ? sprintf("%.1f", ours[k]) : "-",
          k in peer ? sprintf("%.1f %s", peer[k], how[k]) : "-", k in ours && k in peer ? sprintf("%.2f", ours[k] / peer[k]) : "-" } }' \
    "$work/theirs" "$work/ours" | LC_ALL=C sort -r | tee -a "$out"
fi
put ""
put "Simulation beside others' published figures, not measured here (neuron-steps/s, HH point neurons, dt 0.025 ms):"
awk '{ for (i = 2; i < NF; i++) if ($(i + 1) == "neuron-steps/s") { n++
      printf "    %-44s %10.3g  x Brian2CUDA (6.3e8) %8.1f  x Jaxley (at most 1.7e10) %6.2f  of the target 1.5e11 %5.2f\n", $1, $i, $i / 6.3e8, $i / 1.7e10, $i / 1.5e11 } }
  END { if (!n) print "    no benchmark gave neuron-steps/s" }' "$work/ours" | tee -a "$out"

heading "The demo, end to end"
cd "$work" || exit 1
for device in cuda cpu; do
  stand="test -s '$here/examples/integrate-and-fire.yaml' && '$here/bin/neq' --version"
  step "neq run examples/integrate-and-fire.yaml --device $device" 45 \
    "$here/bin/neq" run "$here/examples/integrate-and-fire.yaml" --out "$work/demo-$device" --device $device
  tail_of 8
done

heading "compute-sanitizer"
sanitizer=''
for s in compute-sanitizer /usr/local/cuda/bin/compute-sanitizer /opt/cuda/bin/compute-sanitizer; do
  if command -v "$s" >/dev/null; then sanitizer=$s; break; fi
done
if [ -z "$sanitizer" ] && [ -z "$dry" ]; then
  absent "compute-sanitizer" "it is not on this machine (it comes with the CUDA toolkit; Debian: nvidia-cuda-toolkit)"
else
  [ -z "$sanitizer" ] || put "$("$sanitizer" --version 2>/dev/null | tail -n 1)"
  tools=3
  cd "$here/src/bench/gpu" || exit 1
  for tool in memcheck racecheck initcheck; do
    until=$(($(date +%s) + ($(left) - 5) / tools))
    tools=$((tools - 1))
    stand="./gpu.test -test.list '^TestGPU' | grep -q Test"
    step "$tool" $((until - $(date +%s))) "${sanitizer:-compute-sanitizer}" --tool "$tool" --target-processes all --error-exitcode 99 \
      --print-limit 20 ./gpu.test -test.v -test.short -test.timeout 0
    if [ $status != passed ]; then tail_of 25; else grep 'ERROR SUMMARY' "$work/log" | tail -n 1 | sed 's/^/    /' | tee -a "$out"; fi
  done
fi

heading "Summary"
tee -a "$out" <"$work/summary"
bad=$(grep -c -E '^(failed|timeout|notime)' "$work/summary")
put ""
put "$(grep -c '^passed' "$work/summary") passed, $bad failed or out of time, $(grep -c '^absent' "$work/summary") not run; $(($(date +%s) - began)) s in all"
[ -z "$dry" ] || put "DRY RUN: nothing was measured."
echo "results: $out"
[ "$bad" = 0 ]
