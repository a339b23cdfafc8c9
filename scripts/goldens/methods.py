"""Golden values of the methods on a two-layer network, from PyTorch and PEFT.

    pip install torch==2.13.0 peft==0.21.0 transformers scipy
    python scripts/goldens/methods.py tests/fixtures/methods

Where PEFT has no counterpart (LoRA-Pro, LoRA-One, the paper's LoRA-GA) the formula is written down in NumPy.
"""

import json
import sys
from itertools import cycle, islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from peft import AdaLoraConfig, EvaConfig, LoraConfig, get_eva_state_dict, get_peft_model
from peft.optimizers import create_loraplus_optimizer
from peft.tuners.lora.config import LoraGAConfig
from scipy.linalg import solve_sylvester

WIDTHS = [10, 12, 8]
RANK, ALPHA, LR, DECAY, STEPS = 2, 4, 1e-2, 0.01, 5


def numbers(x):
    x = x.detach().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)
    return [float(f"{v:.7g}") for v in x.astype(np.float64).ravel()]


class Mlp(torch.nn.Module):
    """tanh between layers; returns logits and the mean cross-entropy."""

    def __init__(self, weights=None):
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(a, b) for a, b in zip(WIDTHS, WIDTHS[1:]))
        if weights is not None:
            self.load_state_dict(weights)

    def forward(self, x, labels=None):
        for i, layer in enumerate(self.layers):
            x = layer(torch.tanh(x) if i else x)
        loss = None if labels is None else torch.nn.functional.cross_entropy(x, labels)
        return SimpleNamespace(logits=x, loss=loss)


torch.manual_seed(11)
BASE = {name: value.clone() for name, value in Mlp().state_dict().items()}
X = torch.randn(6, WIDTHS[0]) * 0.8 ** torch.arange(WIDTHS[0])
LABELS = torch.randint(WIDTHS[-1], (6,))
TARGETS = ["layers.0", "layers.1"]


def weight_gradients():
    model = Mlp(BASE)
    model(X, LABELS).loss.backward()
    return {name: model.get_submodule(name).weight.grad for name in TARGETS}


def short(name):
    """PEFT's parameter name as the kit calls it: `layers.0.lora_A`."""
    name = name.replace("base_model.model.", "").replace(".default", "")
    return name.removesuffix(".weight")


def adapter(model):
    return {short(n): p for n, p in model.named_parameters() if p.requires_grad}


def layers(model):
    return [model.base_model.model.get_submodule(name) for name in TARGETS]


def start_of(model):
    """What does not depend on the signs of singular vectors: change and remaining base of every layer."""
    return [
        {"delta": numbers(layer.get_delta_weight("default")), "base": numbers(layer.base_layer.weight)}
        for layer in layers(model)
    ]


def perturb(model, seed=3):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in adapter(model).values():
            value += 0.1 * torch.randn(value.shape, generator=generator)


def trace(model, optimizer, steps=STEPS, after=None, rewrite=None):
    """Values, output and gradients now, then values after AdamW steps."""
    start = {n: numbers(p) for n, p in adapter(model).items()}
    forward = model.base_model  # PeftModel's own forward leaves AdaLoRA's penalty out
    output = forward(x=X, labels=LABELS)
    output.loss.backward()
    result = {
        "values": start,
        "logits": numbers(output.logits),
        "loss": output.loss.item(),
        "gradients": {n: numbers(p.grad) for n, p in adapter(model).items()},
    }
    losses = []
    for step in range(1, steps + 1):
        optimizer.zero_grad()
        loss = forward(x=X, labels=LABELS).loss
        losses.append(loss.item())
        loss.backward()
        if rewrite:
            rewrite(model)
        optimizer.step()
        if after:
            after(step)
    return {**result, "losses": losses, "final": {n: numbers(p) for n, p in adapter(model).items()}}


def adamw(model):
    return torch.optim.AdamW(adapter(model).values(), lr=LR, weight_decay=DECAY)


def config(**more):
    return LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=TARGETS, **more)


def plain(**more):
    torch.manual_seed(5)
    model = get_peft_model(Mlp(BASE), config(**more))
    start = start_of(model)
    perturb(model)
    return {"start": start, **trace(model, adamw(model))}


def frozen_a():
    torch.manual_seed(5)
    model = get_peft_model(Mlp(BASE), config())
    frozen = {}
    for name, value in list(adapter(model).items()):
        if "lora_A" in name:
            value.requires_grad = False
            frozen[name] = numbers(value)
    perturb(model)
    return {"frozen": frozen, **trace(model, adamw(model))}


def lora_plus():
    torch.manual_seed(5)
    model = get_peft_model(Mlp(BASE), config())
    perturb(model)
    optimizer = create_loraplus_optimizer(
        model, torch.optim.AdamW, lr=LR, loraplus_lr_ratio=16, loraplus_weight_decay=DECAY
    )
    return trace(model, optimizer)


def equivalent(a, b, ga, gb, s, ridge=1e-8):
    """LoRA-Pro's gradients, float64."""
    a, b, ga, gb = (np.asarray(m, dtype=np.float64) for m in (a, b, ga, gb))
    eye = np.eye(len(a))
    aat_inv, btb_inv = np.linalg.inv(a @ a.T + ridge * eye), np.linalg.inv(b.T @ b + ridge * eye)
    x = solve_sylvester(b.T @ b, a @ a.T, -btb_inv @ ga @ a.T / s**2)
    new_a = btb_inv @ ga / s**2 + x @ a
    new_b = (np.eye(len(b)) - b @ btb_inv @ b.T) @ gb @ aat_inv / s**2 - b @ x
    return new_a, new_b


def lora_pro():
    torch.manual_seed(5)
    model = get_peft_model(Mlp(BASE), config())
    perturb(model)

    def rewrite(model):
        for layer in layers(model):
            a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
            ga, gb = equivalent(*(m.detach().numpy() for m in (a, b)), a.grad.numpy(), b.grad.numpy(), ALPHA / RANK)
            a.grad, b.grad = torch.tensor(ga, dtype=torch.float32), torch.tensor(gb, dtype=torch.float32)

    traced = trace(model, adamw(model), rewrite=rewrite)
    rewritten = {}
    for name in TARGETS:
        size = {k: (-1, n) for k, n in (("lora_A", 0), ("lora_B", RANK))}
        i = TARGETS.index(name)
        size["lora_A"] = (RANK, WIDTHS[i])
        a, b = (np.reshape(traced["values"][f"{name}.{k}"], size[k]) for k in size)
        ga, gb = (np.reshape(traced["gradients"][f"{name}.{k}"], size[k]) for k in size)
        new_a, new_b = equivalent(a, b, ga, gb, ALPHA / RANK)
        rewritten |= {f"{name}.lora_A": numbers(new_a), f"{name}.lora_B": numbers(new_b)}
    return {**traced, "rewritten": rewritten}


def adalora():
    torch.manual_seed(5)
    schedule = {"init_r": 4, "target_r": 2, "tinit": 1, "tfinal": 2, "deltaT": 1, "total_step": 8}
    model = get_peft_model(
        Mlp(BASE), AdaLoraConfig(lora_alpha=ALPHA, target_modules=TARGETS, orth_reg_weight=0.5, **schedule)
    )
    perturb(model)
    masks = []

    def after(step):
        model.base_model.update_and_allocate(step)
        masks.append([[int(v != 0) for v in layer.lora_E["default"].detach().ravel()] for layer in layers(model)])

    return {**trace(model, adamw(model), steps=8, after=after), "masks": masks}


def eva():
    torch.manual_seed(5)
    generator = torch.Generator().manual_seed(9)
    falling = 0.8 ** torch.arange(WIDTHS[0])
    base = dict(BASE)
    # nearly one direction behind the first layer, so that ranks move to the first
    left, right = torch.randn(WIDTHS[1], generator=generator), torch.randn(WIDTHS[0], generator=generator)
    base["layers.0.weight"] = 0.2 * BASE["layers.0.weight"] + 0.3 * torch.outer(left, right)
    batches = [torch.randn(20, WIDTHS[0], generator=generator) * falling for _ in range(3)]
    state = get_eva_state_dict(
        Mlp(base),
        [{"x": x} for x in batches],
        config(init_lora_weights="eva", eva_config=EvaConfig(rho=2.0, tau=0.99)),
        prepare_model_inputs_fn=None,
        prepare_layer_inputs_fn=None,
        show_progress_bar=False,
    )
    return {
        "base": {name: numbers(value) for name, value in base.items()},
        "batches": [numbers(x) for x in batches],
        "ranks": {name: len(state.get(name, [])) for name in TARGETS},
        "components": {name: numbers(value) for name, value in state.items()},
    }


def lora_ga_paper(gradients):
    """AᵀA and BBᵀ, free of the signs of singular vectors, and the base that is left."""
    s = ALPHA / RANK**0.5
    cases = []
    picks = {"ArB2r": ([0, 1], [2, 3]), "A2rBr": ([2, 3], [0, 1]), "ArBr": ([1, 3], [0, 2])}
    for direction, (take_a, take_b) in picks.items():
        for scale in ("stable", "unit", "gd", "weight"):
            layers = {}
            for name, gradient in gradients.items():
                g, w = gradient.numpy().astype(np.float64), BASE[f"{name}.weight"].numpy().astype(np.float64)
                u, _, vt = np.linalg.svd(g)
                spectrum = np.linalg.svd(w, compute_uv=False)[:RANK]
                length = {
                    "stable": len(g) ** 0.25 / 16**0.5,
                    "unit": 1,
                    "gd": 1 / s,
                    "weight": np.sqrt(spectrum / s).mean(),
                }[scale]
                a, b = length * vt[take_a], length * u[:, take_b]
                layers[name] = {"ata": numbers(a.T @ a), "bbt": numbers(b @ b.T)}
            cases.append({"direction": direction, "scale": scale, "layers": layers})
    return cases


def exact_svd(matrix, q, niter):
    u, s, vt = torch.linalg.svd(matrix, full_matrices=False)
    return u[:, :q], s[:q], vt[:q].T


def lora_ga_peft(gradients):
    # with q = r its randomised SVD misses the weight's largest singular value by percents
    torch.svd_lowrank = exact_svd
    names = {"stable": "stable", "unit": "unit", "gd": "gd_scale", "weight": "weight_svd"}
    cases = []
    for direction in ("ArB2r", "A2rBr", "ArBr"):
        for scale, theirs in names.items():
            base = Mlp(BASE)
            for name, gradient in gradients.items():
                base.get_submodule(name)._peft_loraga_grad = gradient.clone()
            torch.manual_seed(5)
            ga = LoraGAConfig(direction=direction, scale=theirs, stable_gamma=16)
            model = get_peft_model(base, config(use_rslora=True, init_lora_weights="lora_ga", lora_ga_config=ga))
            found = {}
            for name, layer in zip(TARGETS, layers(model)):
                a, b = (m["default"].weight.detach() for m in (layer.lora_A, layer.lora_B))
                found[name] = {"ata": numbers(a.T @ a), "bbt": numbers(b @ b.T)}
            cases.append({"direction": direction, "scale": scale, "layers": found})
    return cases


def lora_one(gradients):
    found = {}
    for name, gradient in gradients.items():
        u, s, vt = np.linalg.svd(-gradient.numpy().astype(np.float64), full_matrices=False)
        root = np.sqrt(s[:RANK] / s[0] / 128)
        found[name] = numbers(ALPHA / RANK**0.5 * (u[:, :RANK] * root) @ (root[:, None] * vt[:RANK]))
    return found


def main(folder):
    gradients = weight_gradients()
    golden = {
        "widths": WIDTHS,
        "rank": RANK,
        "alpha": ALPHA,
        "lr": LR,
        "decay": DECAY,
        "base": {name: numbers(value) for name, value in BASE.items()},
        "x": numbers(X),
        "labels": LABELS.tolist(),
        "weightGradients": {name: numbers(value) for name, value in gradients.items()},
        "methods": {
            "lora": plain(),
            "rslora": plain(use_rslora=True),
            "dora": plain(use_dora=True),
            "pissa": plain(init_lora_weights="pissa"),
            "olora": plain(init_lora_weights="olora"),
            "lora-fa": frozen_a(),
            "lora+": lora_plus(),
            "lora-pro": lora_pro(),
            "adalora": adalora(),
        },
        "eva": eva(),
        "loraOne": lora_one(gradients),
        "loraGa": {"paper": lora_ga_paper(gradients), "peft": lora_ga_peft(gradients)},
    }
    path = Path(folder) / "golden.json"
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(path, path.stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures/methods")
