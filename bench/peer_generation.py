"""transformers' greedy generation with a cache, on the kit's weights and prompts, once for every line read."""
import json
import sys
import time

import torch
from peer_models import arguments, build

folder, layout = arguments()
model, _ = build(folder, layout["config"])
model.eval()
prompts = torch.tensor(layout["prompts"])
options = dict(do_sample=False, use_cache=True, eos_token_id=None, pad_token_id=0)
options.update(max_new_tokens=layout["fresh"], min_new_tokens=layout["fresh"], attention_mask=torch.ones_like(prompts))
print(json.dumps({"ready": True}), flush=True)
for _ in sys.stdin:
    started = time.perf_counter()
    with torch.no_grad():
        texts = model.generate(prompts, **options)
    print(json.dumps({"ms": (time.perf_counter() - started) * 1e3, "texts": texts.tolist()}), flush=True)
