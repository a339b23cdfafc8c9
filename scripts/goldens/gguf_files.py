"""Reference for tests/formats/gguf.test.ts and gguf-llama.test.ts: GGUF files as Python's gguf package writes them.

types.gguf: a tensor of random blocks [2, 256] for every type this kit reads, beside it what gguf.quants.dequantize makes
of it ("... as F32"), one tensor of a type this kit does not read, and metadata of every kind.
llama.gguf: a small Llama whose weight t, in the order of NAMES, holds t * 4096 + i at place i before the conversion;
rows of q and k reordered as llama.cpp's convert_hf_to_gguf.py does (LlamaModel.permute).
Needs gguf and numpy. Run: python scripts/goldens/gguf_files.py tests/fixtures/gguf
"""
import sys

import numpy as np
from gguf import GGMLQuantizationType as Q, GGUFWriter
from gguf.constants import GGML_QUANT_SIZES, GGUFValueType
from gguf.quants import dequantize

rng = np.random.default_rng(7)
folder = sys.argv[1]


def halves(*shape):
    """Random half-precision bits, finite: subnormal, negative and large ones among them."""
    bits = rng.integers(0, 1 << 16, shape, dtype=np.uint16)
    return np.where((bits & 0x7C00) == 0x7C00, bits & 0x83FF, bits).astype(np.uint16)


# bytes of a block at which a half-precision number stands
SCALES = {Q.Q4_0: [0], Q.Q4_1: [0, 2], Q.Q5_0: [0], Q.Q5_1: [0, 2], Q.Q8_0: [0], Q.Q4_K: [0, 2], Q.Q5_K: [0, 2], Q.Q6_K: [208]}


def blocks(kind):
    values, size = GGML_QUANT_SIZES[kind]
    raw = rng.integers(0, 256, (2 * 256 // values, size), dtype=np.uint8)
    for at in SCALES[kind]:
        raw[:, at : at + 2] = halves(len(raw), 1).view(np.uint8)
    return raw.reshape(2, -1)


def close(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


w = GGUFWriter(f"{folder}/types.gguf", "llama")
w.add_uint8("a.uint8", 255)
w.add_int8("a.int8", -128)
w.add_uint16("a.uint16", 65535)
w.add_int16("a.int16", -32768)
w.add_uint32("a.uint32", 2**32 - 1)
w.add_int32("a.int32", -(2**31))
w.add_float32("a.float32", 0.1)
w.add_bool("a.bool", True)
w.add_string("a.string", "naïve 東京 🚀")
w.add_array("a.strings", ["", "Ġthe", "▁é"])
w.add_array("a.int32s", [1, -2, 3])
w.add_key_value("a.lists", [[1, 2], [3]], GGUFValueType.ARRAY)
w.add_uint64("a.uint64", 2**40)
w.add_key_value("a.uint64.large", 2**64 - 1, GGUFValueType.UINT64)
w.add_key_value("a.int64", -(2**63), GGUFValueType.INT64)
w.add_key_value("a.float64", 0.1, GGUFValueType.FLOAT64)
single = rng.integers(0, 1 << 32, (2, 256), dtype=np.uint32)
single = np.where((single & 0x7F800000) == 0x7F800000, single & 0x807FFFFF, single).astype(np.uint32).view(np.float32)
plain = {
    "F32": single,
    "F16": halves(2, 256).view(np.float16),
    "F64": rng.normal(size=(2, 256)) * 1e3,
    "I8": rng.integers(-128, 128, (2, 256), dtype=np.int8),
    "I16": rng.integers(-(1 << 15), 1 << 15, (2, 256), dtype=np.int16),
    "I32": rng.integers(-(1 << 31), 1 << 31, (2, 256), dtype=np.int32),
    "I64": rng.integers(-(1 << 62), 1 << 62, (2, 256), dtype=np.int64),
}
for name, values in plain.items():
    w.add_tensor(name, values)
    w.add_tensor(f"{name} as F32", values.astype(np.float32))
top = (single.view(np.uint32) >> 16).astype(np.uint16)
w.add_tensor("BF16", top.view(np.uint8), raw_dtype=Q.BF16)
w.add_tensor("BF16 as F32", dequantize(top.view(np.uint8), Q.BF16))
for kind in SCALES:
    raw = blocks(kind)
    w.add_tensor(kind.name, raw, raw_dtype=kind)
    w.add_tensor(f"{kind.name} as F32", dequantize(raw, kind))
w.add_tensor("Q2_K", np.zeros((2, 84), np.uint8), raw_dtype=Q.Q2_K)
w.add_tensor("4 dimensions", np.arange(24, dtype=np.float32).reshape(2, 3, 1, 4))
close(w)

HIDDEN, HEADS, KV_HEADS, MLP, LAYERS, VOCAB = 16, 4, 2, 24, 2, 7
SIZE = HIDDEN // HEADS
NAMES = [("model.embed_tokens.weight", "token_embd.weight", (VOCAB, HIDDEN))]
for n in range(LAYERS):
    for theirs, ours, shape in [
        ("input_layernorm", "attn_norm", (HIDDEN,)),
        ("self_attn.q_proj", "attn_q", (HIDDEN, HIDDEN)),
        ("self_attn.k_proj", "attn_k", (KV_HEADS * SIZE, HIDDEN)),
        ("self_attn.v_proj", "attn_v", (KV_HEADS * SIZE, HIDDEN)),
        ("self_attn.o_proj", "attn_output", (HIDDEN, HIDDEN)),
        ("post_attention_layernorm", "ffn_norm", (HIDDEN,)),
        ("mlp.gate_proj", "ffn_gate", (MLP, HIDDEN)),
        ("mlp.up_proj", "ffn_up", (MLP, HIDDEN)),
        ("mlp.down_proj", "ffn_down", (HIDDEN, MLP)),
    ]:
        NAMES.append((f"model.layers.{n}.{theirs}.weight", f"blk.{n}.{ours}.weight", shape))
NAMES += [("model.norm.weight", "output_norm.weight", (HIDDEN,)), ("lm_head.weight", "output.weight", (VOCAB, HIDDEN))]


def permute(weights, heads):
    return weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape)


w = GGUFWriter(f"{folder}/llama.gguf", "llama")
w.add_type("model")
w.add_block_count(LAYERS)
w.add_context_length(64)
w.add_embedding_length(HIDDEN)
w.add_feed_forward_length(MLP)
w.add_head_count(HEADS)
w.add_head_count_kv(KV_HEADS)
w.add_rope_freq_base(50000.0)
w.add_rope_dimension_count(SIZE)
w.add_layer_norm_rms_eps(1e-6)
w.add_vocab_size(VOCAB)
w.add_bos_token_id(1)
w.add_eos_token_id(2)
for t, (theirs, ours, shape) in enumerate(NAMES):
    values = (t * 4096 + np.arange(np.prod(shape), dtype=np.float32)).reshape(shape)
    if "attn_q" in ours or "attn_k" in ours:
        values = permute(values, HEADS if "attn_q" in ours else KV_HEADS)
    w.add_tensor(ours, values)
close(w)
