#!/usr/bin/env python3
"""PyTorch's side of a training step (forward, backward, Adam) on one GPU, and what the GPU gives at most.

The networks, inputs, losses and solver are those of bench/step_torch.py. Everything is on the device before the clock
starts; a round is as many steps as take about 0.2 s between two synchronisations, and the best round counts. Adam is
the fused one. Each precision runs as it is (eager) and through torch.compile with CUDA graphs (compiled) where this
PyTorch has them; what fails is said and passed over.

  fp32  float32 throughout, TF32 off
  tf32  float32 weights and activations, TF32 in products and convolutions
  bf16  float32 weights, forward and backward under autocast to bfloat16

usage: step_torch_cuda.py fcn|filter|tcn [--batch N] [--precision fp32,tf32,bf16] [--seconds S] [--dry-run]
       step_torch_cuda.py roofline [--dry-run]
Prints rows: network, batch, precision, eager or compiled, parameters, seconds of the best step, seconds of biology
trained per second, TFLOP/s if every multiplication of the dense network counts. roofline: TFLOP/s of a large square
product in each precision and GB/s of a large copy (bytes read and written).
--dry-run takes small sizes on the CPU: it shows that the script works, its figures mean nothing.
Exit status: 0 done, 1 nothing could be measured, 3 no PyTorch or no GPU that it sees.
"""
import argparse
import sys
import time

PRECISIONS = ("fp32", "tf32", "bf16")
# inputs, batch, ms, share of inputs active in a ms, width, kernels, batch norm: as bench/step_torch.py
NETWORKS = {
    "fcn": (1278, 8, 400, .011, 128, [43], False),
    "filter": (100, 16, 400, .003, 1, [80], False),
    "tcn": (1278, 8, 400, .011, 128, [54] + [12] * 6, True),
}

ask = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("Prints")[0].strip())
ask.add_argument("network", choices=[*NETWORKS, "roofline"])
ask.add_argument("--batch", type=int)
ask.add_argument("--precision", default=",".join(PRECISIONS))
ask.add_argument("--seconds", type=float, default=1.0, help="clock time of one measurement")
ask.add_argument("--dry-run", action="store_true")
o = ask.parse_args()
precisions = o.precision.split(",")
if unknown := set(precisions) - set(PRECISIONS):
    ask.error(f"unknown precision {', '.join(unknown)}: choose from {', '.join(PRECISIONS)}")

try:
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
except ImportError as e:
    sys.exit(print(f"step_torch_cuda: {sys.executable} has no PyTorch ({e})", file=sys.stderr) or 3)
if not o.dry_run and not torch.cuda.is_available():
    sys.exit(print(f"step_torch_cuda: PyTorch {torch.__version__} sees no GPU", file=sys.stderr) or 3)
device = "cpu" if o.dry_run else "cuda"
torch.manual_seed(0)


def synchronize():
    if device == "cuda":
        torch.cuda.synchronize()


def set_tf32(on):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = on


def best(f, seconds):
    """The least seconds of one call of f: rounds of about a fifth of the time given, synchronised at their ends."""
    for _ in range(3):
        f()
    synchronize()
    start = time.perf_counter()
    f()
    synchronize()
    n = max(1, int(seconds / 5 / max(time.perf_counter() - start, 1e-7)))
    least, end = float("inf"), time.perf_counter() + seconds
    while least == float("inf") or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(n):
            f()
        synchronize()
        least = min(least, (time.perf_counter() - start) / n)
    return least


class Net(nn.Module):
    """Causal convolutions over dense spikes [batch][input][ms], heads for spike and voltage."""

    def __init__(self, inputs, width, kernels, norm, plain):
        super().__init__()
        self.plain = plain
        self.kernels = kernels
        self.convs = nn.ModuleList(nn.Conv1d(inputs if i == 0 else width, width, k) for i, k in enumerate(kernels))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) if norm else nn.Identity() for _ in kernels)
        self.heads = nn.Conv1d(width, 2, 1)

    def forward(self, x):
        for k, conv, bn in zip(self.kernels, self.convs, self.norms):
            x = conv(F.pad(x, (k - 1, 0)))
            if not self.plain:
                x = bn(torch.relu(x))
        return self.heads(x)


def step_of(name, batch, precision, compiled):
    """A function that takes one training step, the number of parameters, and the dense network's operations a step."""
    inputs, usual, ms, density, width, kernels, norm = NETWORKS[name]
    batch = batch or usual
    if o.dry_run:
        inputs, batch, ms, width = 10, 2, 60, min(width, 8)
    set_tf32(precision == "tf32")
    net = Net(inputs, width, kernels, norm, name == "filter").to(device)
    opt = torch.optim.Adam(net.parameters(), 1e-4, **({"fused": True} if device == "cuda" else {}))
    x = (torch.rand(batch, inputs, ms, device=device) < density).float()
    spike, v = (torch.rand(batch, ms, device=device) < .01).float(), torch.randn(batch, ms, device=device)

    def loss():
        with torch.autocast(device, dtype=torch.bfloat16, enabled=precision == "bf16"):
            y = net(x)
        y = y.float()
        return F.binary_cross_entropy_with_logits(y[:, 0], spike) + .02 * F.mse_loss(y[:, 1], v)

    if compiled:
        torch._dynamo.reset()  # nothing is shared with the precision before
        loss = torch.compile(loss, mode="reduce-overhead")

    def step():
        opt.zero_grad(set_to_none=True)
        if compiled and hasattr(torch.compiler, "cudagraph_mark_step_begin"):
            torch.compiler.cudagraph_mark_step_begin()
        loss().backward()
        opt.step()

    # Two operations a weight, sample and ms, forward and for the weights' gradient; for the inputs' where there is one.
    sizes = [c.weight.numel() for c in net.convs] + [net.heads.weight.numel()]
    return step, sum(p.numel() for p in net.parameters()), 2 * batch * ms * (3 * sum(sizes) - sizes[0]), batch, ms


def measure(name):
    measured = 0
    for precision in precisions:
        for compiled in (False, True):
            how = "compiled" if compiled else "eager"
            if compiled and (o.dry_run or not hasattr(torch, "compile")):
                print(f"# {name} {precision} compiled: not run: " + ("a dry run" if o.dry_run else "this PyTorch has no torch.compile"))
                continue
            try:
                step, parameters, operations, batch, ms = step_of(name, o.batch, precision, compiled)
                seconds = best(step, 0.01 if o.dry_run else o.seconds)
            except Exception as e:  # a peer that fails is a finding, not the end of the run
                print(f"# {name} {precision} {how}: failed: {type(e).__name__}: {str(e).strip().splitlines()[0] if str(e).strip() else ''}", flush=True)
                continue
            print(f"{name:8s} {batch:5d} {precision} {how:8s} {parameters:9d} {seconds:.6f} {batch * ms / 1000 / seconds:12.2f} {operations / seconds / 1e12:9.2f}", flush=True)
            measured += 1
    return measured


def roofline():
    n = 128 if o.dry_run else 8192
    seconds = 0.01 if o.dry_run else o.seconds
    for precision in precisions:
        set_tf32(precision == "tf32")
        kind = torch.bfloat16 if precision == "bf16" else torch.float32
        a, b = (torch.randn(n, n, device=device).to(kind) for _ in range(2))
        c = torch.empty_like(a)
        t = best(lambda: torch.matmul(a, b, out=c), seconds)
        print(f"product {precision} {n} x {n} x {n}: {2 * n**3 / t / 1e12:.1f} TFLOP/s", flush=True)
        del a, b, c
    x = torch.zeros(1 << (20 if o.dry_run else 29), device=device)
    y = torch.empty_like(x)
    t = best(lambda: y.copy_(x), seconds)
    print(f"copy of {4 * x.numel() / 1e9:.2f} GB: {8 * x.numel() / t / 1e9:.0f} GB/s", flush=True)
    return 1


print(f"# PyTorch {torch.__version__}, CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}, "
      + ("DRY RUN on the CPU: figures mean nothing" if o.dry_run else torch.cuda.get_device_name()), flush=True)
sys.exit(0 if (roofline() if o.network == "roofline" else measure(o.network)) else 1)
