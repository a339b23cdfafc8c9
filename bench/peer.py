"""The same step in PyTorch with PEFT: one training step for every line read, answered with its cost.

Arguments: folder with weights.safetensors and, but for full fine-tuning, a PEFT adapter; model layout as JSON.
"""
import json
import os
import resource
import sys
import time

import torch
from peer_models import arguments, build

folder, layout = arguments()
model, loss_of = build(folder, layout["config"])
if os.path.exists(os.path.join(folder, "adapter_config.json")):
    from peft import PeftModel

    model = PeftModel.from_pretrained(model, folder, is_trainable=True)
model.train()
trained = [p for p in model.parameters() if p.requires_grad]
t = layout["training"]
optimiser = torch.optim.AdamW(
    trained, lr=t["lr"], betas=(t["beta1"], t["beta2"]), eps=t["epsilon"], weight_decay=t["weightDecay"]
)
print(json.dumps({"ready": True, "torch": torch.__version__}), flush=True)
for _ in sys.stdin:
    started, processor = time.perf_counter(), time.process_time()
    optimiser.zero_grad(set_to_none=True)
    loss = loss_of(model)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, t["clip"])
    optimiser.step()
    value = loss.item()
    print(
        json.dumps(
            {
                "ms": (time.perf_counter() - started) * 1e3,
                "cpuMs": (time.process_time() - processor) * 1e3,
                "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                "loss": value,
                "mode": "eager",
            }
        ),
        flush=True,
    )
