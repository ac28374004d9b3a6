#!/usr/bin/python3
"""Training trajectories of small networks in PyTorch, float64: writes trajectory.json, which trajectory_test.go compares.

usage: trajectory.py > trajectory.json        (made with PyTorch 1.13.0, Debian 12)

NAdam runs with foreach=True: the loop over single tensors of PyTorch 1.13 multiplies the next momentum's product by the
present momentum twice (`mu_product * mu * mu_next`), which the foreach path and later versions do not.

Data and initial weights come from an integer hash that the Go test repeats, so they need no file.
"""
import json, torch, torch.nn as nn, torch.nn.functional as F
torch.set_default_dtype(torch.float64); torch.set_num_threads(1)
B, T, S, STEPS = 4, 50, 12, 20

def draw(salt, n):
    """n numbers in [-0.5, 0.5), exact in float32."""
    h = []
    for i in range(n):
        x = (i * 2654435761 + salt * 2246822519 + 374761393) & 0xffffffff
        x ^= x >> 15; x = x * 2246822519 & 0xffffffff; x ^= x >> 13; x = x * 3266489917 & 0xffffffff; x ^= x >> 16
        h.append((x >> 8) / 2 ** 24 - .5)
    return torch.tensor(h)

class Net(nn.Module):
    """Tensors in the order and layout of Network.Weights: [synapse][lag][channel], [lag][in][out], [head][channel]."""
    def __init__(self, kernels, dilations, width, act, norm):
        super().__init__(); self.dil, self.act = dilations, act; self.p = nn.ParameterList(); self.bn = nn.ModuleList()
        self.order, salt, cin = [], 100, S
        def par(shape, scale, shift=0.):
            nonlocal salt; salt += 1; n = 1
            for s in shape: n *= s
            self.p.append(nn.Parameter(draw(salt, n).reshape(shape) * scale + shift)); return self.p[-1]
        for i, k in enumerate(kernels):
            w = par((S, k, width) if i == 0 else (k, cin, width), .5); b = par((width,), .5); cin = width
            self.order.append((w, b))
            if norm:
                m = nn.BatchNorm1d(width); m.weight = par((width,), .5, 1.); m.bias = par((width,), .5); self.bn.append(m)
        self.hw = par((2, cin), .5); self.hb = par((2,), .5)
    def forward(self, x):
        for i, (w, b) in enumerate(self.order):
            k = w.shape[1] if i == 0 else w.shape[0]
            c = w.permute(2, 0, 1) if i == 0 else w.permute(2, 1, 0)
            x = F.conv1d(F.pad(x, ((k - 1) * self.dil[i], 0)), c.flip(2), b, dilation=self.dil[i])
            x = {'relu': torch.relu, 'gelu': F.gelu, 'silu': F.silu, 'tanh': torch.tanh}[self.act](x)
            if self.bn: x = self.bn[i](x)
        return torch.einsum('bct,hc->bth', x, self.hw) + self.hb

x = (draw(1, B * S * T).reshape(B, S, T) < -.4).double()
ys = (draw(2, B * T).reshape(B, T) < -.4).double(); yv = draw(3, B * T).reshape(B, T) * 2
out = []
for name, args, solver, clip, burn, lr in [
    ('tcn-adam', ([5, 3, 2], [1, 2, 1], 9, 'gelu', True), 'adam', 0., 0, .01),
    ('tcn-nadam', ([5, 3, 2], [1, 2, 1], 9, 'gelu', True), 'nadam', 0., 0, .01),
    ('fcn-adam', ([7], [1], 17, 'relu', False), 'adam', 0., 5, .01),
    ('fcn-nadam-clipped', ([7], [1], 17, 'silu', False), 'nadam', .02, 5, .01),
]:
    net = Net(*args)
    opt = {'adam': torch.optim.Adam, 'nadam': torch.optim.NAdam}[solver](net.parameters(), lr, foreach=True)
    losses = []
    for i in range(STEPS):
        for g in opt.param_groups: g['lr'] = lr / (1 + .1 * i)
        opt.zero_grad(); y = net(x)[:, burn:]
        w = .5 if i < 10 else .05
        l = F.binary_cross_entropy_with_logits(y[..., 0], ys[:, burn:]) + w * ((y[..., 1] - yv[:, burn:]) ** 2).mean()
        l.backward(); losses.append(l.item())
        if clip: nn.utils.clip_grad_norm_(net.parameters(), clip)
        opt.step()
    final = [t.detach().flatten().tolist() for t in net.p]
    running = [t.flatten().tolist() for m in net.bn for t in (m.running_mean, m.running_var)]
    out.append(dict(name=name, losses=losses, final=[[round(v, 9) for v in t[:40]] for t in final], running=[[round(v, 9) for v in t] for t in running]))
print(json.dumps(dict(made_by='trajectory.py, PyTorch ' + torch.__version__, cases=out)))
