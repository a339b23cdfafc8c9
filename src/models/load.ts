/**
 * The door: a folder with `config.json`, weights and a tokenizer is a model. So is a GGUF file, a checkpoint of
 * llama2.c, a name on the hub, and a name that the kit knows.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { messageOf, UserError } from '../errors';
import { openGguf } from '../formats/gguf';
import { llamaFromGguf } from '../formats/gguf-llama';
import { readLlama2c } from '../formats/llama2c';
import { readText } from '../formats/read';
import { openSafetensors } from '../formats/safetensors';
import { openShardedSafetensors } from '../formats/safetensors-sharded';
import { type WeightFile, weightFileOf } from '../formats/weights';
import { fetchModel, findModel, isHubName, knownModels, parseHubName, type TransferListeners } from '../hub';
import { dataFolder } from '../project';
import { type ChatTemplate, chatTemplate, loadTokenizer, type Tokenizer } from '../tokenizers';
import type { ConfigJson } from './architecture';
import { type BuildOptions, buildModel } from './auto';
import { cardOf, cardPath, modelCards } from './cards';
import type { Model } from './model';

/** A checkpoint before its weights are read. */
export interface Checkpoint {
  readonly config: ConfigJson;
  readonly weights: WeightFile;
  /** Where the configuration came from, for errors. */
  readonly source: string;
  /** Folder that may hold a tokenizer and a preprocessor. */
  readonly folder: string;
}

function readConfig(path: string): ConfigJson {
  const text = readText(path, "model's configuration");
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${path} is not JSON: ${messageOf(error)}`, { cause: error });
  }
  if (json !== null && typeof json === 'object' && !Array.isArray(json)) return json as ConfigJson;
  throw new UserError(`${path} does not hold a JSON object`);
}

/** The weights of a folder, whole or in shards. */
function openWeights(folder: string): WeightFile {
  const whole = join(folder, 'model.safetensors');
  if (existsSync(whole)) return openSafetensors(whole);
  const index = `${whole}.index.json`;
  if (existsSync(index)) return openShardedSafetensors(index);
  const pickled = readdirSync(folder).find((file) => /^pytorch_model.*\.bin$/.test(file));
  const remedy = pickled
    ? ` ${pickled} is there, but such files run code when they are read. Convert it in Python: AutoModel.from_pretrained(DIR).save_pretrained(DIR)`
    : '';
  throw new UserError(`${folder} has no model.safetensors and no model.safetensors.index.json.${remedy}`);
}

/** `config.json` for the header of a llama2.c checkpoint. */
function openLlama2c(path: string): Checkpoint {
  const { config: c, tensors } = readLlama2c(path);
  const config: ConfigJson = {
    model_type: 'llama',
    vocab_size: c.vocab,
    hidden_size: c.dim,
    intermediate_size: c.hidden,
    num_hidden_layers: c.layers,
    num_attention_heads: c.heads,
    num_key_value_heads: c.kvHeads,
    max_position_embeddings: c.context,
    tie_word_embeddings: c.tied,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    rope_interleaved: true,
  };
  return { config, weights: weightFileOf(tensors, path), source: path, folder: dirname(path) };
}

function ggufCheckpoint(path: string): Checkpoint {
  const { config, weights } = llamaFromGguf(openGguf(path));
  return { config, weights, source: path, folder: dirname(path) };
}

/** Opens what lies at a path. @throws UserError that says what a model folder must hold. */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  if (!existsSync(path)) throw new UserError(`${path} does not exist`);
  if (!statSync(path).isDirectory()) {
    if (path.endsWith('.bin')) return openLlama2c(path);
    if (path.endsWith('.gguf')) return ggufCheckpoint(path);
    throw new UserError(
      `${path} is not a model: name a folder with config.json and model.safetensors, a .gguf, or a llama2.c .bin`,
    );
  }
  const config = join(path, 'config.json');
  const ggufs = existsSync(join(path, 'model.safetensors'))
    ? []
    : readdirSync(path).filter((file) => file.endsWith('.gguf'));
  if (ggufs.length === 1 && !existsSync(`${join(path, 'model.safetensors')}.index.json`)) {
    return ggufCheckpoint(join(path, ggufs[0]));
  }
  if (ggufs.length > 1) throw new UserError(`${path} holds several .gguf files: name one of ${ggufs.join(', ')}`);
  if (!existsSync(config)) {
    throw new UserError(
      `${path} has no config.json: a model's folder holds config.json, model.safetensors and a tokenizer`,
    );
  }
  return { config: readConfig(config), weights: openWeights(path), source: config, folder: path };
}

export interface LoadOptions extends Omit<BuildOptions, 'source'> {
  /** For records and errors; default the name or the folder's. */
  readonly name?: string;
  /** Folder of downloaded or user-supplied data; default GORA_DATA or `data/cache`. */
  readonly dataDir?: string;
  /** Told of a download. */
  readonly listeners?: TransferListeners;
}

export interface LoadedModel {
  readonly model: Model;
  readonly config: ConfigJson;
  /** Null where there is none beside the weights. */
  readonly tokenizer: Tokenizer | null;
  /** Null where the model is not one for conversations. */
  readonly template: ChatTemplate | null;
  /** Folder that may hold a preprocessor's configuration. */
  readonly folder: string;
}

/** Finds a model by a known name, a path, or a name on the hub. */
async function find(source: string, { dataDir, listeners }: LoadOptions): Promise<Checkpoint & { name: string }> {
  const card = cardOf(source);
  if (card?.make) return { ...card.make(), source: card.name, folder: '', name: card.name };
  if (card) {
    const path = cardPath(card, dataFolder(dataDir));
    if (!card.config) return { ...(await openCheckpoint(path)), name: card.name };
    return {
      config: card.config,
      weights: openSafetensors(path),
      source: path,
      folder: dirname(path),
      name: card.name,
    };
  }
  if (isHubName(source)) {
    const folder = await fetchModel(parseHubName(source), listeners);
    return { ...(await openCheckpoint(folder)), name: source };
  }
  if (knownModels.some(({ name }) => name === source)) {
    const here = await findModel(source, { data: dataDir });
    if (!here) throw new UserError(`model ${source} is not here: \`gora models add ${source}\` brings it`);
    return { ...(await openCheckpoint(here.folder)), name: source };
  }
  if (existsSync(source)) return { ...(await openCheckpoint(source)), name: basename(source) };
  const names = [...modelCards(), ...knownModels].map(({ name }) => name);
  throw new UserError(
    `no model "${source}": it is no folder or file, no hf:owner/name, and none of the known names (${names.join(', ')})`,
  );
}

/** What a model of texts has beside its weights. */
function textsOf(
  source: string,
  found: Checkpoint,
  { dataDir }: LoadOptions,
): Pick<LoadedModel, 'tokenizer' | 'template'> {
  const named = cardOf(source)?.tokenizer;
  if (named) return { tokenizer: loadTokenizer(join(dataFolder(dataDir), named)), template: null };
  if (found.source.endsWith('.gguf')) {
    return { tokenizer: loadTokenizer(found.source), template: chatTemplate(found.source) };
  }
  const has = (name: RegExp) => found.folder !== '' && readdirSync(found.folder).some((file) => name.test(file));
  return {
    tokenizer: has(/^(tokenizer\.json|vocabulary\.json)$/) ? loadTokenizer(found.folder) : null,
    template: has(/^(chat_template\.(jinja|json)|tokenizer_config\.json)$/) ? chatTemplate(found.folder) : null,
  };
}

/**
 * Loads a model.
 * @param source a known name, a folder, a `.gguf`, a llama2.c `.bin`, or `hf:owner/name[@revision]`, which is downloaded
 * where it is not here yet.
 * @throws UserError naming the file and the key or weight that does not fit.
 */
export async function loadModel(source: string, options: LoadOptions = {}): Promise<LoadedModel> {
  const found = await find(source, options);
  try {
    const { name = found.name, dataDir: _, listeners: __, ...rest } = options;
    const model = buildModel(name, found.config, found.weights, { ...rest, source: found.source });
    return { model, config: found.config, folder: found.folder, ...textsOf(source, found, options) };
  } finally {
    found.weights.close();
  }
}
