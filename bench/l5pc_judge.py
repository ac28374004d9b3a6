#!/usr/bin/env python3
"""Scores a data set of the layer-5 pyramidal cell with the Branch-ELM networks that Spieler et al. (ICLR 2024,
arXiv 2306.16922) trained on the data set of Beniaguev, Segev & London 2021. They were never shown ours: on traces of the
same neuron they score as they did on theirs.

usage: l5pc_judge.py TRACES ELM_FOLDER            a data set of neq simulate
       l5pc_judge.py --neuron REFERENCE ELM_FOLDER   NEURON's traces nmda_*.npy, to check this forward pass
"""
import csv, glob, json, os, sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # products here are small
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
        self.weights = np.zeros((1278, branch[-1] + 1), "f4")
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

    def run(self, drive):
        """drive: [episode][ms][branch], events times weights. Returns spike logit and voltage (mV)."""
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


def from_traces(folder):
    """Yields events (float [ms][1278], inhibitory ones negative), spikes (bool [ms]) and voltage of one episode at a time."""
    import zarr

    z = zarr.open(folder, mode="r")
    n, steps = z["soma_v"].shape
    inputs = z["synapse_group"].shape[0]
    assert inputs == 1278, f"{folder} has {inputs} synapses: the published networks take 639 excitatory, then 639 inhibitory"
    x, per = np.zeros((steps, inputs), "f4"), z["soma_v"].chunks[0]
    for shard in range(0, n, per):
        at = slice(shard, min(shard + per, n))
        start, count, fired, spikes, v = (z[k][at] for k in ("input_start", "input_count", "spike_start", "spike_count", "soma_v"))
        e = slice(int(start[0]), int(start[-1] + count[-1]))
        times, synapses = z["input_time"][e].astype(int), z["input_synapse"][e]
        spike_times = z["spike_time"][int(fired[0]) : int(fired[-1] + spikes[-1])].astype(int)
        for i in range(len(start)):
            e = slice(int(start[i] - start[0]), int(start[i] - start[0] + count[i]))
            x[:], out = 0, np.zeros(steps, bool)
            np.add.at(x, (times[e], synapses[e]), np.where(synapses[e] < 639, 1, -1))
            out[spike_times[int(fired[i] - fired[0]) : int(fired[i] - fired[0] + spikes[i])]] = True
            yield x, out, v[i]


def from_neuron(folder):
    for path in sorted(glob.glob(os.path.join(folder, "nmda_*_input.csv"))):
        name = path[: -len("_input.csv")]
        voltage = np.load(name + "_cvode.npy")[0, ::8]  # 8 values a ms
        with open(name + ".json") as f:
            spikes = json.load(f)["runs"]["cvode"]["spike_times_ms"]
        x, out = np.zeros((len(voltage), 1278), "f4"), np.zeros(len(voltage), bool)
        with open(path) as f:
            for row in csv.DictReader(f):
                k, sign = int(row["segment"]), 1 if row["synapse"] == "exc" else -1
                x[int(float(row["time_ms"])), k if sign > 0 else 639 + k] += sign
        out[[int(t) for t in spikes]] = True
        yield x, out, voltage


def main():
    neuron = sys.argv[1] == "--neuron"
    folder, elms = sys.argv[1 + neuron : 3 + neuron]
    nets = [Elm(p) for p in sorted(glob.glob(os.path.join(elms, "*.npz")), key=os.path.getsize)]
    drives = [[] for _ in nets]
    spikes, voltage, events = [], [], np.zeros(2)
    for x, out, v in from_neuron(folder) if neuron else from_traces(folder):
        for net, drive in zip(nets, drives):
            drive.append(x @ net.weights)
        spikes.append(out)
        voltage.append(v)
        events += [x[:, :639].sum(), -x[:, 639:].sum()]
    spikes, target = np.array(spikes), np.minimum(np.array(voltage, "f8"), CLIP)[:, FIRST:].ravel()
    episodes, seconds, output, silent = len(spikes), spikes.size / 1000, spikes.sum(), (~spikes.any(axis=1)).sum()
    spikes = spikes[:, FIRST:].ravel()
    rate = events / (639 * seconds)
    print(f"{episodes} episodes, {seconds:.0f} s of biology; excitatory synapses {rate[0]:.2f} Hz, inhibitory {rate[1]:.2f} Hz;")
    print(f"output {output / seconds:.2f} Hz, {100 * silent / episodes:.0f} % of episodes silent; {spikes.sum()} spikes after the first {FIRST} ms")
    print(f"{'network':>10}  {'AUC':>7}  {'RMSE':>9}  explained variance")
    for net, drive in zip(nets, drives):
        logits, predicted = (y[:, FIRST:].ravel() for y in net.run(np.array(drive)))
        error = predicted - target
        rmse, explained = np.sqrt((error**2).mean()), 1 - error.var() / target.var()
        area = f"{auc(logits, spikes):.4f}" if spikes.any() else "-"
        print(f"{net.parameters:>10,}  {area:>7}  {rmse:>6.3f} mV  {100 * explained:.1f} %")


main()
