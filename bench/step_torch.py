#!/usr/bin/python3
"""PyTorch's side of step_vs_torch.sh: seconds of one training step (forward, backward, Adam), dense input, one thread.

usage: step_torch.py fcn|filter|tcn|tcn-bf16|elm15|elm100|lstm|gru [STEPS]     -bf16: convolutions in bfloat16, by autocast
prints: name, parameters, best step in seconds, seconds of biology trained per second
"""
import sys, time, math, torch, torch.nn as nn, torch.nn.functional as F
from typing import List
torch.set_num_threads(1); torch.manual_seed(0)
title, steps = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
name, half = title.removesuffix('-bf16'), title.endswith('-bf16')
inputs, batch, ms, density, width, kernels, norm = {
    'fcn': (1278, 8, 400, .011, 128, [43], False),
    'filter': (100, 16, 400, .003, 1, [80], False),
    'tcn': (1278, 8, 400, .011, 128, [54] + [12] * 6, True),
    'elm15': (1278, 16, 400, .011, 15, [], False),
    'elm100': (1278, 8, 400, .011, 100, [], False),
    'lstm': (1278, 8, 400, .011, 128, [], False),
    'gru': (1278, 8, 400, .011, 128, [], False)}[name]

class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv1d(inputs if i == 0 else width, width, k) for i, k in enumerate(kernels))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) if norm else nn.Identity() for _ in kernels)
        self.heads = nn.Conv1d(width, 2, 1)
    def forward(self, x):
        for k, conv, bn in zip(kernels, self.convs, self.norms):
            x = conv(F.pad(x, (k - 1, 0)))
            if name != 'filter': x = bn(torch.relu(x))
        return self.heads(x)

class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.units = (nn.LSTM if name == 'lstm' else nn.GRU)(inputs, width, batch_first=True)
        self.heads = nn.Linear(width, 2)
    def forward(self, x): return self.heads(self.units(x)[0]).transpose(1, 2)

class ELM(torch.jit.ScriptModule):
    """Branch-ELM (Spieler et al. 2024), 45 branches of 100 slots, compiled by TorchScript."""
    __constants__ = ['branches', 'memory', 'keep']
    def __init__(self, memory):
        super().__init__()
        self.branches, self.memory, self.keep = 45, memory, math.exp(-1 / 5)
        self.w = nn.Parameter(torch.full((4500,), .5)); self.register_buffer('synapse', torch.randint(0, inputs, (4500,)))
        tau = torch.logspace(0, math.log10(150), memory)
        self.register_buffer('decay', torch.exp(-1 / tau)); self.register_buffer('gain', 5 * (1 - torch.exp(-1 / tau)))
        self.up, self.down, self.heads = nn.Linear(45 + memory, 2 * memory), nn.Linear(2 * memory, memory), nn.Linear(memory, 2)
    @torch.jit.script_method
    def forward(self, x):
        n, ms = x.shape[0], x.shape[1]
        u = (torch.index_select(x, 2, self.synapse) * torch.relu(self.w)).view(n, ms, self.branches, -1).sum(dim=-1)
        b, m = torch.zeros(n, self.branches), torch.zeros(n, self.memory)
        out = torch.jit.annotate(List[torch.Tensor], [])
        for t in range(ms):
            b = self.keep * b + u[:, t]
            m = self.decay * m
            d = 1.7159 * torch.tanh(2 / 3 * self.down(torch.relu(self.up(torch.cat([b, m], dim=-1)))))
            m = m + self.gain * d
            out.append(self.heads(m))
        return torch.stack(out, dim=2)

if name.startswith('elm'): net = ELM(width)
elif kernels: net = Convolutions()
else: net = Gated()
opt = torch.optim.Adam(net.parameters(), 1e-4)
x = (torch.rand(batch, inputs, ms) < density).float()
if not kernels: x = x.transpose(1, 2).contiguous()
spike, v = (torch.rand(batch, ms) < .01).float(), torch.randn(batch, ms)
def step():
    opt.zero_grad()
    with torch.autocast('cpu', torch.bfloat16, enabled=half): y = net(x).float()
    (F.binary_cross_entropy_with_logits(y[:, 0], spike) + .02 * F.mse_loss(y[:, 1], v)).backward(); opt.step()
step(); step(); best = 1e9
for _ in range(steps):
    t = time.perf_counter(); step(); best = min(best, time.perf_counter() - t)
print(title, sum(p.numel() for p in net.parameters()), f'{best:.5f} {batch * ms / 1000 / best:.2f}')
