"""PEFT's LoRA-GA: gradients and start on the kit's weights and batch, once for every line read."""
import json
import sys
import time

import torch
from peer_models import arguments, build
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraGAConfig, preprocess_loraga

folder, layout = arguments()
print(json.dumps({"ready": True, "torch": torch.__version__}), flush=True)
for _ in sys.stdin:
    model, loss_of = build(folder, layout["config"])
    config = LoraConfig(
        r=layout["rank"], lora_alpha=2 * layout["rank"], target_modules=layout["modules"], use_rslora=True,
        init_lora_weights="lora_ga", lora_ga_config=LoraGAConfig(),
    )

    def train_step():
        for _ in range(layout["batches"]):
            loss_of(model).backward()

    started = time.perf_counter()
    preprocess_loraga(model, config, train_step)
    measured = time.perf_counter()
    norm = model.get_submodule(layout["modules"][0])._peft_loraga_grad.norm().item()
    begun = time.perf_counter()
    get_peft_model(model, config)
    done = time.perf_counter()
    print(json.dumps({"gradients": (measured - started) * 1e3, "start": (done - begun) * 1e3, "norm": norm}), flush=True)
