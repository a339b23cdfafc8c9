/** What an architecture file brings, and how its blueprint and some weights become a model. */
import type { Variable } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import type { HostTensor, WeightFile } from '../formats/weights';
import type { Random } from '../tensor/random';
import type { HeadRequest, Model } from './model';
import type { Declared, ModuleTree } from './module';
import { transposed, variable } from './params';

export type ConfigJson = Readonly<Record<string, unknown>>;

/** What a blueprint is drawn from. */
export interface Given {
  readonly config: ConfigJson;
  /** The configuration's place, for errors. */
  readonly source: string;
  /** The checkpoint holds this weight, under the architecture's own name. */
  has(name: string): boolean;
  readonly shape: (name: string) => readonly number[];
  /** The head that is wanted; none: the checkpoint's own. */
  readonly head?: HeadRequest;
  /** Side of square pictures in pixels, where it is not the checkpoint's. */
  readonly imageSize?: number;
  readonly warn?: (message: string) => void;
}

/** Everything of a model but its weights. */
export type Blueprint<M extends Model = Model> = Omit<M, 'name' | 'params' | 'linears' | 'head' | 'config'> & {
  readonly tree: ModuleTree;
  /** Changes a weight of the checkpoint on its way in (positions of another picture size). */
  readonly adjust?: (name: string, weight: HostTensor) => HostTensor;
};

export interface Architecture<M extends Model = Model> {
  /** Values of `model_type`. */
  readonly types: readonly string[];
  /** Prefix that checkpoints of the bare model lack: `bert.`, `model.`, `transformer.`, `vit.`. */
  readonly prefix?: string;
  /** Other spellings of a weight's name in files. */
  readonly rename?: (name: string) => string;
  /** Weights that checkpoints may hold and that this computation does not need: buffers, heads of pretraining. */
  readonly unused?: RegExp;
  build(given: Given): Blueprint<M>;
}

function checked(weights: WeightFile, declared: Declared, adjust: Blueprint['adjust']): Float32Array {
  const { name, shape } = declared;
  const { source } = weights;
  if (!weights.has(name)) {
    throw new UserError(`${source}: weight "${name}" is missing. Is it a checkpoint of this architecture?`);
  }
  const stored: HostTensor = { shape: weights.shape(name), data: weights.read(name) };
  const found = adjust ? adjust(name, stored) : stored;
  const inFile = declared.transposed ? [...shape].reverse() : shape;
  if (found.shape.join() !== inFile.join()) {
    throw new UserError(`${source}: weight "${name}" has shape [${found.shape}], expected [${inFile}]`);
  }
  const { data } = found;
  let probe = 0;
  for (let i = 0; i < data.length; i++) probe += data[i] * 0; // NaN and ±Infinity times 0 are NaN
  if (probe !== 0) {
    const bad = data.findIndex((v) => !Number.isFinite(v));
    throw new UserError(`${source}: weight "${name}" holds ${data[bad]} at index ${bad}`);
  }
  return declared.transposed ? transposed(data, inFile[0], inFile[1]) : data;
}

/**
 * The model of a blueprint, its weights read one at a time.
 * @param fresh starts of the weights of `tree.head`, which the file need not hold.
 * @throws UserError when a weight is missing, has another shape, or holds NaN or ±Infinity; nothing is left behind.
 */
export function makeModel<M extends Model>(
  name: string,
  config: ConfigJson,
  blueprint: Blueprint<M>,
  weights: WeightFile,
  fresh: Random | null = null,
): M {
  const { tree, adjust, ...rest } = blueprint;
  const params = new Map<string, Variable>();
  const isNew = new Set(tree.head);
  try {
    for (const declared of tree.weights) {
      const data = fresh && isNew.has(declared.name) ? initial(declared, fresh) : checked(weights, declared, adjust);
      params.set(declared.name, variable(tf.tensor(data, [...declared.shape], 'float32')));
    }
  } catch (error) {
    for (const made of params.values()) made.dispose();
    throw error;
  }
  return { ...rest, name, config, params, linears: tree.linears, head: tree.head } as unknown as M;
}

/** A weight's start. */
export function initial({ name, shape, init }: Declared, random: Random): Float32Array {
  const size = shape.reduce((a, b) => a * b, 1);
  if (typeof init === 'number') return random.fork(name).normals(size, 0, init);
  return new Float32Array(size).fill(init === 'ones' ? 1 : 0);
}
