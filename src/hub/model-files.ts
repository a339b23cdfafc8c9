/** Which files of a model's repository a person needs: configuration, tokenizer, weights as safetensors. */
import { UserError } from '../errors';
import type { HubFile, Listing } from './cache';
import { formatHubName, type HubName } from './name';
import type { ChooseFiles, ReadRepoFile } from './repository';

/** Beside the weights, in the repository's own folder (sub-folders hold other formats: onnx/, original/ …). */
const SMALL: readonly RegExp[] = [
  /^config\.json$/,
  /^generation_config\.json$/,
  /^adapter_config\.json$/,
  /^(tokenizer|vocab|merges|chat_template|preprocessor_config|processor_config)[^/]*\.(json|jsonl|txt|model|jinja)$/,
  /^(special_tokens_map|added_tokens)\.json$/,
  /^(spiece|sentencepiece[^/]*)\.model$/,
  /^LICEN[CS]E[^/]*$/i,
];
const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
const ADAPTER = 'adapter_model.safetensors';
const PICKLED = /^(pytorch_model|model|adapter_model|consolidated)[^/]*\.(bin|pt|pth|ckpt)$/;
/** One of several parts of a GGUF. */
const GGUF_PART = /^(.*)-\d{5}-of-(\d{5})\.gguf$/;

/** Chooses a model's files. Weights come last. */
export function modelFiles(name: HubName): ChooseFiles {
  return async (listing, read) => {
    if (name.file !== undefined) return ggufFiles(name, name.file, listing);
    const small = listing.files.filter(({ path }) => SMALL.some((pattern) => pattern.test(path)));
    const weights = await weightFiles(name, listing, read);
    if (!small.some(({ path }) => path === 'config.json' || path === 'adapter_config.json')) {
      throw new UserError(
        `${formatHubName(name)} has no config.json, so nothing says which architecture its weights are. ${otherForms(name, listing)}`,
      );
    }
    return [...small, ...weights];
  };
}

/** The weights as transformers looks for them: one file, else the parts that the index names, else an adapter's. */
async function weightFiles(name: HubName, listing: Listing, read: ReadRepoFile): Promise<readonly HubFile[]> {
  const byPath = new Map(listing.files.map((file) => [file.path, file]));
  const single = byPath.get(SINGLE);
  if (single) return [single];
  const index = byPath.get(INDEX);
  if (index) {
    const parts = partsOf(name, await read(index));
    const lacking = parts.filter((part) => !byPath.has(part));
    if (lacking.length > 0) {
      throw new UserError(
        `${INDEX} of ${formatHubName(name)} names ${lacking.slice(0, 3).join(', ')}, which ${listing.complete ? 'the repository does not have' : 'is not on this machine'}`,
      );
    }
    return [index, ...parts.map((part) => byPath.get(part)!)];
  }
  const adapter = byPath.get(ADAPTER);
  if (adapter) return [adapter];
  const others = listing.files.filter(({ path }) => /^[^/]+\.safetensors$/.test(path));
  if (others.length === 1) return others;
  const what =
    others.length > 1
      ? `several of its own (${others
          .slice(0, 5)
          .map(({ path }) => path)
          .join(', ')}) and no ${SINGLE}`
      : 'none';
  throw new UserError(`${formatHubName(name)}: of weights as safetensors it has ${what}. ${otherForms(name, listing)}`);
}

/** The files that an index names, in order. @throws UserError unless it is one, with plain names. */
function partsOf(name: HubName, text: string): string[] {
  const wrong = () =>
    new UserError(
      `${INDEX} of ${formatHubName(name)} is no index of weights: weight_map must name a .safetensors file for each tensor`,
    );
  let map: unknown;
  try {
    map = JSON.parse(text)?.weight_map;
  } catch {
    throw wrong();
  }
  if (typeof map !== 'object' || map === null) throw wrong();
  const parts = [...new Set<unknown>(Object.values(map))];
  if (parts.length === 0) throw wrong();
  return parts
    .map((part) => {
      if (typeof part !== 'string' || !/^[^/\\]+\.safetensors$/.test(part)) throw wrong();
      return part;
    })
    .sort();
}

/** One GGUF, with its other parts when it is split. */
function ggufFiles(name: HubName, path: string, { files }: Listing): readonly HubFile[] {
  const split = GGUF_PART.exec(path);
  const wanted = files.filter((file) => {
    if (file.path === path) return true;
    const other = split && GGUF_PART.exec(file.path);
    return other?.[1] === split?.[1] && other?.[2] === split?.[2] && other !== null;
  });
  if (wanted.some((file) => file.path === path) && (!split || wanted.length === Number(split[2]))) return wanted;
  const has = files.filter((file) => file.path.endsWith('.gguf')).map((file) => file.path);
  throw new UserError(
    `${formatHubName(name)} is not there whole. GGUF files of ${name.repo}: ${has.join(', ') || 'none'}`,
  );
}

/** What else the repository has, and what to do with it. */
function otherForms(name: HubName, { files }: Listing): string {
  const paths = files.map(({ path }) => path);
  const gguf = paths.filter((path) => path.endsWith('.gguf'));
  if (gguf.length > 0) {
    return `It has GGUF files: ask for one, like ${formatHubName({ ...name, file: gguf[0] })} (${gguf.slice(0, 8).join(', ')}${gguf.length > 8 ? ' …' : ''}).`;
  }
  const pickled = paths.find((path) => PICKLED.test(path));
  if (pickled) {
    return `Its weights are only in ${pickled}, a pickle: reading one runs what is written in it. Where you trust it, convert it once and name the folder: python3 -c "from transformers import AutoModel as M, AutoTokenizer as T; n = '${name.repo}'; M.from_pretrained(n).save_pretrained('converted', safe_serialization=True); T.from_pretrained(n).save_pretrained('converted')" (AutoModelForCausalLM and the like keep the head). Many repositories have a converted copy in a pull request, to be named as ${formatHubName({ ...name, revision: 'refs/pr/N' })}.`;
  }
  return `It has: ${paths.slice(0, 8).join(', ') || 'nothing'}${paths.length > 8 ? ' …' : ''}.`;
}
