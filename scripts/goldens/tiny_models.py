"""Small random checkpoints of every architecture in src/models/, and what other people's code computes from them:
Hugging Face's transformers, and PyTorch's TransformerEncoder for the keyword transformer. One processor thread, float32.

    pip install torch==2.15.0 transformers==5.24.0 safetensors==0.8.0 numpy==2.4.6
    python scripts/goldens/tiny_models.py [NAME ...]        from the project's root; no NAME: all of them

Writes tests/fixtures/models/NAME/ for tests/models/fixtures.test.ts: config.json, the weights, and golden.json with
    inputs      under transformers' names. `greedy_prompt` holds prompts of differing length, which were padded on the left.
    outputs     logits, loss, hidden states (zeros where there is padding), greedy tokens. `encoder_last_hidden_state` is
                the `last_hidden_state` of the model below a head.
    grad_norms  L2 norm of d loss / d weight. Without labels the loss is the sum of the squared outputs: of `image_embeds`
                where there are any, else of `last_hidden_state`.
    image_size  where the pictures have another size than config.json says.
The script stops where transformers does not read a folder back to the same outputs; greedy tokens have no near tie.
"""

import json
import os
import re
import shutil
import sys
import zlib

import torch
import transformers as hf
from safetensors.torch import load_file, save_file
from torch import nn

OUT = os.path.join(os.path.dirname(__file__), "..", "..", "tests", "fixtures", "models")
VOCAB, HIDDEN, HEADS, LAYERS, INNER = 40, 16, 4, 2, 24
WRITTEN = 12  # greedy tokens a prompt
EPSILON = 0.01  # of some norms: far from every default, so that one not read is seen
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
hf.utils.logging.set_verbosity_error()
hf.utils.logging.disable_progress_bar()


def stream(*words) -> torch.Generator:
    """Random numbers of their own for every name, so that a new case does not move the others."""
    return torch.Generator().manual_seed(zlib.crc32("/".join(map(str, words)).encode()))


def fill(model, name: str):
    """Weights large enough that a layer left out or a bias forgotten is seen."""
    with torch.no_grad():
        for key, value in model.named_parameters():
            noise = torch.randn(value.shape, generator=stream(name, key))
            if re.search(r"norm|\.ln_|lambda", key, re.I) and key.endswith(("weight", "lambda1")):
                value.copy_(1 + 0.3 * noise)
            elif value.dim() <= 1:
                value.copy_(0.2 * noise)
            elif key == "shared.weight":  # small, or T5 repeats its token for ever
                value.copy_(0.3 * noise)
            elif re.search(r"embed|token|wte|wpe|relative_attention_bias", key):
                value.copy_(0.7 * noise)
            elif re.search(r"Attention\.q\.", key):  # T5 does not scale its scores
                value.copy_(noise * (4 / value[0].numel()) ** 0.5 / 2)
            elif re.search(r"c_attn|c_fc|c_proj", key):  # GPT-2 stores [in, out]
                value.copy_(noise * 1.4 / value.shape[0] ** 0.5)
            else:
                value.copy_(noise * 1.4 / value[0].numel() ** 0.5)
    model.tie_weights()
    return model.eval()


def numbers(x: torch.Tensor):
    """Nested lists; 7 significant digits."""
    short = lambda v: [short(y) for y in v] if isinstance(v, list) else float(f"{v:.7g}")
    x = x.detach()
    return short(x.float().tolist()) if x.is_floating_point() else x.tolist()


def tokens(name, rows=2, time=9, low=3, high=VOCAB):
    return torch.randint(low, high, (rows, time), generator=stream(name, "tokens"))


def text(name, time=9, short=6, pad=0):
    """Two rows, the second padded on the right."""
    ids = tokens(name, time=time)
    mask = torch.ones_like(ids)
    ids[1, short:], mask[1, short:] = pad, 0
    return {"input_ids": ids, "attention_mask": mask}


def pictures(name, side, rows=2):
    """Pixels of two decimals, which are short to write."""
    return (torch.randn(rows, 3, side, side, generator=stream(name, "pixels")) * 100).round() / 100


def seen(states, mask):
    """Zeros in place of padding: implementations may leave there what they like."""
    return states * mask[..., None]


# What is asked of a model ------------------------------------------------------------------------------------------


def causal(model, inputs):
    given = {key: inputs[key] for key in ("input_ids", "attention_mask")}
    mask = given["attention_mask"]
    out = model(**given, labels=inputs["labels"])
    states = model.base_model(**given).last_hidden_state
    return {"loss": out.loss, "logits": seen(out.logits, mask), "last_hidden_state": seen(states, mask), "greedy": greedy(model, inputs)}


def greedy(model, inputs):
    """Continues all prompts at once, padded on the left; each row comes back without its padding."""
    prompts = inputs["greedy_prompt"]
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(row)) + row for row in prompts])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in prompts])
    with torch.no_grad():
        out = model.generate(ids, attention_mask=mask, max_new_tokens=WRITTEN, do_sample=False, eos_token_id=None, pad_token_id=0)
    return [row[longest - len(prompt) :].tolist() for row, prompt in zip(out, prompts)]


def plain(logits, written) -> bool:
    """Greedy tokens that rounding cannot change, and that are not one token over and over."""
    top = logits.topk(2).values
    return (top[:, 0] - top[:, 1]).min() > 0.01 and len(set(written)) >= 5


def clear(model, rows, prompts) -> bool:
    """Greedy tokens that are plain, and that padding would change if it were seen."""
    for row, prompt in zip(rows, prompts):
        with torch.no_grad():
            logits = model(torch.tensor([row])).logits[0, len(prompt) - 1 : -1]
        if not plain(logits, row[len(prompt) :]):
            return False
    longest = max(map(len, prompts))
    blind = torch.tensor([[0] * (longest - len(row)) + row for row in prompts])
    with torch.no_grad():
        out = model.generate(
            blind, attention_mask=torch.ones_like(blind), max_new_tokens=WRITTEN, do_sample=False, eos_token_id=None, pad_token_id=0
        )
    return all(len(prompt) == longest or out[i, longest:].tolist() != rows[i][len(prompt) :] for i, prompt in enumerate(prompts))


def answers(model, inputs):
    out = model(**inputs)
    states = seen(out.encoder_last_hidden_state, inputs["attention_mask"])
    given = {key: inputs[key] for key in ("input_ids", "attention_mask")}
    with torch.no_grad():
        written = model.generate(**given, max_new_tokens=WRITTEN, do_sample=False, num_beams=1, eos_token_id=None)
    return {"loss": out.loss, "logits": out.logits, "encoder_last_hidden_state": states, "greedy": written}


def classified(model, inputs):
    out = model(**inputs)
    base = getattr(model, "vision_model", None) or model.base_model
    states = base(**{key: value for key, value in inputs.items() if key != "labels"}).last_hidden_state
    if "attention_mask" in inputs:
        states = seen(states, inputs["attention_mask"])
    return {"loss": out.loss, "logits": out.logits, "encoder_last_hidden_state": states}


def bare_text(model, inputs):
    states = seen(model(**inputs).last_hidden_state, inputs["attention_mask"])
    return {"loss": states.square().sum(), "last_hidden_state": states}


def bare_picture(**how):
    def run(model, inputs):
        states = model(**inputs, **how).last_hidden_state
        return {"loss": states.square().sum(), "last_hidden_state": states}

    return run


def embedded(model, inputs):
    out = model(**inputs)
    return {"loss": out.image_embeds.square().sum(), "image_embeds": out.image_embeds, "last_hidden_state": out.last_hidden_state}


def embedded_by_whole(model, inputs):
    out = model.get_image_features(**inputs, interpolate_pos_encoding=True)
    return {"loss": out.pooler_output.square().sum(), "image_embeds": out.pooler_output, "last_hidden_state": out.last_hidden_state}


# Writing -----------------------------------------------------------------------------------------------------------


def files_of(folder):
    return sorted(f for f in os.listdir(folder) if f.endswith(".safetensors"))


def weights_of(folder):
    return {key: value for file in files_of(folder) for key, value in load_file(os.path.join(folder, file)).items()}


def write_json(path, value):
    with open(path, "w") as file:
        json.dump(value, file, separators=(",", ":"))
        file.write("\n")


def keep_positions(model):
    """Where positions are interpolated, the gradient that counts is that of the interpolated ones."""
    kept = []
    for module in model.modules():
        if hasattr(module, "interpolate_pos_encoding"):
            inner = module.interpolate_pos_encoding

            def outer(*given, inner=inner):
                positions = inner(*given)
                if positions.requires_grad and not positions.is_leaf:
                    positions.retain_grad()
                    kept.append(positions)
                return positions

            module.interpolate_pos_encoding = outer
    return kept


def case(name, model, inputs, run, *, prefix="", config=None, weights=None, image_size=None, reread=True, **save):
    """
    prefix   what src/models/ puts before the names of a bare model's weights
    config   edits config.json; weights  edits the file's weights: dicts to dicts
    """
    if len(sys.argv) > 1 and name not in sys.argv[1:]:
        return
    folder = os.path.join(OUT, name)
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, **save)
    if os.path.exists(os.path.join(folder, "generation_config.json")):
        os.remove(os.path.join(folder, "generation_config.json"))
    stored = weights_of(folder)

    kept = keep_positions(model) if image_size else []
    out = run(model, inputs)
    model.zero_grad()
    out["loss"].backward()
    norms = {}
    for key, value in model.named_parameters():
        if value.grad is None:
            continue
        # transformers 5 gives some modules other names in memory than in files
        own = next(k for k, v in stored.items() if v.shape == value.shape and torch.equal(v.float(), value.detach()))
        grad = kept[0].grad if kept and "position_embedding" in own else value.grad
        norms[prefix + own] = float(f"{grad.norm().item():.7g}")

    path = os.path.join(folder, "config.json")
    with open(path) as file:
        own = json.load(file)
    write_json(path, config(own) if config else own)
    if weights:
        save_file({k: v.clone() for k, v in weights(stored).items()}, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})

    shown = lambda values: {k: numbers(v) if isinstance(v, torch.Tensor) else v for k, v in values.items()}
    golden = {"class": type(model).__name__, "inputs": shown(inputs), "outputs": shown(out), "grad_norms": norms}
    write_json(os.path.join(folder, "golden.json"), {**golden, **({"image_size": image_size} if image_size else {})})

    worst = 0.0
    if reread:
        again, report = type(model).from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
        missing = [key for key in report["missing_keys"] if "pooler" not in key]
        assert not missing and not report["unexpected_keys"] and not report["mismatched_keys"], (name, report)
        for key, value in run(again.eval(), inputs).items():
            if isinstance(value, torch.Tensor) and value.is_floating_point():
                worst = max(worst, ((value - out[key]).abs().max() / out[key].abs().max()).item())
            else:
                assert shown({key: value}) == shown({key: out[key]}), (name, key)
    size = sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder))
    print(f"{name:24} {size:6d} bytes, read back within {worst:.1g}")
    assert worst < 1e-6 and size < 300_000, name


def decoder(name, sizes, **more):
    half = more.pop("half", None)
    model = fill(hf.AutoModelForCausalLM.from_config(sizes), name)
    if half:
        with torch.no_grad():
            for value in model.parameters():
                value.copy_(value.to(half).float())
    inputs = text(name, time=10, short=7)
    inputs["labels"] = inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, -100)
    for attempt in range(1000):
        ids = tokens(f"{name}/{attempt}", rows=1, time=8)[0].tolist()
        inputs["greedy_prompt"] = [ids[:5], ids[5:]]
        if clear(model, greedy(model, inputs), inputs["greedy_prompt"]):
            break
    else:
        raise SystemExit(f"{name}: no prompt without a near tie")
    case(name, model, inputs, causal, **more)


# The cases ---------------------------------------------------------------------------------------------------------

DECODER = dict(
    vocab_size=VOCAB,
    hidden_size=HIDDEN,
    intermediate_size=INNER,
    num_hidden_layers=LAYERS,
    num_attention_heads=HEADS,
    max_position_embeddings=64,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
)
rope = lambda theta=300.0, **more: {"rope_type": "default", "rope_theta": theta, **more}


def older(config):
    """The spelling of transformers 4."""
    scaling = config.pop("rope_parameters")
    config["rope_theta"] = scaling.pop("rope_theta")
    if scaling.pop("rope_type") == "linear":
        config["rope_scaling"] = {"type": "linear", **scaling}
    config["torch_dtype"] = config.pop("dtype")
    return {**config, "transformers_version": "4.37.0"}


def neighbours(stored):
    """Rotary pairs as llama2.c has them: features i and i + size/2 of a head become neighbours."""

    def pair(key, value):
        heads = HEADS if "q_proj" in key else 2
        return value.view(heads, 2, -1, HIDDEN).transpose(1, 2).reshape(value.shape) if re.search("[qk]_proj", key) else value

    return {key: pair(key, value) for key, value in stored.items()}


def halves(name, dtype, **more):
    """Stored in 16 bits, computed in 32."""
    decoder(name, hf.LlamaConfig(**DECODER, num_key_value_heads=2, tie_word_embeddings=True, rope_parameters=rope()), half=dtype, **more)


def in_bits(dtype):
    return lambda stored: {key: value.to(dtype) for key, value in stored.items()}


def in_shards(name, dtype):
    """The folder of one file as one of two shards and an index, written by transformers."""
    folder = os.path.join(OUT, name)
    if len(sys.argv) > 1 and name not in sys.argv[1:]:
        return
    model = hf.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    shown = open(os.path.join(folder, "config.json")).read()
    os.remove(os.path.join(folder, "model.safetensors"))
    model.save_pretrained(folder, max_shard_size="7KB")
    os.remove(os.path.join(folder, "generation_config.json"))
    with open(os.path.join(folder, "config.json"), "w") as file:
        file.write(shown)
    assert len(files_of(folder)) == 2 and {v.dtype for v in weights_of(folder).values()} == {dtype}, files_of(folder)


decoder(
    "llama",
    hf.LlamaConfig(**DECODER, num_key_value_heads=2, tie_word_embeddings=True, rms_norm_eps=1e-5, rope_parameters=rope()),
    config=older,
)
decoder(
    "llama-rope-linear",
    hf.LlamaConfig(
        **DECODER,
        num_key_value_heads=1,
        head_dim=8,
        tie_word_embeddings=False,
        attention_bias=True,
        mlp_bias=True,
        rms_norm_eps=EPSILON,
        rope_parameters=rope(rope_type="linear", factor=4.0),
    ),
    config=older,
)
# periods of 4 pairs: one is short enough to stay, one is stretched in part, two are stretched by the factor
LLAMA3 = dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)
decoder(
    "llama-rope-llama3",
    hf.LlamaConfig(
        **DECODER, num_key_value_heads=2, head_dim=8, tie_word_embeddings=False, rope_parameters=rope(500.0, rope_type="llama3", **LLAMA3)
    ),
)
decoder(
    "llama-rope-interleaved",
    hf.LlamaConfig(**DECODER, num_key_value_heads=2, tie_word_embeddings=True, rope_parameters=rope()),
    config=lambda config: {**config, "rope_interleaved": True},
    weights=neighbours,
    reread=False,  # a key of this project
)
halves("llama-f16-shards", torch.float16, weights=in_bits(torch.float16))
in_shards("llama-f16-shards", torch.float16)
halves("llama-bf16", torch.bfloat16, weights=in_bits(torch.bfloat16))
decoder(
    "mistral", hf.MistralConfig(**DECODER, num_key_value_heads=2, tie_word_embeddings=False, sliding_window=None, rope_parameters=rope())
)
decoder("qwen2", hf.Qwen2Config(**DECODER, num_key_value_heads=1, tie_word_embeddings=True, rope_parameters=rope()))
decoder(
    "qwen3",
    hf.Qwen3Config(**DECODER, num_key_value_heads=2, head_dim=6, tie_word_embeddings=True, rms_norm_eps=EPSILON, rope_parameters=rope()),
)


def as_on_hub(stored):
    """GPT-2 of 2019: no prefix, and the causal mask as a buffer of every block."""
    mask = torch.ones(20, 20).tril().view(1, 1, 20, 20)
    return {
        **{key.removeprefix("transformer."): value for key, value in stored.items()},
        **{f"h.{i}.attn.bias": mask for i in range(LAYERS)},
    }


decoder(
    "gpt2",
    hf.GPT2Config(
        vocab_size=VOCAB,
        n_positions=20,
        n_embd=HIDDEN,
        n_layer=LAYERS,
        n_head=HEADS,
        n_inner=INNER,
        layer_norm_epsilon=EPSILON,
        bos_token_id=1,
        eos_token_id=2,
    ),
    weights=as_on_hub,
)


def t5(name, projection, tied, **more):
    sizes = dict(vocab_size=VOCAB, d_model=HIDDEN, d_kv=3, d_ff=INNER, num_layers=LAYERS, num_heads=HEADS, **more)
    # 8 buckets up to distance 16: with 21 tokens some are beyond
    buckets = dict(relative_attention_num_buckets=8, relative_attention_max_distance=16)
    config = hf.T5Config(
        **sizes, **buckets, feed_forward_proj=projection, tie_word_embeddings=tied, dropout_rate=0.0, decoder_start_token_id=0
    )
    model = fill(hf.T5ForConditionalGeneration(config), name)
    if not tied:  # transformers 5 ties what is built and unties what a file holds twice
        model.lm_head.weight = nn.Parameter(torch.randn(VOCAB, HIDDEN, generator=stream(name, "lm_head")) * 0.4)
    labels = tokens(f"{name}/labels", time=5)
    labels[:, -1], labels[1, 3], labels[1, 4] = 1, 1, -100

    def hub(shown):
        """As on the hub: tie_word_embeddings says whether the output is scaled."""
        shown.pop("scale_decoder_outputs")
        shown.pop("tie_word_embeddings")
        return shown if tied else {**shown, "tie_word_embeddings": False}

    def whole(stored):
        return stored if tied else {key: value.detach() for key, value in model.named_parameters()}

    if not tied:  # so that `case` finds it
        save = model.save_pretrained
        model.save_pretrained = lambda folder: (
            save(folder),
            save_file({k: v.detach().contiguous() for k, v in model.named_parameters()}, os.path.join(folder, "model.safetensors")),
        )
    for attempt in range(1000):
        inputs = {**text(f"{name}/{attempt}", time=21, short=15), "labels": labels}
        with torch.no_grad():
            written = answers(model, inputs)["greedy"]
            logits = model(**{**inputs, "labels": None}, decoder_input_ids=written[:, :-1]).logits
        if all(plain(*row) for row in zip(logits, written[:, 1:].tolist())):
            break
    else:
        raise SystemExit(f"{name}: no text without a near tie")
    case(name, model, inputs, answers, config=hub, weights=whole)


t5("t5", "relu", True)
t5("t5-v11", "gated-gelu", False, num_decoder_layers=1, layer_norm_epsilon=EPSILON)

ENCODER = dict(
    vocab_size=VOCAB,
    hidden_size=HIDDEN,
    num_hidden_layers=LAYERS,
    num_attention_heads=HEADS,
    intermediate_size=INNER,
    max_position_embeddings=16,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)
COLOURS = dict(id2label={0: "Red", 1: "green", 2: "blue"}, label2id={"Red": 0, "green": 1, "blue": 2})
CLASSES, SCORES = torch.tensor([2, 0]), torch.tensor([3.5, 1.25])


def typed(inputs):
    """The second part of every text is another segment."""
    kinds = torch.zeros_like(inputs["input_ids"])
    kinds[:, 3:] = inputs["attention_mask"][:, 3:]
    return {**inputs, "token_type_ids": kinds}


def gamma_beta(stored):
    return {
        re.sub("LayerNorm.bias$", "LayerNorm.beta", re.sub("LayerNorm.weight$", "LayerNorm.gamma", key)): value
        for key, value in stored.items()
    }


name = "bert-cls"
case(
    name,
    fill(hf.BertForSequenceClassification(hf.BertConfig(**ENCODER, **COLOURS)), name),
    {**typed(text(name)), "labels": CLASSES},
    classified,
)
name = "bert-reg"
case(
    name,
    fill(hf.BertForSequenceClassification(hf.BertConfig(**ENCODER, num_labels=1, hidden_act="relu", layer_norm_eps=EPSILON)), name),
    {**text(name), "labels": SCORES},
    classified,
)
name = "bert-gamma"
case(
    name,
    fill(hf.BertForSequenceClassification(hf.BertConfig(**ENCODER, num_labels=2)), name),
    {**text(name), "labels": torch.tensor([1, 0])},
    classified,
    weights=gamma_beta,
)
name = "bert-bare"
case(
    name,
    fill(hf.BertModel(hf.BertConfig(**ENCODER), add_pooling_layer=False), name),
    typed(text(name)),
    bare_text,
    prefix="bert.",
    weights=lambda stored: {"embeddings.position_ids": torch.arange(16).view(1, 16), **stored},
)
PADDED = {**ENCODER, "type_vocab_size": 1, "layer_norm_eps": EPSILON, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
name = "roberta-cls"
case(
    name,
    fill(hf.RobertaForSequenceClassification(hf.RobertaConfig(**PADDED, num_labels=3)), name),
    {**text(name, pad=1), "labels": CLASSES},
    classified,
)
name = "xlm-roberta-reg"
case(
    name,
    fill(hf.XLMRobertaForSequenceClassification(hf.XLMRobertaConfig(**PADDED, num_labels=1)), name),
    {**text(name, pad=1), "labels": SCORES},
    classified,
)
name = "distilbert-cls"
config = hf.DistilBertConfig(
    vocab_size=VOCAB,
    dim=HIDDEN,
    n_layers=LAYERS,
    n_heads=HEADS,
    hidden_dim=INNER,
    max_position_embeddings=16,
    num_labels=3,
    dropout=0.0,
    attention_dropout=0.0,
)
case(name, fill(hf.DistilBertForSequenceClassification(config), name), {**text(name), "labels": CLASSES}, classified)

PICTURE = dict(
    hidden_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=HEADS, intermediate_size=INNER, image_size=12, patch_size=4
)
DINO = {**{key: value for key, value in PICTURE.items() if key != "intermediate_size"}, "mlp_ratio": 2}
name = "vit-cls"
case(
    name,
    fill(hf.ViTForImageClassification(hf.ViTConfig(**PICTURE, num_labels=3)), name),
    {"pixel_values": pictures(name, 12), "labels": CLASSES},
    classified,
)
name = "vit-bare-larger"
case(
    name,
    fill(hf.ViTModel(hf.ViTConfig(**PICTURE, qkv_bias=False, layer_norm_eps=EPSILON)), name),
    {"pixel_values": pictures(name, 20, 1)},
    bare_picture(interpolate_pos_encoding=True),
    prefix="vit.",
    image_size=20,
)
name = "deit-cls"
case(
    name,
    fill(hf.DeiTForImageClassification(hf.DeiTConfig(**PICTURE, num_labels=3, layer_norm_eps=EPSILON)), name),
    {"pixel_values": pictures(name, 12), "labels": CLASSES},
    classified,
)
name = "dinov2-cls"
case(
    name,
    fill(hf.Dinov2ForImageClassification(hf.Dinov2Config(**DINO, num_labels=3, layer_norm_eps=EPSILON)), name),
    {"pixel_values": pictures(name, 12), "labels": CLASSES},
    classified,
)
name = "dinov2-bare-smaller"
case(
    name,
    fill(hf.Dinov2Model(hf.Dinov2Config(**{**DINO, "image_size": 20})), name),
    {"pixel_values": pictures(name, 12)},
    bare_picture(),
    prefix="dinov2.",
    image_size=12,
)
name = "clip-vision"
case(
    name,
    fill(hf.CLIPVisionModelWithProjection(hf.CLIPVisionConfig(**PICTURE, projection_dim=10)), name),
    {"pixel_values": pictures(name, 12)},
    embedded,
)
WORDS = dict(
    vocab_size=6,
    hidden_size=4,
    intermediate_size=4,
    num_hidden_layers=1,
    num_attention_heads=1,
    max_position_embeddings=4,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
)
name = "clip-cls"
case(
    name,
    fill(hf.CLIPForImageClassification(hf.CLIPConfig(text_config=WORDS, vision_config=PICTURE, projection_dim=10, **COLOURS)), name),
    {"pixel_values": pictures(name, 12), "labels": CLASSES},
    classified,
)
name = "clip-whole-larger"
case(
    name,
    fill(
        hf.CLIPModel(
            hf.CLIPConfig(text_config=WORDS, vision_config={**PICTURE, "hidden_act": "gelu", "layer_norm_eps": EPSILON}, projection_dim=10)
        ),
        name,
    ),
    {"pixel_values": pictures(name, 16, 1)},
    embedded_by_whole,
    image_size=16,
)


def keyword_transformer(name, first, qkv_bias, **more):
    """KWT (Berg et al. 2021), which transformers does not have, of PyTorch's own encoder layers."""
    if len(sys.argv) > 1 and name not in sys.argv[1:]:
        return
    count, features, epsilon = 5, 6, more.get("layer_norm_eps", 1e-6)
    gelu = lambda x: nn.functional.gelu(x, approximate="tanh")
    model = nn.ModuleDict({"patch_proj": nn.Linear(features, HIDDEN)})
    model.register_parameter("cls_token", nn.Parameter(torch.zeros(HIDDEN)))
    model.register_parameter("pos_embed", nn.Parameter(torch.zeros(count + 1, HIDDEN)))
    layer = lambda: nn.TransformerEncoderLayer(HIDDEN, HEADS, INNER, 0.0, gelu, epsilon, batch_first=True, norm_first=first)
    model["blocks"] = nn.ModuleList(layer() for _ in range(LAYERS))
    if first:
        model["norm"] = nn.LayerNorm(HIDDEN, epsilon)
    model["head"] = nn.Linear(HIDDEN, 3)
    model.tie_weights = lambda: None
    fill(model, name)
    if not qkv_bias:
        for block in model["blocks"]:
            block.self_attn.in_proj_bias.data.zero_()

    x = torch.randn(2, count, features, generator=stream(name, "features"))
    x = (x * 100).round() / 100
    h = torch.cat([model.cls_token.expand(2, 1, -1), model["patch_proj"](x)], 1) + model.pos_embed
    for block in model["blocks"]:
        h = block(h)
    logits = model["head"](model["norm"](h[:, 0]) if first else h[:, 0])
    loss = nn.functional.cross_entropy(logits, CLASSES)
    loss.backward()

    def own(key, value):
        """PyTorch's names to the checkpoint's; one matrix for q, k and v there, three here."""
        if "in_proj" in key:
            kind = key.split("_")[-1]
            parts = zip("qkv", value.chunk(3)) if kind == "weight" or qkv_bias else []
            return {f"{key.split('.self_attn')[0]}.attn.{part}.{kind}": rows for part, rows in parts}
        return {key.replace("self_attn.out_proj", "attn.o").replace("linear", "mlp.fc"): value}

    stored, grads = {}, {}
    for key, value in model.named_parameters():
        stored.update(own(key, value.detach()))
        grads.update(own(key, value.grad))
    sizes = dict(hidden_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=HEADS, intermediate_size=INNER, num_labels=3)
    folder = os.path.join(OUT, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    write_json(
        os.path.join(folder, "config.json"),
        dict(model_type="kwt", num_tokens=count, num_features=features, **sizes, norm_first=first, qkv_bias=qkv_bias, **more),
    )
    save_file({k: v.contiguous() for k, v in stored.items()}, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    golden = {
        "class": "torch.nn.TransformerEncoderLayer",
        "inputs": {"features": numbers(x), "labels": numbers(CLASSES)},
        "outputs": {"loss": numbers(loss), "logits": numbers(logits)},
    }
    write_json(
        os.path.join(folder, "golden.json"), {**golden, "grad_norms": {k: float(f"{v.norm().item():.7g}") for k, v in grads.items()}}
    )
    print(f"{name:24} {sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)):6d} bytes")


keyword_transformer("kwt", first=False, qkv_bias=False)
keyword_transformer("kwt-norm-first", first=True, qkv_bias=True, layer_norm_eps=EPSILON)
