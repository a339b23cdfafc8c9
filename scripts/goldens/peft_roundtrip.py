"""Loads adapters saved by this kit with Hugging Face PEFT and writes what PEFT makes of them.

    npx tsx scripts/goldens/peft-adapters.ts /tmp/adapters
    python scripts/goldens/peft_roundtrip.py /tmp/adapters tests/fixtures/peft_roundtrip.json

Needs torch, transformers, peft. Every warning is an error, so a missing or unexpected key stops the script.
A layer's change is measured through PEFT's own forward pass: layer(I) - base_layer(I), transposed to [out, in].
"""
import hashlib
import json
import sys
import warnings
from pathlib import Path

import peft
import torch
import transformers
from peft import PeftModel
from transformers import LlamaConfig, LlamaForCausalLM

LAYERS = [
    "model.layers.0.self_attn.q_proj",
    "model.layers.0.self_attn.v_proj",
    "model.layers.0.mlp.down_proj",
]


def tiny_llama():
    config = LlamaConfig(vocab_size=16, hidden_size=8, intermediate_size=12, num_hidden_layers=1,
                         num_attention_heads=2, num_key_value_heads=1)
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for name in LAYERS:
            weight = model.get_submodule(name).weight
            values = torch.sin(torch.arange(weight.numel(), dtype=torch.float64)) / 4
            weight.copy_(values.reshape(weight.shape).float())
    return model


@torch.no_grad()
def measure(folder):
    model = PeftModel.from_pretrained(tiny_llama(), str(folder))
    layers = {}
    for name in LAYERS:
        layer = model.base_model.model.get_submodule(name)
        eye = torch.eye(layer.in_features)
        change = (layer(eye) - layer.base_layer(eye)).T
        layers[name] = {
            "scaling": float(layer.scaling["default"]),
            "change": [round(x, 8) for x in change.double().flatten().tolist()],
        }
    ids = torch.arange(8).reshape(1, 8)
    adapted = model(ids).logits
    with model.disable_adapter():
        assert not torch.allclose(adapted, model(ids).logits), "the adapter changes nothing"
    weights = (folder / "adapter_model.safetensors").read_bytes()
    return {"sha256": hashlib.sha256(weights).hexdigest(), "layers": layers}


def main():
    root, out = Path(sys.argv[1]), Path(sys.argv[2])
    warnings.simplefilter("error")
    golden = {
        "versions": {"peft": peft.__version__, "torch": torch.__version__.split("+")[0],
                     "transformers": transformers.__version__},
        "adapters": {folder.name: measure(folder) for folder in sorted(root.iterdir())},
    }
    out.write_text(json.dumps(golden, indent=1) + "\n")


main()
