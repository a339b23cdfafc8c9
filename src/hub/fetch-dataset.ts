/** A data set of the hub on this machine. */
import { join } from 'node:path';
import { UserError } from '../errors';
import type { HubFile } from './cache';
import { type DatasetSplits, datasetSplits, type Role, roles } from './dataset-files';
import { formatHubName, type HubName } from './name';
import { type FetchOptions, fetchFiles } from './repository';

export interface FetchDatasetOptions extends FetchOptions {
  /** The parts to bring; default: all three. */
  readonly parts?: readonly Role[];
}

/** A data set on this machine. */
export interface FetchedDataset {
  /** The snapshot's folder. */
  readonly folder: string;
  /** Full paths of each part's files (parquet, jsonl, csv, tsv or json), in order; parts not asked for are empty. */
  readonly files: Readonly<Record<Role, string[]>>;
  /** Every split of the configuration by its own name, with the paths of its files inside the repository. */
  readonly splits: Readonly<Record<string, string[]>>;
}

/**
 * Makes a data set be on this machine, as `fetchModel` does with a model.
 * Where several splits could be one part, the first by name is taken and `onNote` names the rest, as for MNLI's
 * validation_matched and validation_mismatched: `splits` has them all, and `files` can ask for the other.
 * @throws UserError when the name is a model's, a configuration must be named, or there are no files that can be read;
 * HubError and Interrupted as `fetchModel`.
 */
export async function fetchDataset(name: HubName, options: FetchDatasetOptions = {}): Promise<FetchedDataset> {
  if (name.kind !== 'dataset') {
    throw new UserError(
      `${formatHubName(name)} is a model; a data set is named ${formatHubName({ ...name, kind: 'dataset' })}`,
    );
  }
  const parts = options.parts ?? roles;
  let sorted: DatasetSplits | undefined;
  const { folder } = await fetchFiles(
    name,
    async (listing) => {
      const { files: wanted } = options;
      sorted = datasetSplits(
        name,
        wanted ? { ...listing, files: listing.files.filter((f) => wanted(f.path)) } : listing,
      );
      sayRest(sorted, parts, options.onNote);
      return parts.flatMap((role) => sorted?.files[role] ?? []);
    },
    options,
  );
  const full = (files: readonly HubFile[]) => files.map(({ path }) => join(folder, ...path.split('/')));
  const filesOf = (role: Role) => (parts.includes(role) ? full(sorted?.files[role] ?? []) : []);
  const splits = [...(sorted?.splits ?? [])].map(([split, files]) => [split, files.map(({ path }) => path)]);
  return {
    folder,
    files: { train: filesOf('train'), validation: filesOf('validation'), test: filesOf('test') },
    splits: Object.fromEntries(splits),
  };
}

/** Names the splits that no part takes. */
function sayRest({ files, splits }: DatasetSplits, parts: readonly Role[], onNote?: (line: string) => void): void {
  const taken = new Set(roles.flatMap((role) => files[role]));
  const rest = [...splits].filter(([, own]) => !own.some((file) => taken.has(file))).map(([split]) => split);
  if (rest.length > 0 && parts.length > 0)
    onNote?.(`left out, as no part or another split of the same part: ${rest.join(', ')}`);
}
