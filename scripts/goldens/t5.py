"""Numbers of tests/models/t5.test.ts: tiny random T5 models, v1.0 and v1.1, run by Hugging Face's implementation.

    python scripts/goldens/t5.py        (torch 2.13, transformers 5.18, safetensors)

Writes tests/fixtures/t5/<version>/: config.json and model.safetensors as `save_pretrained` makes them, and
golden.safetensors with a batch, its logits, loss and weight gradients, and greedy texts.
"""

import os

import torch
from safetensors.torch import save_file
from transformers import T5Config, T5ForConditionalGeneration

OUT = os.path.join(os.path.dirname(__file__), "..", "..", "tests", "fixtures", "t5")
BATCH, TIME, TARGETS, LONGEST = 3, 21, 6, 8
MODELS = {
    # 2 heads of 4 features: the inner width is not d_model; 8 buckets up to 16: distances of 20 share the last
    "v1.0": dict(seed=13, d_model=16, d_kv=4, d_ff=16, num_layers=2, num_decoder_layers=2, num_heads=2),
    "v1.1": dict(seed=12, d_model=8, d_kv=4, d_ff=12, num_layers=1, num_heads=2, feed_forward_proj="gated-gelu", tie_word_embeddings=False),
}


def golden(name: str, seed: int, **options) -> None:
    torch.manual_seed(seed)
    config = T5Config(
        vocab_size=20,
        relative_attention_num_buckets=8,
        relative_attention_max_distance=16,
        dropout_rate=0.0,
        decoder_start_token_id=0,
        **options,
    )
    model = T5ForConditionalGeneration(config).eval()
    for key, value in model.named_parameters():
        if "layer_norm" in key:
            value.data += 0.3 * torch.randn_like(value)
        elif "relative_attention_bias" in key:
            value.data += torch.randn_like(value)
        elif key == "shared.weight":
            value.data *= 0.2  # else a token's likeliest successor is itself
    tokens = torch.randint(2, 20, (BATCH, TIME))
    mask = torch.ones(BATCH, TIME)
    labels = torch.randint(2, 20, (BATCH, TARGETS))
    for row, (real, target) in enumerate([(21, 6), (13, 4), (17, 1)]):
        tokens[row, real:], mask[row, real:] = 0, 0
        labels[row, target - 1], labels[row, target:] = 1, -100
    out = model(input_ids=tokens, attention_mask=mask, labels=labels)
    out.loss.backward()
    greedy = model.generate(
        input_ids=tokens, attention_mask=mask, do_sample=False, max_new_tokens=LONGEST, min_new_tokens=0
    )[:, 1:]
    greedy = torch.nn.functional.pad(greedy, (0, LONGEST - greedy.shape[1]))
    tensors = {
        "tokens": tokens.int(),
        "tokenMask": mask,
        "decoderTokens": model._shift_right(labels).int(),
        "targets": labels.clamp(min=0).int(),
        "weights": (labels >= 0).float(),
        "logits": out.logits.detach(),
        "loss": out.loss.detach().reshape(1),
        "greedy": greedy.int(),
    }
    for key, value in model.named_parameters():
        tensors[f"gradient.{key}"] = value.grad
    folder = os.path.join(OUT, name)
    model.save_pretrained(folder)
    os.remove(os.path.join(folder, "generation_config.json"))
    save_file({key: value.contiguous() for key, value in tensors.items()}, os.path.join(folder, "golden.safetensors"))


for name, options in MODELS.items():
    golden(name, **options)
