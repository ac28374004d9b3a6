#!/usr/bin/env python3
"""NEURON's side of tree_vs_neuron.sh: a ball-and-stick of 640 segments - a soma of 20 um by 20 um with the squid axon's
channels and a dendrite of 1000 um by 2 um in 639 segments - in three cases:

  passive    the dendrite leaks, the soma is driven by a current
  synapses   an excitatory (AMPA) and an inhibitory (GABA_A) Exp2Syn on every segment of the dendrite, 1278 in all
  active     the squid axon's channels in every segment, the soma driven by a current

Built-in mechanisms only: there is no NMDA receptor among them, so NEURON runs without, which is less work.

usage: tree_vs_neuron.py check OUT.json      one cell of each case at both steps, its input, spikes and voltage
       tree_vs_neuron.py rate CASE DT_MS     prints segment-steps per second of processor time
"""
import json
import random
import resource
import sys

from neuron import h

SEGMENTS = 640
CASES = ("passive", "synapses", "active")
CURRENT = {"passive": 0.3, "synapses": 0.0, "active": 1.0}  # nA


def cpu():
    r = resource.getrusage(resource.RUSAGE_SELF)
    return r.ru_utime + r.ru_stime


def cell(case, name):
    soma, dend = h.Section(name=f"soma{name}"), h.Section(name=f"dend{name}")
    soma.L = soma.diam = 20
    dend.L, dend.diam, dend.nseg = 1000, 2, SEGMENTS - 1
    dend.connect(soma(1))
    for s in (soma, dend):
        s.Ra, s.cm = 100, 1
    soma.insert("hh")
    if case == "active":
        dend.insert("hh")
    else:
        dend.insert("pas")
        dend.g_pas, dend.e_pas = 1e-4, -65
    keep = [soma, dend]
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 0, 1e9, CURRENT[case]
    keep.append(clamp)
    nets = []
    if case == "synapses":
        for kind, rise, decay, e, w in (("exc", 0.3, 3, 0, 4e-4), ("inh", 0.2, 8, -80, 1e-3)):
            for seg in dend:
                s = h.Exp2Syn(seg)
                s.tau1, s.tau2, s.e = rise, decay, e
                n = h.NetCon(None, s)
                n.delay, n.weight[0] = 0, w
                nets.append(n)
                keep += [s, n]
    return soma, dend, nets, keep


def events(dt, duration, exc_hz, inh_hz, seed):
    """Poisson events as (step, synapse), synapses 0..638 excitatory, 639..1277 inhibitory, by step."""
    r, out = random.Random(seed), []
    for s in range(2 * (SEGMENTS - 1)):
        hz, t = (exc_hz if s < SEGMENTS - 1 else inh_hz), 0.0
        while True:
            t += r.expovariate(hz / 1000)
            if t >= duration:
                break
            out.append((int(t / dt), s))
    return sorted(out)


def settle(dt, table):
    h.usetable_hh = table
    h.CVode().cache_efficient(1)
    h.celsius, h.dt, h.steps_per_ms, h.secondorder = 6.3, dt, 1 / dt, 0


def run(dt, duration, plan):
    h.finitialize(-65)
    for nets, ev in plan:
        for step, s in ev:
            nets[s].event(step * dt)
    start = cpu()
    pc = h.ParallelContext()
    pc.set_maxstep(10)
    pc.psolve(duration)
    return cpu() - start


def check(path):
    out = []
    for case in CASES:
        for dt in (0.025, 0.1):
            soma, dend, nets, keep = cell(case, 0)
            settle(dt, 0)
            v, far = h.Vector().record(soma(0.5)._ref_v), h.Vector().record(dend(1 - 0.5 / (SEGMENTS - 1))._ref_v)
            duration = 300
            ev = events(dt, duration, 45, 2, 7) if nets else []
            run(dt, duration, [(nets, ev)])
            every, v, far = round(1 / dt), list(v), list(far)
            spikes = [dt * (k + (-20 - v[k]) / (v[k + 1] - v[k])) for k in range(len(v) - 1) if v[k] < -20 <= v[k + 1]]
            out.append({"case": case, "dt_ms": dt, "current_na": CURRENT[case], "duration_ms": duration,
                        "step": [e[0] for e in ev], "synapse": [e[1] for e in ev], "spikes_ms": spikes,
                        "soma_mv": v[0:duration * every:every], "tip_mv": far[0:duration * every:every]})
            del soma, dend, nets, keep, v, far
    json.dump(out, open(path, "w"))


def rate(case, dt):
    cells, duration = 2, 100 if dt < 0.05 else 200
    all_ = [cell(case, i) for i in range(cells)]
    v = [h.Vector().record(c[0](0.5)._ref_v, 1.0) for c in all_]
    settle(dt, 1)  # rate tables, NEURON's own default and its fastest
    plan = [(c[2], events(dt, duration, 12, 9.5, i) if c[2] else []) for i, c in enumerate(all_)]
    seconds = run(dt, duration, plan)
    assert len(v[0]) >= duration
    print(f"{cells * SEGMENTS * duration / dt / seconds:.6g}")


h.load_file("stdrun.hoc")
if sys.argv[1] == "check":
    check(sys.argv[2])
else:
    rate(sys.argv[2], float(sys.argv[3]))
