/** The tokenizer of a model's folder, whatever kind it is. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { messageOf, UserError } from '../errors';
import { openGguf } from '../formats/gguf';
import { readText } from '../formats/read';
import { tokenizerFromGguf } from './gguf';
import { listTokenizerFromJson } from './list';
import { loadLlama2cTokenizer } from './llama2c';
import { loadCharTokenizer105 } from './sentencepiece-chars';
import type { Tokenizer } from './tokenizer';
import { type JsonRecord, JsonTokenizer } from './tokenizer-json';

/** Far above the largest tokenizer.json (35 MB); parsing takes several times a file's size. */
const MAX_JSON_BYTES = 2 ** 28;

/** Reads a JSON file. @throws UserError naming the file that is missing, too large, or no JSON. */
export function readJsonFile(file: string, what: string): unknown {
  const size = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > MAX_JSON_BYTES) {
    throw new UserError(`The ${what} ${file} has ${size} bytes; more than ${MAX_JSON_BYTES} is not read.`);
  }
  try {
    return JSON.parse(readText(file, what));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`The ${what} ${file} is not JSON: ${messageOf(error)}. Fetch the file again.`, {
      cause: error,
    });
  }
}

/** The object in a JSON file beside others; an empty one where there is no such file. */
export function readJsonObject(file: string, what: string): JsonRecord {
  if (!fs.existsSync(file)) return {};
  const value = readJsonFile(file, what);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonRecord;
  throw new UserError(`The ${what} ${file} is not a JSON object.`);
}

/** The special tokens and options beside a tokenizer.json. */
export function readTokenizerConfig(folder: string): JsonRecord {
  return {
    ...readJsonObject(path.join(folder, 'special_tokens_map.json'), 'special tokens map'),
    ...readJsonObject(path.join(folder, 'tokenizer_config.json'), 'tokenizer configuration'),
  };
}

/** A `tokenizer.json` with the configuration beside it. */
function loadJsonTokenizer(file: string): JsonTokenizer {
  return new JsonTokenizer(readJsonFile(file, 'tokenizer'), readTokenizerConfig(path.dirname(file)), file);
}

/** The kit's own word and character lists. */
function loadList(file: string): Tokenizer {
  try {
    return listTokenizerFromJson(readJsonFile(file, 'vocabulary'));
  } catch (error) {
    throw error instanceof UserError && !error.message.includes(file)
      ? new UserError(`${file}: ${error.message}.`, { cause: error })
      : error;
  }
}

function loadFromGguf(file: string): Tokenizer {
  const gguf = openGguf(file);
  gguf.close(); // the header is in memory
  return tokenizerFromGguf(gguf.metadata, file);
}

/** Kinds by what a file's name must be, the preferred one first. */
const KINDS: readonly (readonly [name: RegExp, load: (file: string) => Tokenizer])[] = [
  [/^tokenizer\.json$/, loadJsonTokenizer],
  [/^vocabulary\.json$/, loadList],
  [/^tok[^/\\]*\.bin$/, loadLlama2cTokenizer],
  [/\.vocab$/, loadCharTokenizer105],
  [/\.gguf$/, loadFromGguf],
];

/** Files of tokenizers that are not read, and are a sign of what is missing. */
const OTHERS = /^(vocab\.(txt|json)|merges\.txt|spiece\.model|tokenizer\.model|sentencepiece\.bpe\.model)$/;

/**
 * Loads the tokenizer of a model: `tokenizer.json` with the configuration beside it, the kit's `vocabulary.json`,
 * llama2.c's `tokenizer.bin`, a SentencePiece `.vocab` of characters, or the one within a `.gguf`.
 * @param place a folder, or such a file.
 * @throws UserError naming the file that is missing, broken, or of a kind that is not supported.
 */
export function loadTokenizer(place: string): Tokenizer {
  const stats = fs.statSync(place, { throwIfNoEntry: false });
  if (!stats) throw new UserError(`${place}: no such file or folder; check the path of the tokenizer.`);
  if (!stats.isDirectory()) {
    const kind = KINDS.find(([name]) => name.test(path.basename(place)));
    if (kind) return kind[1](place);
    throw new UserError(`${place} is no tokenizer that can be read: name a tokenizer.json or the model's folder.`);
  }
  const files = fs.readdirSync(place).sort();
  for (const [name, load] of KINDS) {
    const found = files.filter((file) => name.test(file));
    if (found.length > 1) {
      throw new UserError(`${place} has ${found.length} tokenizers (${found.join(', ')}): name the file.`);
    }
    if (found.length === 1) return load(path.join(place, found[0]));
  }
  const other = files.find((file) => OTHERS.test(file));
  const remedy = other
    ? `it has ${other}, from which Python writes one: AutoTokenizer.from_pretrained(folder).save_pretrained(folder)`
    : 'put the one of the model there';
  throw new UserError(`${place} has no tokenizer.json; ${remedy}.`);
}
