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

def read(path):
    with open(path, 'rb') as f:
        header = json.loads(f.read(struct.unpack('<Q', f.read(8))[0]))
        data = f.read()
    case = json.loads(header.pop('__metadata__')['case'])
    return case, {n: torch.tensor(np.frombuffer(data[slice(*t['data_offsets'])], '<f4').reshape(t['shape']).astype(np.float64))
                  for n, t in header.items()}

def check(path):
    """The worst deviation, as a part of its tensor's largest number, the tensor's name, and the tolerance."""
    case, t = read(path)
    x = {n[3:]: v.requires_grad_('grad.' + n[3:] in t) for n, v in t.items() if n.startswith('in.')}
    out = MODELS[case['model']](**x, **(case['options'] or {}))
    out.backward(t['dout'].reshape(out.shape) if 'dout' in t else torch.ones_like(out))
    pairs = [('out', t['out'], out.detach().reshape(-1))]
    pairs += [(n, v, x[n[5:]].grad) for n, v in t.items() if n.startswith('grad.')]
    worst = (0., 'out')
    for name, ours, theirs in pairs:
        off = (ours - theirs).abs().max().item() / max(theirs.abs().max().item(), 1e-30)
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
