/** From `model_type` to an architecture, and from a configuration and weights to a model. */
import { UserError } from '../errors';
import { type HostTensor, type WeightFile, weightFileOf } from '../formats/weights';
import { Random } from '../tensor/random';
import { type Architecture, type Blueprint, type ConfigJson, type Given, initial, makeModel } from './architecture';
import { bert, distilbert, roberta } from './bert';
import { clip } from './clip';
import { gpt2 } from './gpt2';
import { kwt } from './kwt';
import { llama } from './llama';
import type { Model } from './model';
import { transposed } from './params';
import { t5 } from './t5';
import { deit, dinov2, vit } from './vit';

const architectures: readonly Architecture[] = [
  llama,
  gpt2,
  t5,
  bert,
  roberta,
  distilbert,
  vit,
  deit,
  dinov2,
  clip,
  kwt,
];

/** Values of `model_type` that the kit can run. */
export const modelTypes: readonly string[] = architectures.flatMap(({ types }) => types);

/** @throws UserError that lists the known types. */
export function architectureOf(config: ConfigJson, source: string): Architecture {
  const type = config.model_type;
  const found = architectures.find(({ types }) => types.includes(String(type)));
  if (found) return found;
  const what = type === undefined ? 'has no model_type' : `model_type "${type}" is not supported`;
  throw new UserError(`${source}: ${what}. Supported: ${modelTypes.join(', ')}`);
}

/** The file's weights under the architecture's names; `original` leads back. */
function namesOf({ prefix, rename = (name) => name }: Architecture, names: readonly string[]): Map<string, string> {
  const bare = prefix !== undefined && !names.some((name) => name.startsWith(prefix));
  const own = new Map<string, string>();
  for (const name of names) {
    const canonical = (bare ? prefix : '') + rename(name);
    if (!own.has(canonical)) own.set(canonical, name);
  }
  return own;
}

function refuseStrangers(
  architecture: Architecture,
  { tree }: Blueprint,
  own: Map<string, string>,
  source: string,
): void {
  const known = new Set(tree.weights.map(({ name }) => name));
  const strange = [...own.keys()].filter((name) => !known.has(name) && !architecture.unused?.test(name));
  if (strange.length === 0) return;
  const more = strange.length > 3 ? ` and ${strange.length - 3} more` : '';
  throw new UserError(
    `${source}: weights that this architecture does not have: ${strange.slice(0, 3).join(', ')}${more}. Is model_type right?`,
  );
}

export type BuildOptions = Partial<Pick<Given, 'head' | 'imageSize' | 'warn'>> & {
  /** Named in errors about the configuration; default the weights' file. */
  readonly source?: string;
  /** Starts of a new head. */
  readonly random?: Random;
};

/**
 * The model that a configuration describes, with the weights of a file.
 * @param head what an encoder is to end in; a head that the file lacks, or that has another size, is made anew.
 * @throws UserError naming the key or the weight that is unknown, missing or of another shape.
 */
export function buildModel(name: string, config: ConfigJson, weights: WeightFile, options: BuildOptions = {}): Model {
  const { source = weights.source, random = new Random(0, 'head'), ...given } = options;
  const architecture = architectureOf(config, source);
  const own = namesOf(architecture, weights.names);
  const original = (canonical: string) => own.get(canonical) ?? canonical;
  const named: WeightFile = {
    ...weights,
    names: [...own.keys()],
    has: (canonical) => own.has(canonical),
    shape: (canonical) => weights.shape(original(canonical)),
    read: (canonical) => weights.read(original(canonical)),
  };
  const blueprint = architecture.build({ ...given, config, source, has: named.has, shape: named.shape });
  refuseStrangers(architecture, blueprint, own, weights.source);
  return makeModel(name, config, blueprint, named, random.fork('head'));
}

/** Random weights of a configuration as its file would hold them, each from a stream of its own name. */
export function randomWeights(config: ConfigJson, random: Random): Map<string, HostTensor> {
  const source = 'the configuration';
  const shape = () => {
    throw new Error('a random model has no file');
  };
  const { tree } = architectureOf(config, source).build({ config, source, has: () => false, shape });
  const asStored = (declared: (typeof tree.weights)[number]): HostTensor => {
    const { shape } = declared;
    const data = initial(declared, random);
    if (!declared.transposed) return { shape, data };
    return { shape: [shape[1], shape[0]], data: transposed(data, shape[0], shape[1]) };
  };
  return new Map(tree.weights.map((declared) => [declared.name, asStored(declared)]));
}

/** A model of random weights, for pretraining and tests. */
export function randomModel(name: string, config: ConfigJson, random: Random): Model {
  return buildModel(name, config, weightFileOf(randomWeights(config, random), name));
}
