"""The same step in PyTorch with PEFT: one training step for every line read, answered with its cost.

Arguments: folder with weights.safetensors and, but for full fine-tuning, a PEFT adapter; model layout as JSON.
"""
import json
import os
import resource
import sys
import time

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

folder, layout = sys.argv[1], json.loads(sys.argv[2])
torch.set_num_threads(layout["threads"])
tensors = load_file(os.path.join(folder, "weights.safetensors"))
batch = {k[6:]: v for k, v in tensors.items() if k.startswith("batch.")}
weights = {k: v for k, v in tensors.items() if not k.startswith("batch.")}


class Attention(torch.nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        for name in "qkv":
            setattr(self, name, torch.nn.Linear(d, d, bias=False))
        self.o = torch.nn.Linear(d, d)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (m(x).view(b, t, self.heads, -1).transpose(1, 2) for m in (self.q, self.k, self.v))
        return self.o(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, d))


class Mlp(torch.nn.Module):
    def __init__(self, d, hidden):
        super().__init__()
        self.fc1, self.fc2 = torch.nn.Linear(d, hidden), torch.nn.Linear(hidden, d)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))


class Block(torch.nn.Module):
    def __init__(self, c):
        super().__init__()
        d = c["dim"]
        self.attn, self.mlp = Attention(d, c["heads"]), Mlp(d, c["mlp"])
        self.norm1, self.norm2 = torch.nn.LayerNorm(d, 1e-6), torch.nn.LayerNorm(d, 1e-6)

    def forward(self, x):
        x = self.norm1(x + self.attn(x))
        return self.norm2(x + self.mlp(x))


class Encoder(torch.nn.Module):
    def __init__(self, c):
        super().__init__()
        d = c["dim"]
        self.patch_proj = torch.nn.Linear(c["features"], d)
        self.cls_token = torch.nn.Parameter(torch.zeros(d))
        self.pos_embed = torch.nn.Parameter(torch.zeros(c["tokens"] + 1, d))
        self.blocks = torch.nn.ModuleList(Block(c) for _ in range(c["depth"]))
        self.head = torch.nn.Linear(d, c["classes"])

    def forward(self, features):
        x = self.patch_proj(features)
        x = torch.cat([self.cls_token.expand(len(x), 1, -1), x], 1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.head(x[:, 0])


if "vocab" in layout["config"]:
    from transformers import LlamaConfig, LlamaForCausalLM

    c = layout["config"]
    model = LlamaForCausalLM(
        LlamaConfig(
            hidden_size=c["dim"], intermediate_size=c["hidden"], num_hidden_layers=c["layers"],
            num_attention_heads=c["heads"], num_key_value_heads=c["kvHeads"], vocab_size=c["vocab"],
            max_position_embeddings=c["context"], rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=c["tied"],
        )
    )
    inputs, labels = batch["tokens"].long(), batch["targets"].long().flatten()
    forward = lambda: F.cross_entropy(model(input_ids=inputs, use_cache=False).logits.flatten(0, 1), labels)
else:
    model = Encoder(layout["config"])
    labels = batch["labels"].long()
    forward = lambda: F.cross_entropy(model(batch["features"]), labels)

missing, unexpected = model.load_state_dict(weights, strict=False)
assert not missing and not unexpected, (missing, unexpected)
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
    loss = forward()
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
