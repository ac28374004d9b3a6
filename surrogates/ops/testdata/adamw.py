# Writes adamw.csv: weights after every step of torch.optim.AdamW, float32. Made with PyTorch 1.13.0, CPU.
#   python3 adamw.py > adamw.csv
# Gradients: g[i] = scale sin(1.7 i + 0.9 t), t the step from 1, i over w [4], then b [2]; w decays, b does not; the
# gradients' norm is clipped to 1.5 (torch.nn.utils.clip_grad_norm_).
import math
import torch

w = torch.tensor([0.5, -1.25, 2.0, -0.0625], requires_grad=True)
b = torch.tensor([0.75, -3.0], requires_grad=True)
opt = torch.optim.AdamW([{"params": [w], "weight_decay": 0.3}, {"params": [b], "weight_decay": 0.0}], lr=0.05)
print("step,rate,norm," + ",".join(["w0", "w1", "w2", "w3", "b0", "b1"]))
for t in range(1, 41):
    g = [0.2 * (1 + t % 7) * math.sin(1.7 * i + 0.9 * t) for i in range(6)]
    w.grad, b.grad = torch.tensor(g[:4]), torch.tensor(g[4:])
    norm = torch.nn.utils.clip_grad_norm_([w, b], 1.5)
    rate = 0.05 / t ** 0.5
    for group in opt.param_groups:
        group["lr"] = rate
    opt.step()
    print(",".join([str(t), f"{rate:.17g}", f"{norm:.9g}"] + [f"{x:.9g}" for x in w.tolist() + b.tolist()]))
