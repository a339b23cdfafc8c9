"""What PyTorch makes of the trainer's options: schedules, accumulated gradients, label smoothing.
Writes tests/fixtures/training.json. Run: python scripts/goldens/training.py
"""
import json
import pathlib

import torch
import torch.nn.functional as F
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LinearLR, SequentialLR

torch.manual_seed(5)
torch.set_default_dtype(torch.float32)
OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "training.json"

STEPS, RISING, FLOOR = 20, 4, 0.1


def rates(kind):
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    falling = STEPS - 1 - RISING
    after = {
        "cosine": lambda: CosineAnnealingLR(optimiser, T_max=falling, eta_min=FLOOR),
        "linear": lambda: LinearLR(optimiser, start_factor=1.0, end_factor=FLOOR, total_iters=falling),
        "constant": lambda: ConstantLR(optimiser, factor=1.0),
    }[kind]
    warm = LinearLR(optimiser, start_factor=1 / RISING, end_factor=1.0, total_iters=RISING - 1)
    schedule = SequentialLR(optimiser, [warm, after()], milestones=[RISING])
    found = []
    for _ in range(STEPS):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return found


WIDTHS, EXAMPLES, BATCH, TRAIN = [6, 7, 5], 24, 8, 12
start = [(torch.randn(o, i) / i**0.5, 0.1 * torch.randn(o)) for i, o in zip(WIDTHS, WIDTHS[1:])]
x = torch.randn(EXAMPLES, WIDTHS[0])
labels = torch.randint(WIDTHS[-1], (EXAMPLES,))
weights = torch.tensor([[0.0, 1.0, 1.0, 2.0][i % 4] for i in range(EXAMPLES)])


def train(parts=1, smoothing=0.0, kind="cosine"):
    """`parts` batches of BATCH / parts, whose gradients make one step. The loss is the weighted mean of all."""
    layers = [[w.clone().requires_grad_(), b.clone().requires_grad_()] for w, b in start]
    parameters = [p for layer in layers for p in layer]
    optimiser = torch.optim.AdamW(parameters, lr=3e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
    factors = rates_of(kind)
    losses, norms = [], []
    for step in range(TRAIN):
        rows = [(step * BATCH + i) % EXAMPLES for i in range(BATCH)]
        total = weights[rows].sum()
        optimiser.zero_grad()
        nats = 0.0
        size = BATCH // parts
        for part in range(parts):
            own = rows[part * size : (part + 1) * size]
            h = x[own]
            for i, (w, b) in enumerate(layers):
                h = F.linear(torch.tanh(h) if i else h, w, b)
            each = F.cross_entropy(h, labels[own], reduction="none", label_smoothing=smoothing)
            loss = (each * weights[own]).sum() / total
            loss.backward()
            nats += loss.item()
        norms.append(torch.nn.utils.clip_grad_norm_(parameters, 0.5).item())
        for group in optimiser.param_groups:
            group["lr"] = 3e-3 * factors[step]
        optimiser.step()
        losses.append(nats)
    return {"losses": losses, "norms": norms, "last": [p.detach().flatten().tolist() for p in parameters]}


def rates_of(kind):
    """Without warm-up, down to 0 on the last step."""
    import math

    share = [s / (TRAIN - 1) for s in range(TRAIN)]
    return {
        "cosine": [0.5 * (1 + math.cos(math.pi * p)) for p in share],
        "linear": [1 - p for p in share],
        "constant": [1.0 for _ in share],
    }[kind]


golden = {
    "torch": torch.__version__,
    "schedules": {
        "steps": STEPS,
        "warmup": RISING / STEPS,
        "minLr": FLOOR,
        "rates": {kind: rates(kind) for kind in ("cosine", "linear", "constant")},
    },
    "training": {
        "widths": WIDTHS,
        "batch": BATCH,
        "start": [p.flatten().tolist() for layer in start for p in layer],
        "x": x.flatten().tolist(),
        "labels": labels.tolist(),
        "weights": weights.tolist(),
        "runs": {
            "plain": train(),
            "accumulated": train(parts=4),
            "smoothed": train(smoothing=0.1),
            "linear": train(kind="linear"),
            "all": train(parts=2, smoothing=0.2, kind="constant"),
        },
    },
}
OUT.write_text(json.dumps(golden) + "\n")
print(OUT, golden["training"]["runs"]["plain"]["losses"])
