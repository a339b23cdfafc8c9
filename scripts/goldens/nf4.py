"""Reference for tests/methods/nf4.test.ts: NF4 with double quantisation in PyTorch.

Follows bitsandbytes' own plain-PyTorch kernels step by step (backends/default/ops.py quantize_4bit and
quantize_blockwise; functional.py create_dynamic_map and quantize_4bit with compress_statistics):
nearest code by argmin, block 64, scales less their mean in the dynamic 8-bit map, block 256.
Needs torch and scipy. Run: python scripts/goldens/nf4.py > tests/fixtures/nf4.json
"""
import json

import torch
from scipy.stats import norm

NF4 = torch.tensor([
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
])


def dynamic_map():
    data = []
    for i in range(7):
        edges = torch.linspace(0.1, 1, 2**i + 1)
        means = (edges[:-1] + edges[1:]) / 2.0
        data += ((10 ** (-6 + i)) * means).tolist()
        data += (-(10 ** (-6 + i)) * means).tolist()
    return torch.tensor(sorted(data + [0.0, 1.0]))


def blockwise(x, code, block):
    absmax = torch.stack([piece.abs().max() for piece in x.split(block)])
    unit = torch.cat([(piece * (1 / m)).clamp(-1, 1) for piece, m in zip(x.split(block), absmax)])
    return (unit.unsqueeze(-1) - code).abs().argmin(-1), absmax


def normal_map(offset=0.9677083):
    """functional.py create_normal_map: quantiles of the normal distribution, one more above 0 than below."""
    below = norm.ppf(torch.linspace(offset, 0.5, 8)[:-1])
    above = norm.ppf(torch.linspace(offset, 0.5, 9)[:-1])
    values = sorted([*(-below), 0.0, *above])
    return [v / max(values) for v in values]


torch.manual_seed(7)
n = 64 * 300 + 22  # two blocks of scales, a short last block
x = torch.randn(n) * torch.linspace(0.01, 0.05, n)
codes, absmax = blockwise(x, NF4, 64)
offset = absmax.mean()
scale_codes, scale_max = blockwise(absmax - offset, dynamic_map(), 256)
scales = dynamic_map()[scale_codes] * torch.repeat_interleave(scale_max, 256)[: len(scale_codes)] + offset
print(json.dumps({
    "normalMap": normal_map(),
    "values": [round(v, 7) for v in x.tolist()[:256]],
    "codes": codes.tolist()[:256],
    "dynamic": dynamic_map().tolist()[::17],
    "scales": absmax.tolist(),
    "offset": offset.item(),
    "scaleCodes": scale_codes.tolist(),
    "scaleMaxima": scale_max.tolist(),
    "dequantisedScales": scales.tolist()[::25],
}))
