/** A model of the hub on this machine. */
import { UserError } from '../errors';
import { modelFiles } from './model-files';
import { formatHubName, type HubName } from './name';
import { type ChooseFiles, type FetchOptions, fetchFiles } from './repository';

/** Every file that a caller wants. */
export function filesWhere(name: HubName, wanted: (path: string) => boolean): ChooseFiles {
  return async ({ files }) => {
    const chosen = files.filter(({ path }) => wanted(path));
    if (chosen.length > 0) return chosen;
    const has = files.slice(0, 8).map(({ path }) => path);
    throw new UserError(`${formatHubName(name)} has none of the files asked for; it has ${has.join(', ') || 'none'}`);
  };
}

/**
 * Makes a model be on this machine and returns its folder: the snapshot in the cache that Python's `huggingface_hub`
 * shares, with config.json, weights and tokenizer, or with the one GGUF that the name asks for.
 *
 * A branch is looked up each time, so that a new commit is seen; a commit that is here needs no network, nor does a
 * branch that was fetched before when the hub can't be reached.
 * @throws UserError when the name is a data set's, the repository has no safetensors, or the disk has no room; HubError
 * (a UserError with `failure`) when the hub does not give it; Interrupted.
 */
export async function fetchModel(name: HubName, options: FetchOptions = {}): Promise<string> {
  if (name.kind !== 'model') throw new UserError(`${formatHubName(name)} is a data set, not a model`);
  const choose = options.files ? filesWhere(name, options.files) : modelFiles(name);
  return (await fetchFiles(name, choose, options)).folder;
}
