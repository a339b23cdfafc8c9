/** Base models that the kit knows by name. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors';
import type { WeightFile } from '../formats/weights';
import { bundledFolder } from '../project';
import type { ConfigJson } from './architecture';

export interface ModelCard {
  readonly name: string;
  readonly title: string;
  /** Folder or file under the data folder, or under the kit's own `data/`. */
  readonly path: string;
  /** The kit ships it. */
  readonly bundled?: true;
  readonly licence: string;
  /** For a file that has no `config.json` beside it. */
  readonly config?: ConfigJson;
  /** The tokenizer's file, where it is not beside the weights under a usual name. */
  readonly tokenizer?: string;
  /** A model made in memory, in place of a file. */
  readonly make?: () => { readonly config: ConfigJson; readonly weights: WeightFile };
}

/** KWT-1 as trained on 12 speech commands: 98 frames of 40 MFCCs (Berg et al. 2021). */
export const KWT1: ConfigJson = {
  model_type: 'kwt',
  num_tokens: 98,
  num_features: 40,
  hidden_size: 64,
  num_hidden_layers: 12,
  num_attention_heads: 1,
  intermediate_size: 256,
  num_labels: 12,
  norm_first: false,
  qkv_bias: false,
};

const own = (name: string, title: string): ModelCard => ({ name, title, path: name, licence: 'MIT', bundled: true });

const cards: ModelCard[] = [
  own('glyphs-vit', 'Vision transformer, 60 drawn letters; made by scripts/pretrain-glyphs.ts'),
  own('grammar-t5', 'Encoder–decoder T5 of a generated language, 0.3 million weights; made by scripts/pretrain-t5.ts'),
  own(
    'pictures-vit',
    'Vision transformer, 50 kinds of plain shapes, gratings, blobs and letters; made by scripts/pretrain-pictures.ts',
  ),
  own('fashion-vit', 'Vision transformer, Fashion-MNIST; made by scripts/pretrain-fashion.ts'),
  own(
    'grammar-decoder',
    'Llama-style decoder of a generated language and sums, 0.2 million weights; made by scripts/pretrain-decoder.ts',
  ),
  {
    name: 'kwt1',
    title: 'Keyword transformer KWT-1, 12 speech commands (Berg et al. 2021)',
    path: 'kwt1/kwt1.safetensors',
    licence: 'Apache-2.0',
    config: KWT1,
  },
  {
    name: 'stories260K',
    title: 'Llama-2-style decoder, TinyStories, 512 pieces (llama2.c)',
    path: 'stories260K/stories260K.bin',
    licence: 'MIT',
    tokenizer: 'stories260K/tok512.bin',
  },
  {
    name: 'babyllama',
    title: 'Llama-2-style decoder, TinyStories, 105 characters',
    path: 'babyllama-tok105/model5000.bin',
    licence: 'MIT',
    tokenizer: 'babyllama-tok105/tok105.vocab',
  },
];

/** In order of registration. */
export const modelCards = (): readonly ModelCard[] => cards;

export const cardOf = (name: string): ModelCard | undefined => cards.find((card) => card.name === name);

/**
 * Makes a model known by name: one of your own architecture's weights, made in memory.
 * @param replace takes the place of a model of that name: for a notebook cell that runs again.
 * @throws UserError when the name is taken.
 */
export function registerModel(card: ModelCard, { replace = false } = {}): void {
  const at = cards.findIndex(({ name }) => name === card.name);
  if (at >= 0 && !replace) throw new UserError(`a model named "${card.name}" is registered already`);
  if (at >= 0) cards[at] = card;
  else cards.push(card);
}

/** A card's folder or file. @throws UserError that says where it should be. */
export function cardPath(card: ModelCard, dataDir: string): string {
  const path = card.bundled ? bundledFolder(card.path) : join(dataDir, card.path);
  if (existsSync(path)) return path;
  if (card.bundled) throw new UserError(`${path} is missing: the kit ships it, so restore it or clone again`);
  throw new UserError(
    `model ${card.name} is not there: ${path} does not exist. Name the folder that holds ${card.path} with --data-dir DIR or GORA_DATA`,
  );
}
