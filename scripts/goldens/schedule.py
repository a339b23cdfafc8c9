"""Reference numbers for tests/training/schedule.test.ts: the learning rates that transformers' cosine schedules give a
PyTorch optimiser.

    pip install torch transformers && python scripts/goldens/schedule.py > tests/fixtures/schedule.json

Here the first step has a rate above 0 and the last one the floor, so a run of `steps` steps is read off two places of
one schedule over steps − 1: while the rate rises, step s is their place s; after that it is their place s − 1.
"""
import json

import torch
import transformers
from transformers import get_cosine_schedule_with_warmup, get_cosine_with_min_lr_schedule_with_warmup

PEAK = 0.25


def rates(steps, warmup, floor):
    """Rates over the peak at the places 0 … steps of the schedule."""
    optimiser = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    if floor == 0:
        schedule = get_cosine_schedule_with_warmup(optimiser, warmup, steps - 1)
    else:
        schedule = get_cosine_with_min_lr_schedule_with_warmup(optimiser, warmup, steps - 1, min_lr_rate=floor)
    found = []
    for _ in range(steps + 1):
        found.append(optimiser.param_groups[0]["lr"] / PEAK)
        optimiser.step()
        schedule.step()
    return found


cases = []
for steps, share, floor in [(10, 0, 0), (40, 0.1, 0), (40, 0.1, 0.2), (33, 0.5, 0.05), (7, 1, 0), (2, 0.03, 0)]:
    warmup = int(steps * share + 0.5)
    cases.append({"steps": steps, "warmup": share, "minLr": floor, "rising": warmup, "rates": rates(steps, warmup, floor)})
print(json.dumps({"made_with": {"torch": torch.__version__, "transformers": transformers.__version__}, "cases": cases}))
