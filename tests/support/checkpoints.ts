/** Small random checkpoints as folders, with a tokenizer of the fixtures beside the weights. */
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSafetensors } from '../../src/formats/safetensors-write';
import { randomWeights } from '../../src/models/auto';
import { Random } from '../../src/tensor/random';
import { loadTokenizer } from '../../src/tokenizers';
import { fixturePath } from './data';

type Json = Record<string, unknown>;

const BODY = { hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 24 };

/** Configurations by family; the vocabulary is the tokenizer's. */
export const small: Record<string, { config: Json; tokenizer: string | null }> = {
  bert: { config: { model_type: 'bert', ...BODY, max_position_embeddings: 32 }, tokenizer: 'wordpiece' },
  llama: {
    config: { model_type: 'llama', ...BODY, max_position_embeddings: 64, tie_word_embeddings: true },
    tokenizer: 'byte-bpe',
  },
  t5: {
    config: { model_type: 't5', d_model: 16, d_kv: 8, d_ff: 24, num_layers: 2, num_heads: 2, eos_token_id: 1 },
    tokenizer: 't5',
  },
  vit: { config: { model_type: 'vit', ...BODY, image_size: 16, patch_size: 8 }, tokenizer: null },
};

/** Writes `folder` and returns it. */
export function writeCheckpoint(folder: string, family: keyof typeof small, more: Json = {}): string {
  const { config, tokenizer } = small[family];
  mkdirSync(folder, { recursive: true });
  const words = tokenizer === null ? {} : { vocab_size: loadTokenizer(fixturePath('tokenizers', tokenizer)).vocabSize };
  const json = { ...config, ...words, ...more };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(json));
  const weights = randomWeights(json, new Random(7, String(family)));
  writeSafetensors(join(folder, 'model.safetensors'), weights);
  if (tokenizer !== null) {
    const from = fixturePath('tokenizers', tokenizer);
    for (const file of readdirSync(from)) copyFileSync(join(from, file), join(folder, file));
  }
  return folder;
}
