"""The bench's models in PyTorch: weights and batch from the kit's file, the same loss."""
import json
import os
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import load_file


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
        d = c["hidden_size"]
        self.attn, self.mlp = Attention(d, c["num_attention_heads"]), Mlp(d, c["intermediate_size"])
        self.norm1, self.norm2 = torch.nn.LayerNorm(d, 1e-6), torch.nn.LayerNorm(d, 1e-6)

    def forward(self, x):
        x = self.norm1(x + self.attn(x))
        return self.norm2(x + self.mlp(x))


class Encoder(torch.nn.Module):
    def __init__(self, c):
        super().__init__()
        d = c["hidden_size"]
        self.patch_proj = torch.nn.Linear(c["num_features"], d)
        self.cls_token = torch.nn.Parameter(torch.zeros(d))
        self.pos_embed = torch.nn.Parameter(torch.zeros(c["num_tokens"] + 1, d))
        self.blocks = torch.nn.ModuleList(Block(c) for _ in range(c["num_hidden_layers"]))
        self.head = torch.nn.Linear(d, c["num_labels"])

    def forward(self, features):
        x = self.patch_proj(features)
        x = torch.cat([self.cls_token.expand(len(x), 1, -1), x], 1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.head(x[:, 0])


def llama(c):
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(LlamaConfig(**c))


def t5(c):
    from transformers import T5Config, T5ForConditionalGeneration

    return T5ForConditionalGeneration(T5Config(**c))


def arguments():
    """Folder and layout from the command line; threads are set."""
    folder, layout = sys.argv[1], json.loads(sys.argv[2])
    torch.set_num_threads(layout["threads"])
    return folder, layout


def build(folder, config):
    """The model with the kit's weights, and a function that gives its mean loss on the kit's batch."""
    tensors = load_file(os.path.join(folder, "weights.safetensors"))
    batch = {k[6:]: v for k, v in tensors.items() if k.startswith("batch.")}
    weights = {k: v for k, v in tensors.items() if not k.startswith("batch.")}
    kind = config["model_type"]
    if kind == "t5":
        model = t5(config)
        inputs = {
            "input_ids": batch["tokens"].long(),
            "attention_mask": batch["tokenMask"],
            "decoder_input_ids": batch["decoderTokens"].long(),
        }
        labels = batch["targets"].long().flatten()
        loss = lambda m: F.cross_entropy(m(**inputs, use_cache=False).logits.flatten(0, 1), labels)
    elif kind == "llama":
        model = llama(config)
        tokens, labels = batch["tokens"].long(), batch["targets"].long().flatten()
        loss = lambda m: F.cross_entropy(m(input_ids=tokens, use_cache=False).logits.flatten(0, 1), labels)
    else:
        model = Encoder(config)
        labels = batch["labels"].long()
        loss = lambda m: F.cross_entropy(m(batch["features"]), labels)
    missing, unexpected = model.load_state_dict(weights, strict=False)
    tied = {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"}
    missing = set(missing) - (tied if kind == "t5" else set())
    assert not missing and not unexpected, (missing, unexpected)
    return model, loss
