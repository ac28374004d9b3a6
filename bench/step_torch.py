#!/usr/bin/python3
"""PyTorch's side of step_vs_torch.sh: seconds of one training step (forward, backward, Adam), dense input, one thread.

usage: step_torch.py fcn|filter|tcn [STEPS]
prints: name, parameters, best step in seconds, seconds of biology trained per second
"""
import sys, time, torch, torch.nn as nn, torch.nn.functional as F
torch.set_num_threads(1); torch.manual_seed(0)
name, steps = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
inputs, batch, ms, density, width, kernels, norm = {
    'fcn': (1278, 8, 400, .011, 128, [43], False),
    'filter': (100, 16, 400, .003, 1, [80], False),
    'tcn': (1278, 8, 400, .011, 128, [54] + [12] * 6, True)}[name]

class Net(nn.Module):
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

net = Net(); opt = torch.optim.Adam(net.parameters(), 1e-4)
x = (torch.rand(batch, inputs, ms) < density).float()
spike, v = (torch.rand(batch, ms) < .01).float(), torch.randn(batch, ms)
def step():
    opt.zero_grad(); y = net(x)
    (F.binary_cross_entropy_with_logits(y[:, 0], spike) + .02 * F.mse_loss(y[:, 1], v)).backward(); opt.step()
step(); best = 1e9
for _ in range(steps):
    t = time.perf_counter(); step(); best = min(best, time.perf_counter() - t)
print(name, sum(p.numel() for p in net.parameters()), f'{best:.5f} {batch * ms / 1000 / best:.2f}')
