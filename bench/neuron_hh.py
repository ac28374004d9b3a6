#!/usr/bin/env python3
"""NEURON's side of neuron_vs_neuron.sh: N squid axons (one cylinder, 20 um), each with one exponential synapse under
Poisson events, fixed step, voltage recorded every ms. Prints neuron-steps per second of processor time.

usage: neuron_hh.py [N=1000] [T_ms=500] [dt_ms=0.025]
"""
import resource
import sys

from neuron import h

n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
duration = float(sys.argv[2]) if len(sys.argv) > 2 else 500
dt = float(sys.argv[3]) if len(sys.argv) > 3 else 0.025


def cpu():
    r = resource.getrusage(resource.RUSAGE_SELF)
    return r.ru_utime + r.ru_stime


h.load_file("stdrun.hoc")
keep = []
for i in range(n):
    s = h.Section(name=f"cell{i}")
    s.L = s.diam = 20
    s.insert("hh")
    syn = h.ExpSyn(s(0.5))
    syn.tau, syn.e = 2, 0
    stim = h.NetStim()
    stim.interval, stim.number, stim.start, stim.noise = 2, 1e9, 0, 1
    stim.noiseFromRandom123(i, 1, 2)
    con = h.NetCon(stim, syn)
    con.delay, con.weight[0] = 1, 0.002
    v = h.Vector()
    v.record(s(0.5)._ref_v, 1.0)
    keep += [s, syn, stim, con, v]
h.usetable_hh = 1  # NEURON's own default, its fastest
h.CVode().cache_efficient(1)
h.celsius, h.dt, h.steps_per_ms, h.secondorder = 6.3, dt, 1 / dt, 0
pc = h.ParallelContext()
pc.set_maxstep(10)
h.finitialize(-65)
start = cpu()
pc.psolve(duration)
seconds = cpu() - start
print(f"{n * duration / dt / seconds:.6g} neuron-steps/s (NEURON {h.nrnversion(0)}, {n} cells, {duration:g} ms, dt {dt:g})")
