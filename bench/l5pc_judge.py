#!/usr/bin/env python3
"""Scores a data set of the layer-5 pyramidal cell with the Branch-ELM networks that Spieler et al. (ICLR 2024,
arXiv 2306.16922) trained on the data set of Beniaguev, Segev & London 2021. They were never shown ours: on traces of the
same neuron they score as they did on theirs.

usage: l5pc_judge.py TRACES ELM_FOLDER            a data set of neq simulate
       l5pc_judge.py --neuron REFERENCE ELM_FOLDER   NEURON's traces nmda_*.npy, to check this forward pass
"""
import csv, glob, json, os, sys
import numpy as np

FIRST = 500  # ms left out of the scores
CLIP = -55.0  # mV, of the voltage target


class Elm:
    """A Branch-ELM: leaky branches fed by weighted events, memory units behind a small network."""

    def __init__(self, path):
        z = np.load(path)
        tau_m = 1 + 149 / (1 + np.exp(-z["_proto_tau_m"].astype("f8")))
        slots = np.maximum(z["_proto_w_s"].astype("f8"), 0) * z["valid_indices_mask"]
        branch = np.arange(len(slots)) // 100
        self.weights = np.zeros((1278, branch[-1] + 1))
        np.add.at(self.weights, (z["input_to_synapse_indices"], branch), slots)
        self.kappa_s, self.kappa_m = np.exp(-1 / z["tau_s"][::100].astype("f8")), np.exp(-1 / tau_m)
        self.w1, self.b1 = z["mlp.network.0.weight"].astype("f8"), z["mlp.network.0.bias"]
        self.w2, self.b2 = z["mlp.network.2.weight"].astype("f8"), z["mlp.network.2.bias"]
        self.wy, self.by = z["w_y.weight"].astype("f8"), z["w_y.bias"]
        silu = lambda a: a / (1 + np.exp(-a))
        self.act = silu if "silu" in path else lambda a: np.maximum(a, 0)
        trained = ("_proto_w_s", "mlp.network.0.weight", "mlp.network.0.bias", "mlp.network.2.weight",
                   "mlp.network.2.bias", "w_y.weight", "w_y.bias")
        self.parameters = sum(z[k].size for k in trained)

    def run(self, events):
        """events: float [episode][ms][1278], inhibitory ones negative. Returns spike logit and voltage (mV)."""
        drive = events @ self.weights  # [episode][ms][branch]
        n, steps, _ = drive.shape
        b, m = np.zeros((n, len(self.kappa_s))), np.zeros((n, len(self.kappa_m)))
        y = np.empty((n, steps, 2))
        for t in range(steps):
            b = self.kappa_s * b + drive[:, t]
            h = self.act(np.concatenate([b, self.kappa_m * m], axis=1) @ self.w1.T + self.b1)
            m = self.kappa_m * m + 5 * (1 - self.kappa_m) * 1.7159 * np.tanh(2 / 3 * (h @ self.w2.T + self.b2))
            y[:, t] = m @ self.wy.T + self.by
        return y[..., 0], 10 * y[..., 1] - 67.7


def auc(score, label):
    """Area under the ROC curve: the chance that a bin with a spike scores above one without, ties counted half."""
    values, inverse, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = np.cumsum(count) - (count - 1) / 2
    positive = label.sum()
    return (rank[inverse][label].sum() - positive * (positive + 1) / 2) / (positive * (len(label) - positive))


def from_traces(folder, batch=16):
    """Yields events, spikes (bool [episode][ms]) and voltage of some episodes at a time."""
    import zarr

    z = zarr.open(folder, mode="r")
    n, steps = z["soma_v"].shape
    inputs = z["synapse_group"].shape[0]
    assert inputs == 1278, f"{folder} has {inputs} synapses: the published networks take 639 excitatory, then 639 inhibitory"
    times, synapses, spike_times = z["input_time"], z["input_synapse"], z["spike_time"]
    for first in range(0, n, batch):
        at = slice(first, min(first + batch, n))
        start, count = z["input_start"][at], z["input_count"][at]
        fired, spikes = z["spike_start"][at], z["spike_count"][at]
        events = np.zeros((len(start), steps, inputs), "f4")
        out = np.zeros((len(start), steps), bool)
        for i in range(len(start)):
            e = slice(int(start[i]), int(start[i] + count[i]))
            s = synapses[e]
            np.add.at(events[i], (times[e].astype(int), s), np.where(s < 639, 1, -1))
            out[i, spike_times[int(fired[i]) : int(fired[i] + spikes[i])].astype(int)] = True
        yield events, out, z["soma_v"][at]


def from_neuron(folder):
    for path in sorted(glob.glob(os.path.join(folder, "nmda_*_input.csv"))):
        name = path[: -len("_input.csv")]
        voltage = np.load(name + "_cvode.npy")[0, ::8]  # 8 values a ms
        with open(name + ".json") as f:
            spikes = json.load(f)["runs"]["cvode"]["spike_times_ms"]
        steps = len(voltage)
        events, out = np.zeros((1, steps, 1278), "f4"), np.zeros((1, steps), bool)
        with open(path) as f:
            for row in csv.DictReader(f):
                k = int(row["segment"])
                events[0, int(float(row["time_ms"])), k if row["synapse"] == "exc" else 639 + k] += 1 if row["synapse"] == "exc" else -1
        out[0, [int(t) for t in spikes]] = True
        yield events, out, voltage[None]


def main():
    neuron = sys.argv[1] == "--neuron"
    folder, elms = sys.argv[1 + neuron : 3 + neuron]
    nets = [Elm(p) for p in sorted(glob.glob(os.path.join(elms, "*.npz")), key=os.path.getsize)]
    results = [([], []) for _ in nets]
    spikes, voltage, events = [], [], np.zeros(2)
    episodes = seconds = output = silent = 0
    for x, out, v in from_neuron(folder) if neuron else from_traces(folder):
        for net, (logits, predicted) in zip(nets, results):
            s, u = net.run(x)
            logits.append(s[:, FIRST:].ravel())
            predicted.append(u[:, FIRST:].ravel())
        spikes.append(out[:, FIRST:].ravel())
        voltage.append(v[:, FIRST:].ravel())
        events += [x[..., :639].sum(), -x[..., 639:].sum()]
        episodes += len(x)
        seconds += x.shape[0] * x.shape[1] / 1000
        output += out.sum()
        silent += (out.sum(axis=1) == 0).sum()
    spikes, target = np.concatenate(spikes), np.minimum(np.concatenate(voltage).astype("f8"), CLIP)
    rate = events / (639 * seconds)
    print(f"{episodes} episodes, {seconds:.0f} s of biology; excitatory synapses {rate[0]:.2f} Hz, inhibitory {rate[1]:.2f} Hz;")
    print(f"output {output / seconds:.2f} Hz, {100 * silent / episodes:.0f} % of episodes silent; {spikes.sum()} spikes after the first {FIRST} ms")
    print(f"{'network':>10}  {'AUC':>7}  {'RMSE':>9}  explained variance")
    for net, (logits, predicted) in zip(nets, results):
        logits, error = np.concatenate(logits), np.concatenate(predicted) - target
        rmse, explained = np.sqrt((error**2).mean()), 1 - error.var() / target.var()
        area = f"{auc(logits, spikes):.4f}" if spikes.any() else "-"
        print(f"{net.parameters:>10,}  {area:>7}  {rmse:>6.3f} mV  {100 * explained:.1f} %")


main()
