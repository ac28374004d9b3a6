#!/usr/bin/python3
"""Outputs and gradients that neq computed, against PyTorch's autograd in float64 on the same weights and input.

usage: torch_check.py FOLDER     of files *.safetensors that neq's tests write; make torch-check does all of it
A file has tensors in.NAME, out, dout (1 where absent), grad.NAME of those whose gradient is asked for, and in its metadata
the model, its options and the tolerance, a part of the largest number of each tensor. A model is a function below, of the
tensors by name and the options, that gives out. To check another: write its function, and a test that writes its cases.
prints: a line a case, the worst deviation and of which tensor; exits with 1 where one is beyond its tolerance
"""
import glob, json, math, os, struct, sys
import numpy as np
import torch
import torch.nn.functional as F

MODELS = {}
def model(f):
    MODELS[f.__name__] = f
    return f

@model
def lstm(x, wh):
    """nn.LSTM's own function on gates' inputs: input weights are the identity."""
    n, zero = wh.shape[0], x.new_zeros(1, x.shape[0], wh.shape[0])
    w = [torch.eye(4 * n, dtype=x.dtype), wh.T.contiguous(), x.new_zeros(4 * n), x.new_zeros(4 * n)]
    return torch.lstm(x, (zero, zero), w, True, 1, 0.0, False, False, True)[0]

@model
def gru(x, wh, bhn):
    n = wh.shape[0]
    w = [torch.eye(3 * n, dtype=x.dtype), wh.T.contiguous(), x.new_zeros(3 * n), torch.cat([x.new_zeros(2 * n), bhn])]
    return torch.gru(x, x.new_zeros(1, x.shape[0], n), w, True, 1, 0.0, False, False, True)[0]

@model
def ssm(x, logDt, logA, imagA, cRe, cIm, d):
    """S4D as a convolution with its kernel (arXiv 2206.11893, listing 1), where neq runs the recurrence."""
    time, dt = x.shape[1], torch.exp(logDt)[:, None]
    a = torch.complex(-torch.exp(logA), imagA)
    c = torch.complex(cRe, cIm) * (torch.exp(dt * a) - 1) / a
    k = 2 * torch.einsum('cn,cnt->ct', c, torch.exp((dt * a)[..., None] * torch.arange(time))).real
    lag = torch.arange(time)[:, None] - torch.arange(time)
    return torch.einsum('cts,bsc->btc', k[:, lag.clamp(min=0)] * (lag >= 0), x) + d * x

STAGES = {}
def stage(f):
    STAGES[f.__name__] = f
    return f

ACTIVATIONS = {'': lambda x: x, 'relu': F.relu, 'gelu': F.gelu, 'silu': F.silu, 'tanh': torch.tanh}

def through(stages, x, w):
    for s in stages:
        s = dict(s)
        prefix, f = s.pop('prefix'), STAGES[s.pop('kind')]
        x = f(x, w if f is residual else {n[len(prefix):]: v for n, v in w.items() if n.startswith(prefix)}, **s)
    return x

BALANCE = []  # load-balancing losses of a network's mixtures, which its reported loss leaves out
BURN_IN = [0]

@model
def network(x, spike, voltage, auxiliary, stages, burn_in, loss_weights, **w):
    """A surrogate's loss: stages, heads, cross-entropy of spikes and squared errors past the burn-in."""
    BALANCE.clear()
    BURN_IN[0] = burn_in
    y = (through(stages, x, w) @ w['heads.weight'].T + w['heads.bias'])[:, burn_in:]
    terms = [F.binary_cross_entropy_with_logits(y[..., 0], spike[:, burn_in:]), F.mse_loss(y[..., 1], voltage[:, burn_in:]),
             F.mse_loss(y[..., 2], auxiliary[:, burn_in:])]
    return sum(a * b for a, b in zip(loss_weights, terms)) + sum(b - b.detach() for b in BALANCE)

def shared_weights(w):
    return torch.tanh(w['features'] @ w['shared.0.weight'] + w['shared.0.bias']) @ w['shared.1.weight'] + w['shared.1.bias']

@stage
def layer(x, w, first, taps, dilation, activation, norm, shared=False):
    k = shared_weights(w).reshape(x.shape[2], taps, -1) if shared else w['weight']
    k = k.permute(2, 0, 1) if first else k.permute(2, 1, 0)
    y = F.conv1d(F.pad(x.transpose(1, 2), ((taps - 1) * dilation, 0)), k.flip(2), w['bias'], dilation=dilation).transpose(1, 2)
    y = ACTIVATIONS[activation](y)
    if norm:  # by the statistics of what is scored
        scored = y[:, BURN_IN[0]:]
        mean, variance = scored.mean((0, 1)), scored.var((0, 1), unbiased=False)
        y = (y - mean) / torch.sqrt(variance + 1e-5) * w['norm.gamma'] + w['norm.beta']
    return y

@stage
def depthwise(x, w, dilation):
    taps, channels = w['weight'].shape
    x = F.pad(x.transpose(1, 2), ((taps - 1) * dilation, 0))
    return F.conv1d(x, w['weight'].T.flip(1)[:, None], w['bias'], dilation=dilation, groups=channels).transpose(1, 2)

@stage
def residual(x, w, inner):
    return x + through(inner, x, w)

@stage
def layer_norm(x, w):
    return F.layer_norm(x, x.shape[-1:], w['gamma'], w['beta'])

@stage
def attention(x, w, heads, span):
    batch, time, c = x.shape
    q, k, v = ((x @ w['qkv.weight'][0] + w['qkv.bias']).reshape(batch, time, 3, heads, c // heads).permute(2, 0, 3, 1, 4))
    lag = torch.arange(time)[:, None] - torch.arange(time)
    score = q @ k.transpose(2, 3) / math.sqrt(c // heads) + w['lag'][:, lag.clamp(0, span - 1)]
    y = score.masked_fill((lag < 0) | (lag >= span), -math.inf).softmax(-1) @ v
    return y.transpose(1, 2).reshape(batch, time, c) @ w['out.weight'][0] + w['out.bias']

@stage
def mixture(x, w, top, activation, balance):
    logits = x @ w['router']
    chosen = logits.topk(top, -1)
    gates = torch.zeros_like(logits).scatter(-1, chosen.indices, chosen.values.softmax(-1))
    h = ACTIVATIONS[activation](torch.einsum('btc,ech->bteh', x, w['up.weight']) + w['up.bias'])
    share = torch.zeros_like(logits).scatter(-1, chosen.indices, 1).mean((0, 1)) / top
    BALANCE.append(balance * logits.shape[-1] * (share * logits.softmax(-1).mean((0, 1))).sum())
    return ((torch.einsum('bteh,ehc->btec', h, w['down.weight']) + w['down.bias']) * gates[..., None]).sum(2)

@stage
def recurrent(x, w, gates):
    return lstm(x, w['recurrent.weight']) if gates == 4 else gru(x, w['recurrent.weight'], w['recurrent.bias'])

@stage
def state_space(x, w, activation):
    return ACTIVATIONS[activation](ssm(x, w['log_dt'], w['log_a'], w['imag_a'], w['c.re'], w['c.im'], w['d']))

def leak(x, keep):
    y, all = torch.zeros_like(x[:, 0]), []
    for t in range(x.shape[1]):
        y = keep * y + x[:, t]
        all.append(y)
    return torch.stack(all, 1)

@stage
def traces(x, w, keep):
    return leak(x, keep) @ w['weight'][:, 0]

@stage
def branches(x, w, keep, count, shared):
    slots = F.relu(shared_weights(w).reshape(-1) if shared else w['weight']) * w['sign'] * (w['synapse'] >= 0)
    return leak((x[..., w['synapse'].long().clamp(min=0)] * slots).reshape(*x.shape[:2], count, -1).sum(-1), keep)

@stage
def elm(x, w, activation, version, low, high):
    """The published equations (arXiv 2306.16922); the vanilla neuron's x is what the hidden units get from the traces."""
    memory = w['tau'].shape[0]
    inputs = w['mlp.0.weight'].shape[0] - memory
    tau = low + (high - low) * torch.sigmoid(w['tau'])
    keep = torch.exp(-1 / tau)
    gain = 5 * (1 - keep) if version == 1 else 1 - torch.exp(-5 / tau)
    drive = (x @ w['mlp.0.weight'][:inputs] if inputs else x) + w['mlp.0.bias']
    m, all = x.new_zeros(x.shape[0], memory), []
    for t in range(x.shape[1]):
        h = ACTIVATIONS[activation](drive[:, t] + (keep * m) @ w['mlp.0.weight'][inputs:])
        m = keep * m + gain * 1.7159 * torch.tanh(2 / 3 * (h @ w['mlp.1.weight'] + w['mlp.1.bias']))
        all.append(m)
    return torch.stack(all, 1)

def read(path):
    with open(path, 'rb') as f:
        header = json.loads(f.read(struct.unpack('<Q', f.read(8))[0]))
        data = f.read()
    case = json.loads(header.pop('__metadata__')['case'])
    return case, {n: torch.tensor(np.frombuffer(data[slice(*t['data_offsets'])], '<f4').reshape(t['shape']).astype(np.float64))
                  for n, t in header.items()}

def check(path):
    """The worst deviation, as a part of its tensor's largest number, the tensor's name, and the tolerance. A gradient that
    is nothing beside the others, such as that of a bias ahead of a norm, counts as a hundredth of the largest: it is
    what is left where numbers cancel."""
    case, t = read(path)
    x = {n[3:]: v.requires_grad_('grad.' + n[3:] in t) for n, v in t.items() if n.startswith('in.')}
    out = MODELS[case['model']](**x, **(case['options'] or {}))
    out.backward(t['dout'].reshape(out.shape) if 'dout' in t else torch.ones_like(out))
    pairs = [('out', t['out'], out.detach().reshape(-1))]
    pairs += [(n, v, x[n[5:]].grad) for n, v in t.items() if n.startswith('grad.')]
    floor = 1e-2 * max((p[2].abs().max().item() for p in pairs[1:]), default=0)
    worst = (0., 'out')
    for name, ours, theirs in pairs:
        off = (ours - theirs).abs().max().item() / max(theirs.abs().max().item(), floor, 1e-30)
        worst = max(worst, (math.inf if math.isnan(off) else off, name))
    return worst + (case['tolerance'],)

def main():
    bad = 0
    paths = sorted(glob.glob(os.path.join(sys.argv[1], '*.safetensors')))
    for path in paths:
        off, name, tolerance = check(path)
        bad += off > tolerance
        print(f"{os.path.basename(path)[:-12]:40} {off:8.1e} {name:24} {'ok' if off <= tolerance else f'beyond {tolerance:g}'}")
    print(f'{len(paths)} cases, {bad} beyond their tolerance, PyTorch {torch.__version__}')
    return 1 if bad or not paths else 0

if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main())
