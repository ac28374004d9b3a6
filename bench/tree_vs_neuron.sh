#!/bin/sh
# Cells with dendrites beside NEURON in one run, one core each
# A ball-and-stick of 640 segments, passive, with 1278 synapses under Poisson events (12 Hz excitatory, 9.5 Hz
# inhibitory), and with the squid axon's channels everywhere, at dt 0.025 and 0.1 ms, single precision here, double in
# NEURON. First both integrate the same cell under the same input
# and must give the same spikes and voltages. Then they take turns; figures are of processor time, which other work on
# the machine disturbs least, and the best of each counts. NEURON runs without NMDA receptors, which are not among
# its built-in mechanisms; here the rows are with and without.
# The layer 5 cell needs compiled mechanisms in NEURON: its peers are quoted from other runs, and said to be.
# Usage: bench/tree_vs_neuron.sh [rounds]. PYTHON names a Python that has NEURON, /usr/bin/python3 unless set; LIMIT a
# folder with hines.c and hay.c, programs that do nothing but this arithmetic, whose rates are shown if they are there;
# hay.c takes the layer 5 cell from segments.csv of NEQ_REFERENCE/l5pc.
set -eu
cd "$(dirname "$0")/.."
rounds=${1:-3}
python=${PYTHON:-/usr/bin/python3}
limit=${LIMIT:-../shared/prototypes/limit}
segments=${NEQ_REFERENCE:-../shared/reference}/l5pc/segments.csv
export NEURON_MODULE_OPTIONS=-nogui
"$python" -c 'import neuron' 2>/dev/null || { echo "tree_vs_neuron.sh: $python has no NEURON: install it (Debian: apt install python3-neuron)" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go test -c -o "$work/trees.test" ./bench
"$python" bench/tree_vs_neuron.py check "$work/traces.json"
echo "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) processors, load $(cut -d' ' -f1-3 /proc/loadavg), NEURON $("$python" -c 'from neuron import h; print(h.nrnversion(0))'), commit $(git rev-parse --short HEAD), $(date -u +%F)"
echo
echo "The same cell, input and step, against NEURON with rate tables off:"
NEQ_NEURON_TRACES="$work/traces.json" "$work/trees.test" -test.run '^TestSameAsNEURON$' -test.v >"$work/check" || { cat "$work/check"; exit 1; }
sed -n 's/^ *tree_vs_neuron_test.go:[0-9]*: /  /p' "$work/check"
for program in hines hay; do
  if [ -f "$limit/$program.c" ]; then
    gcc -O3 -march=native -mprefer-vector-width=512 -ffast-math "$limit/$program.c" -o "$work/$program" -lm 2>/dev/null || echo "tree_vs_neuron.sh: $limit/$program.c does not compile here: no limit line" >&2
  fi
done
# parent, area, axial resistance, region, leak, capacitance, Ih, Ca_LVA of every segment
if [ -f "$segments" ]; then
  awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; region["soma"] = 0; region["axon"] = 1; region["basal"] = 2; region["apical"] = 3; next }
    { line[++n] = $at["parent_index"] " " $at["area_um2"] " " $at["ri_mohm"] " " region[$at["region"]] " " $at["g_pas_S_cm2"] " " $at["cm_uF_cm2"] " " $at["g_Ih_S_cm2"] " " $at["g_CaLVA_S_cm2"] }
    END { print n; for (i = 1; i <= n; i++) print line[i] }' "$segments" >"$work/cell"
fi
# one core against all is a matter of wall clock, of which other work takes its share
busy=$(awk -v n="$(nproc)" '$1 > n / 2 { print $1 }' /proc/loadavg)
i=0
while [ "$i" -lt "$rounds" ]; do
  for dt in 0.025 0.1; do
    for case in passive synapses active; do
      echo "NEURON $case/dt=$dt $("$python" bench/tree_vs_neuron.py rate "$case" "$dt")" >>"$work/rates"
      if [ -x "$work/hines" ]; then
        mode=S name=nmda # the prototype's synapses have NMDA receptors
        [ "$case" = passive ] && mode=P name=passive
        [ "$case" = active ] && mode=A name=active
        echo "limit $name/dt=$dt $("$work/hines" "$mode" 640 "$dt" 100 4 12 9.5 | sed -n 's/.*comp-steps\/s \([0-9.e+]*\).*/\1/p')" >>"$work/rates"
      fi
    done
  done
  if [ -x "$work/hay" ] && [ -f "$work/cell" ]; then
    for dt in 0.025 0.1; do
      echo "limit l5pc/dt=$dt $("$work/hay" "$dt" 100 2 12 9.5 "$work/cell" | sed -n 's/.*comp-steps\/s \([0-9.e+]*\).*/\1/p')" >>"$work/rates"
    done
  fi
  "$work/trees.test" -test.run '^$' -test.bench '^BenchmarkTrees$' -test.benchtime 300ms |
    awk '/^BenchmarkTrees/ { sub("BenchmarkTrees/", "", $1); sub(/-[0-9]+$/, "", $1); for (i = 2; i < NF; i++) if ($(i + 1) == "segment-steps/s") print "neq", $1, $i }' >>"$work/rates"
  [ -n "$busy" ] || "$work/trees.test" -test.run '^$' -test.bench '^BenchmarkCores$' -test.benchtime 300ms |
    awk '/^BenchmarkCores/ { split($1, part, "[/-]"); for (i = 2; i < NF; i++) if ($(i + 1) == "segment-steps/s") print "cores", part[2], $i }' >>"$work/rates"
  i=$((i + 1))
done
echo
awk '
  { if ($3 > best[$1, $2]) best[$1, $2] = $3; if ($1 == "cores" && $2 > most) most = $2 }
  function show(x) { return x ? sprintf("%.3g", x) : "-" }
  function line(name, case, dt, peer,   ours, theirs) {
    ours = best["neq", case "/dt=" dt]; theirs = best["NEURON", peer "/dt=" dt]
    printf "%-44s %6s %12s %12s %8s %12s\n", name, dt, show(theirs), show(ours), theirs ? sprintf("%.0fx", ours / theirs) : "-", show(best["limit", case "/dt=" dt])
  }
  END {
    printf "%-44s %6s %12s %12s %8s %12s\n", "segment-steps/s, one core", "dt ms", "NEURON", "neq", "ratio", "limit line"
    for (k = 1; k <= 2; k++) {
      dt = k == 1 ? "0.025" : "0.1"
      line("ball-and-stick, passive", "passive", dt, "passive")
      line("  with 1278 synapses, AMPA and GABA_A", "synapses", dt, "synapses")
      line("  with NMDA beside AMPA (NEURON without)", "nmda", dt, "synapses")
      line("  squid axon channels in all segments", "active", dt, "active")
      line("layer 5 pyramidal cell, 642 segments, NMDA", "l5pc", dt, "none")
    }
    if (most > 1) printf "\nLayer 5 cell by wall clock, dt 0.1 ms: one core %.3g, %d cores %.3g, %.2f times as much.\n", best["cores", 1], most, best["cores", most], best["cores", most] / best["cores", 1]
  }' "$work/rates"
[ -z "$busy" ] || printf '\nAll cores against one: not measured, the load was %s on %s processors.\n' "$busy" "$(nproc)"
cat <<'END'

Quoted, not of this run: the layer 5 cell with its compiled mechanisms on the same kind of machine, one core, dt 0.025
ms: NEURON 8.2.2 4.7e6 segment-steps/s, CoreNEURON 1.45e7, Arbor 2.4e7. The limit lines are prototypes of the arithmetic
alone with the same input; that of the layer 5 cell was never checked against NEURON.
END
