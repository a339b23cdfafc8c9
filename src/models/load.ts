/** Base models by name: where their checkpoint lies and how it becomes a model. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors';
import { readLlama2c } from '../formats/llama2c';
import { readSafetensors, type SafetensorsFile, toFloat32 } from '../formats/safetensors';
import { projectRoot } from '../project';
import { type Decoder, type DecoderConfig, makeDecoder } from './decoder';
import { type EncoderConfig, KWT1, makeEncoder } from './encoder';
import type { Model } from './model';
import type { HostTensor } from './params';

/** A base model that the kit knows. */
export interface ModelCard {
  readonly name: string;
  readonly title: string;
  /** File under the data folder, or under the kit's own `data/`. */
  readonly file: string;
  /** The kit ships it. */
  readonly bundled?: true;
  readonly licence: string;
}

export const modelCards: readonly ModelCard[] = [
  {
    name: 'glyphs-vit',
    title: 'Vision transformer, 60 drawn letters; made by scripts/pretrain-glyphs.ts',
    file: 'glyphs-vit/glyphs-vit.safetensors',
    licence: 'MIT',
    bundled: true,
  },
  {
    name: 'grammar-t5',
    title: 'Encoder–decoder T5 of a generated language, 0.3 million weights; made by scripts/pretrain-t5.ts',
    file: 'grammar-t5/model.safetensors',
    licence: 'MIT',
    bundled: true,
  },
  {
    name: 'pictures-vit',
    title:
      'Vision transformer, 50 kinds of plain shapes, gratings, blobs and letters; made by scripts/pretrain-pictures.ts',
    file: 'pictures-vit/pictures-vit.safetensors',
    licence: 'MIT',
    bundled: true,
  },
  {
    name: 'fashion-vit',
    title: 'Vision transformer, Fashion-MNIST; made by scripts/pretrain-fashion.ts',
    file: 'fashion-vit/fashion-vit.safetensors',
    licence: 'MIT',
    bundled: true,
  },
  {
    name: 'grammar-decoder',
    title:
      'Llama-style decoder of a generated language and sums, 0.2 million weights; made by scripts/pretrain-decoder.ts',
    file: 'grammar-decoder/model.safetensors',
    licence: 'MIT',
    bundled: true,
  },
  {
    name: 'kwt1',
    title: 'Keyword transformer KWT-1, 12 speech commands (Berg et al. 2021)',
    file: 'kwt1/kwt1.safetensors',
    licence: 'Apache-2.0',
  },
  {
    name: 'stories260K',
    title: 'Llama-2-style decoder, TinyStories, 512 pieces (llama2.c)',
    file: 'stories260K/stories260K.bin',
    licence: 'MIT',
  },
  {
    name: 'babyllama',
    title: 'Llama-2-style decoder, TinyStories, 105 characters',
    file: 'babyllama-tok105/model5000.bin',
    licence: 'MIT',
  },
];

/** @throws UserError that lists the known names, or says where the file should be. */
export function modelFile(name: string, dataDir: string): string {
  const card = modelCards.find((c) => c.name === name);
  if (!card) throw new UserError(`unknown model "${name}". Models: ${modelCards.map((c) => c.name).join(', ')}`);
  const path = join(card.bundled ? join(projectRoot(), 'data') : dataDir, card.file);
  if (!existsSync(path)) {
    if (card.bundled) throw new UserError(`${path} is missing: the kit ships it, so restore it or clone again`);
    throw new UserError(
      `model ${name} is not there: ${path} does not exist. Name the folder that holds ${card.file} with --data DIR or GORA_DATA`,
    );
  }
  return path;
}

/** Weights of a safetensors file as float32. */
export function hostWeights(file: SafetensorsFile): Map<string, HostTensor> {
  return new Map(
    Array.from(file.tensors, ([name, tensor]) => [name, { shape: tensor.shape, data: toFloat32(tensor) }]),
  );
}

/** An encoder from a safetensors file. */
export function loadEncoder(name: string, config: EncoderConfig, path: string): Model {
  return makeEncoder(name, config, hostWeights(readSafetensors(path)), path);
}

/** A pretrained encoder with a new head of zeros for `classes` other classes. */
export function loadForClasses(name: string, config: EncoderConfig, path: string, classes: number): Model {
  const weights = hostWeights(readSafetensors(path));
  weights.set('head.weight', { shape: [classes, config.dim], data: new Float32Array(classes * config.dim) });
  weights.set('head.bias', { shape: [classes], data: new Float32Array(classes) });
  return makeEncoder(name, { ...config, classes }, weights, path, ['head.weight', 'head.bias']);
}

/**
 * KWT-1 with its own 12-way head, or with a new head of zeros for other classes.
 * @param classes number of classes of the new head; omit to keep the pretrained one.
 */
export function loadKwt1(path: string, classes?: number): Model {
  return classes === undefined ? loadEncoder('kwt1', KWT1, path) : loadForClasses('kwt1', KWT1, path, classes);
}

/** A decoder from a safetensors file. */
export function loadDecoder(name: string, config: DecoderConfig, path: string): Decoder {
  return makeDecoder(name, config, hostWeights(readSafetensors(path)), path);
}

/** A decoder from a llama2.c checkpoint. */
export function loadLlama2c(name: string, path: string): Decoder {
  const { config, tensors } = readLlama2c(path);
  return makeDecoder(name, { ...config, rope: 'interleaved' }, tensors, path);
}
