/**
 * Checkpoints of llama2.c in its legacy `.bin` form (https://github.com/karpathy/llama2.c, export.py `legacy_export`):
 * seven int32 (dim, hidden, layers, heads, kv heads, ±vocab, context), then float32 weights. The weights keep llama2.c's
 * interleaved rotary embedding: dimensions 2i and 2i+1 of a head rotate together.
 */
import { UserError } from '../errors';
import { readBytes } from './read';

/** What the header says. */
export interface Llama2cConfig {
  readonly dim: number;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly vocab: number;
  /** Longest context, in tokens. */
  readonly context: number;
  /** True when the output matrix is the token embedding. */
  readonly tied: boolean;
}

/** A checkpoint: weights under Hugging Face's names, row-major, linear weights [out, in]. */
export interface Llama2cCheckpoint {
  readonly config: Llama2cConfig;
  readonly tensors: Map<string, { readonly shape: number[]; readonly data: Float32Array }>;
}

const HEADER_BYTES = 28;
/** Limits above any llama2.c model, far below what would overflow a size. */
const LIMITS = {
  dim: 65536,
  hidden: 262144,
  layers: 1024,
  heads: 1024,
  kvHeads: 1024,
  vocab: 1048576,
  context: 1048576,
};

function readConfig(view: DataView, bad: (what: string) => UserError): Llama2cConfig {
  const [dim, hidden, layers, heads, kvHeads, signedVocab, context] = Array.from({ length: 7 }, (_, i) =>
    view.getInt32(4 * i, true),
  );
  const config = { dim, hidden, layers, heads, kvHeads, vocab: Math.abs(signedVocab), context };
  for (const [key, limit] of Object.entries(LIMITS)) {
    const value = config[key as keyof typeof LIMITS];
    if (value < 1 || value > limit) throw bad(`its header says ${key} = ${value}, which is not in 1 … ${limit}`);
  }
  if (dim % heads !== 0 || (dim / heads) % 2 !== 0) {
    throw bad(`its header says dim = ${dim} and ${heads} heads, which gives no even head size`);
  }
  if (heads % kvHeads !== 0) throw bad(`its header says ${heads} heads, not a multiple of its ${kvHeads} kv heads`);
  return { ...config, tied: signedVocab > 0 };
}

interface Block {
  /** Tensor name; `{}` stands for the layer number, null for a block that is not kept. */
  readonly name: string | null;
  readonly shape: number[];
}

/** Blocks of the file in order. */
function layout(c: Llama2cConfig): Block[] {
  const head = c.dim / c.heads;
  const layer = 'model.layers.{}';
  const output: Block = { name: 'lm_head.weight', shape: [c.vocab, c.dim] };
  return [
    { name: 'model.embed_tokens.weight', shape: [c.vocab, c.dim] },
    { name: `${layer}.input_layernorm.weight`, shape: [c.dim] },
    { name: `${layer}.self_attn.q_proj.weight`, shape: [c.dim, c.dim] },
    { name: `${layer}.self_attn.k_proj.weight`, shape: [head * c.kvHeads, c.dim] },
    { name: `${layer}.self_attn.v_proj.weight`, shape: [head * c.kvHeads, c.dim] },
    { name: `${layer}.self_attn.o_proj.weight`, shape: [c.dim, c.dim] },
    { name: `${layer}.post_attention_layernorm.weight`, shape: [c.dim] },
    { name: `${layer}.mlp.gate_proj.weight`, shape: [c.hidden, c.dim] }, // w1
    { name: `${layer}.mlp.down_proj.weight`, shape: [c.dim, c.hidden] }, // w2
    { name: `${layer}.mlp.up_proj.weight`, shape: [c.hidden, c.dim] }, // w3
    { name: 'model.norm.weight', shape: [c.dim] },
    { name: null, shape: [c.context, head / 2] }, // cosines of the rotary embedding; the model computes its own
    { name: null, shape: [c.context, head / 2] }, // sines
    ...(c.tied ? [] : [output]),
  ];
}

const elements = (shape: readonly number[]): number => shape.reduce((product, dimension) => product * dimension, 1);

/**
 * Reads a legacy llama2.c checkpoint.
 * @throws UserError when the file cannot be read, its header is implausible, or its length is not what the header asks.
 */
export function readLlama2c(path: string): Llama2cCheckpoint {
  const bytes = readBytes(path, 'llama2.c checkpoint');
  const bad = (what: string) => new UserError(`${path} is not a legacy llama2.c checkpoint: ${what}.`);
  if (bytes.byteLength < HEADER_BYTES) throw bad(`it has ${bytes.byteLength} bytes, fewer than its header`);
  const config = readConfig(new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES), bad);
  const blocks = layout(config).map((block) => ({ ...block, times: block.name?.includes('{}') ? config.layers : 1 }));
  const needed = HEADER_BYTES + 4 * blocks.reduce((sum, { shape, times }) => sum + times * elements(shape), 0);
  if (needed !== bytes.byteLength) {
    const fault = needed > bytes.byteLength ? 'it is truncated' : 'bytes follow the last weight';
    throw bad(`${fault}: its header asks for ${needed} bytes and it has ${bytes.byteLength}`);
  }
  const values = new Float32Array(new Uint8Array(bytes.subarray(HEADER_BYTES)).buffer);
  const tensors: Llama2cCheckpoint['tensors'] = new Map();
  let at = 0;
  for (const { name, shape, times } of blocks) {
    for (let i = 0; i < times; i++) {
      const end = at + elements(shape);
      if (name !== null) tensors.set(name.replace('{}', String(i)), { shape, data: values.slice(at, end) });
      at = end;
    }
  }
  return { config, tensors };
}
