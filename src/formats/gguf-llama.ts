/**
 * A llama GGUF as a Hugging Face checkpoint: configuration, names and row order. llama.cpp's converter renames the
 * weights and reorders the rows of q and k, since its rotary embedding turns dimensions 2i and 2i+1 of a head together
 * where Hugging Face turns i and i + size/2 (convert_hf_to_gguf.py, `LlamaModel.permute`).
 */
import { UserError } from '../errors';
import type { GgufFile, GgufValue } from './gguf';
import { unreadableType } from './gguf-blocks';
import { interleavedToHalves } from './rotary';
import { type WeightEntry, type WeightFile, weightFile } from './weights';

/** A checkpoint with the file's weights under Hugging Face's names; closing the weights closes the file. */
export interface LlamaCheckpoint {
  /** As a `config.json` of `LlamaForCausalLM` spells it. */
  readonly config: Record<string, unknown>;
  readonly weights: WeightFile;
}

/** Names outside the layers. */
const WHOLE: Readonly<Record<string, string>> = {
  'token_embd.weight': 'model.embed_tokens.weight',
  'output_norm.weight': 'model.norm.weight',
  'output.weight': 'lm_head.weight',
};

/** Names within a layer, without `.weight` or `.bias`. */
const IN_LAYER: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};

const ROPE_FACTORS = 'rope_freqs.weight';
/** Tensors that hold nothing a model needs: old converters stored the rotary frequencies. */
const IGNORED = /^(rope_freqs\.weight|blk\.\d+\.attn_rot_embd(\.weight)?)$/;

/** The Hugging Face name of a tensor; undefined when it is none of a llama model's. */
function renamed(name: string): string | undefined {
  const layer = /^blk\.(\d+)\.([a-z_]+)\.(weight|bias)$/.exec(name);
  if (!layer) return Object.hasOwn(WHOLE, name) ? WHOLE[name] : undefined;
  const [, index, part, kind] = layer;
  return Object.hasOwn(IN_LAYER, part) ? `model.layers.${index}.${IN_LAYER[part]}.${kind}` : undefined;
}

/** Metadata by key, with the checks that a configuration needs. */
class Metadata {
  constructor(private readonly file: GgufFile) {}

  refuse(what: string, remedy = 'Take a GGUF of a plain Llama model, or its Hugging Face folder'): UserError {
    return new UserError(`${this.file.source}: ${what}. ${remedy}.`);
  }

  get(key: string): GgufValue | undefined {
    return this.file.metadata.get(key);
  }

  text(key: string): string | undefined {
    const value = this.get(key);
    if (value === undefined || typeof value === 'string') return value;
    throw this.refuse(`metadata ${key} is ${JSON.stringify(value)}, not a text`);
  }

  /** A positive number; a list of equal numbers, one a layer, counts as that number. */
  number(key: string): number | undefined {
    let value = this.get(key);
    if (Array.isArray(value)) {
      const [first] = value;
      if (value.some((other) => other !== first)) throw this.refuse(`metadata ${key} differs from layer to layer`);
      value = first;
    }
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    throw this.refuse(`metadata ${key} is ${String(value)}, not a positive number`);
  }

  /** A positive integer. @throws UserError when it is missing and there is no default. */
  count(key: string, otherwise?: number): number {
    const value = this.number(key) ?? otherwise;
    if (value === undefined) throw this.refuse(`metadata ${key} is missing`);
    if (!Number.isSafeInteger(value)) throw this.refuse(`metadata ${key} is ${value}, not an integer`);
    return value;
  }

  /** The id of a special token; null when the file names none. */
  token(name: string): number | null {
    const value = this.get(`tokenizer.ggml.${name}_token_id`);
    if (value === undefined) return null;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw this.refuse(`metadata tokenizer.ggml.${name}_token_id is ${String(value)}, not a token's id`);
  }
}

/** Rotary scaling as Hugging Face spells it, `rope_type` and its numbers. */
type RopeScaling = Record<string, string | number>;

/**
 * The scaling that metadata asks for, or that factors of the frequencies stand for; null when there is none.
 * @throws UserError on a scaling that Hugging Face's llama does not have under these numbers.
 */
function ropeScaling(file: GgufFile, meta: Metadata, headDim: number, theta: number): RopeScaling | null {
  const type = meta.text('llama.rope.scaling.type') ?? 'none';
  const factor = meta.number('llama.rope.scaling.factor') ?? meta.number('llama.rope.scale_linear') ?? 1;
  const odd = [...file.metadata.keys()].find((key) => /^llama\.rope\.scaling\.(attn_factor|yarn_)/.test(key));
  const linear = type === 'linear' || (type === 'none' && !file.metadata.has('llama.rope.scaling.type'));
  if (odd !== undefined || (!linear && type !== 'none')) {
    throw meta.refuse(`rotary scaling of type ${JSON.stringify(type)}${odd ? ` with ${odd}` : ''} is not supported`);
  }
  if (file.has(ROPE_FACTORS)) {
    if (linear && factor !== 1) throw meta.refuse(`it has both ${ROPE_FACTORS} and llama.rope.scaling.factor`);
    return llama3Scaling(file.read(ROPE_FACTORS), meta, headDim, theta);
  }
  return linear && factor !== 1 ? { rope_type: 'linear', factor } : null;
}

/** What Llama 3.1, 3.2 and 3.3 were published with; a GGUF keeps only the factors that come of it. */
const LLAMA3 = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };

/**
 * The `llama3` scaling that gives these factors of the head's frequencies: the largest is the scaling's factor, and all
 * of them must follow from it.
 */
function llama3Scaling(factors: Float32Array, meta: Metadata, headDim: number, theta: number): RopeScaling | null {
  if (factors.length !== headDim / 2) {
    throw meta.refuse(`${ROPE_FACTORS} has ${factors.length} values for heads of size ${headDim}`);
  }
  const factor = factors.reduce((most, value) => Math.max(most, value), 1);
  if (factors.every((value) => value === 1)) return null;
  const { low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: context } = LLAMA3;
  factors.forEach((value, i) => {
    const wavelength = 2 * Math.PI * theta ** ((2 * i) / headDim);
    const smooth = Math.min(1, Math.max(0, (context / wavelength - low) / (high - low)));
    const expected = 1 / ((1 - smooth) / factor + smooth);
    if (!(Math.abs(value - expected) <= 1e-4 * expected)) {
      throw meta.refuse(`the factors of ${ROPE_FACTORS} are not those of Llama 3's scaling (value ${i} is ${value})`);
    }
  });
  return { rope_type: 'llama3', factor, ...LLAMA3 };
}

/** Metadata that would change the computation of a llama model, and why it is refused. */
const REFUSED: readonly (readonly [key: string, harmless: (value: GgufValue) => boolean, what: string])[] = [
  ['llama.expert_count', (value) => value === 0, 'a mixture of experts'],
  ['llama.attention.causal', (value) => value === true, 'attention that is not causal'],
  ['llama.attention.sliding_window', (value) => value === 0, 'a sliding window of attention'],
  ['llama.logit_scale', (value) => value === 1, 'scaled logits'],
  ['llama.residual_scale', (value) => value === 1, 'scaled residuals'],
  ['llama.embedding_scale', (value) => value === 1, 'scaled embeddings'],
  ['llama.attention.scale', () => false, 'a scale of attention of its own'],
  ['split.count', (value) => value === 0 || value === 1, 'a part of a model that was split'],
];

/**
 * Reads a llama GGUF as a Hugging Face checkpoint. Nothing but the header and the factors of a rotary scaling is read.
 * @throws UserError naming the architecture, key or tensor that is missing or not supported.
 */
export function llamaFromGguf(file: GgufFile): LlamaCheckpoint {
  const meta = new Metadata(file);
  const architecture = meta.text('general.architecture');
  if (architecture !== 'llama') {
    const found = architecture === undefined ? 'names no architecture' : `is of the architecture "${architecture}"`;
    throw meta.refuse(`the GGUF ${found}; only "llama" is read from GGUF`, "Take the model's Hugging Face folder");
  }
  const kind = meta.text('general.type') ?? 'model';
  if (kind !== 'model') throw meta.refuse(`the GGUF holds a "${kind}", not a model`);
  for (const [key, harmless, what] of REFUSED) {
    const value = meta.get(key);
    if (value !== undefined && !harmless(value))
      throw meta.refuse(`${key} = ${String(value)}: ${what} is not supported`);
  }
  for (const name of ['token_embd.weight', 'output_norm.weight']) {
    if (!file.has(name)) throw meta.refuse(`the tensor ${JSON.stringify(name)} is missing`);
  }
  const config = configOf(file, meta);
  return { config, weights: weightsOf(file, meta, config.head_dim) };
}

function configOf(file: GgufFile, meta: Metadata) {
  const hidden = meta.count('llama.embedding_length');
  const heads = meta.count('llama.attention.head_count');
  const headDim = meta.count('llama.attention.key_length', hidden / heads);
  for (const key of ['llama.attention.value_length', 'llama.rope.dimension_count']) {
    const other = meta.count(key, headDim);
    if (other !== headDim) throw meta.refuse(`${key} is ${other} and a head has ${headDim} dimensions: not supported`);
  }
  const theta = meta.number('llama.rope.freq_base') ?? 10000;
  const scaling = ropeScaling(file, meta, headDim, theta);
  return {
    model_type: 'llama',
    architectures: ['LlamaForCausalLM'],
    hidden_size: hidden,
    intermediate_size: meta.count('llama.feed_forward_length'),
    num_hidden_layers: meta.count('llama.block_count'),
    num_attention_heads: heads,
    num_key_value_heads: meta.count('llama.attention.head_count_kv', heads),
    head_dim: headDim,
    hidden_act: 'silu',
    rms_norm_eps: meta.number('llama.attention.layer_norm_rms_epsilon') ?? 1e-5,
    rope_theta: theta,
    ...(scaling && { rope_scaling: scaling }),
    max_position_embeddings: meta.count('llama.context_length'),
    vocab_size: file.shape('token_embd.weight')[0],
    attention_bias: file.has('blk.0.attn_q.bias'),
    mlp_bias: file.has('blk.0.ffn_gate.bias'),
    tie_word_embeddings: !file.has('output.weight'),
    bos_token_id: meta.token('bos'),
    eos_token_id: meta.token('eos'),
    pad_token_id: meta.token('padding'),
  };
}

function weightsOf(file: GgufFile, meta: Metadata, headDim: number): WeightFile {
  const entries = new Map<string, WeightEntry>();
  for (const name of file.names) {
    if (IGNORED.test(name)) continue;
    const own = renamed(name);
    if (own === undefined) throw meta.refuse(`the tensor ${JSON.stringify(name)} is none of a Llama model's`);
    const unreadable = unreadableType(file.source, name, file.dtype(name)); // now, not after minutes of loading
    if (unreadable) throw unreadable;
    const shape = file.shape(name);
    const turned = /\.self_attn\.[qk]_proj\./.test(own);
    if (turned && (headDim % 2 !== 0 || shape[0] % headDim !== 0)) {
      throw meta.refuse(
        `the tensor ${JSON.stringify(name)} of shape [${shape}] is not made of heads of size ${headDim}`,
      );
    }
    const read = turned
      ? () => interleavedToHalves({ shape: [...shape], data: file.read(name) }, headDim).data
      : () => file.read(name);
    entries.set(own, { shape, dtype: file.dtype(name), read });
  }
  return weightFile(file.source, entries, () => file.close());
}
