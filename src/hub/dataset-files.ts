/**
 * Which files of a data set's repository belong to which split, by the hub's own conventions for names
 * ("File names and splits" in the hub's documentation; `datasets`' data_files.py):
 *   <split>-00000-of-00003.parquet          a split of any name, in parts
 *   anything with train / dev / test … in its file name, else in its folder's name
 *   <config>/… or data/<config>/…           one configuration of several
 *   <config>/<split>/0000.parquet           the converted copy at refs/convert/parquet
 * A README that names the files of each split in its own way (`configs:`) is not read.
 */
import { UserError } from '../errors';
import type { HubFile, Listing } from './cache';
import { formatHubName, type HubName } from './name';

/** The parts of a data set that training knows. */
export const roles = ['train', 'validation', 'test'] as const;
export type Role = (typeof roles)[number];

/** Words of file and folder names for each part. */
const WORDS: Readonly<Record<Role, RegExp>> = {
  train: /(?:^|[^a-z])(?:train|training)(?:[^a-z]|$)/i,
  validation: /(?:^|[^a-z])(?:validation|valid|dev|val)(?:[^a-z]|$)/i,
  test: /(?:^|[^a-z])(?:test|testing|eval|evaluation)(?:[^a-z]|$)/i,
};
/** Kinds of files, the best first: a data set in two kinds is taken once. */
const KINDS: readonly RegExp[] = [/\.parquet$/, /\.jsonl(\.gz)?$/, /\.csv(\.gz)?$/, /\.tsv(\.gz)?$/, /\.json(\.gz)?$/];
/** JSON files that describe and hold no examples. */
const DESCRIBES = /(^|\/)(dataset_infos?|dataset_dict|state|config|metadata|[^/]*_info|[^/]*schema)\.json$/;
const PARTS = /^(.+?)[-_.]\d{5}-of-\d{5}$/;

/** One configuration's files. */
export interface DatasetSplits {
  /** Files of each part; where several splits could be it (validation_matched, validation_mismatched) the first. */
  readonly files: Readonly<Record<Role, readonly HubFile[]>>;
  /** Files of every split by its own name. */
  readonly splits: ReadonlyMap<string, readonly HubFile[]>;
}

/** The part that a name's words mean; null when there are none. The word that comes first counts. */
function roleOf(name: string): Role | null {
  const found = roles
    .map((role) => ({ role, at: name.search(WORDS[role]) }))
    .filter(({ at }) => at >= 0)
    .sort((a, b) => a.at - b.at);
  return found[0]?.role ?? null;
}

/** Folders of a file below `data/`, and its name without endings. */
function partsOf(path: string): { folders: readonly string[]; stem: string } {
  const parts = path.split('/');
  const file = parts.pop() ?? '';
  if (parts[0] === 'data') parts.shift();
  return { folders: parts, stem: file.replace(/\.\w+(\.gz)?$/, '') };
}

/** The configuration that a file's folder names; null when that is a split's or there is none. */
function configOf(path: string): string | null {
  const [first] = partsOf(path).folders;
  return first === undefined || roleOf(first) !== null ? null : first;
}

/** The split that a file belongs to. */
function splitOf(path: string): string {
  const { folders, stem } = partsOf(path);
  const parts = PARTS.exec(stem);
  // train/data-00000-of-00003.parquet: the folder's word is the split's
  if (parts && (roleOf(parts[1]) !== null || !folders.some((folder) => roleOf(folder) !== null))) return parts[1];
  const last = folders.at(-1);
  if (/^\d+$/.test(stem) && last !== undefined && folders.length > 1) return last;
  for (const name of [stem, ...[...folders].reverse()]) {
    const role = roleOf(name);
    if (role) return role;
  }
  return 'train';
}

/** The files of the configuration that a name asks for. */
function ofConfig(name: HubName, files: readonly HubFile[]): readonly HubFile[] {
  const groups = new Map<string | null, HubFile[]>();
  for (const file of files) {
    const config = configOf(file.path);
    groups.set(config, [...(groups.get(config) ?? []), file]);
  }
  const configs = [...groups.keys()].filter((config) => config !== null).sort();
  const { config } = name;
  if (config === undefined) {
    const only =
      groups.get(null) ?? groups.get('default') ?? (configs.length === 1 ? groups.get(configs[0]) : undefined);
    if (only) return only;
    const example = formatHubName({ ...name, config: configs[0] });
    throw new UserError(
      `${formatHubName(name)} has several configurations: name one, like ${example} (${configs.join(', ')})`,
    );
  }
  const own = groups.get(config) ?? (config === 'default' ? groups.get(null) : undefined);
  if (own) return own;
  // no folder of that name: perhaps files that begin with it
  const begins = files.filter(
    ({ path }) => /^[-_.]/.test(partsOf(path).stem.slice(config.length)) && partsOf(path).stem.startsWith(config),
  );
  if (begins.length > 0) return begins;
  throw new UserError(
    `${formatHubName(name)}: no configuration "${config}"; it has ${configs.join(', ') || 'none (leave the colon away)'}`,
  );
}

/**
 * Sorts a data set's files by split.
 * @throws UserError when there are none that can be read, the configuration is missing, or no split can be told.
 */
export function datasetSplits(name: HubName, { files }: Listing): DatasetSplits {
  const readable = files.filter(
    ({ path }) =>
      KINDS.some((kind) => kind.test(path)) &&
      !DESCRIBES.test(path) &&
      !path.split('/').some((part) => part.startsWith('.')),
  );
  if (readable.length === 0) throw new UserError(`${formatHubName(name)} ${nothingReadable(name, files)}`);
  const mine = ofConfig(name, readable);
  const kind = KINDS.find((pattern) => mine.some(({ path }) => pattern.test(path)))!;
  const splits = new Map<string, HubFile[]>();
  for (const file of mine.filter(({ path }) => kind.test(path)).sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const split = withoutConfig(splitOf(file.path), name.config);
    splits.set(split, [...(splits.get(split) ?? []), file]);
  }
  const pick = (role: Role) => splits.get(role) ?? [...splits].find(([split]) => roleOf(split) === role)?.[1] ?? [];
  const picked = { train: pick('train'), validation: pick('validation'), test: pick('test') };
  if (roles.some((role) => picked[role].length > 0)) return { files: picked, splits };
  if (splits.size === 1) return { files: { ...picked, train: [...splits.values()][0] }, splits };
  throw new UserError(
    `${formatHubName(name)} has no split that is called train, validation or test, but ${[...splits.keys()].join(', ')}`,
  );
}

/** `mrpc-train` of the configuration mrpc is `train`. */
function withoutConfig(split: string, config: string | undefined): string {
  return config !== undefined && split.startsWith(config) && /^[-_.]./.test(split.slice(config.length))
    ? split.slice(config.length + 1)
    : split;
}

function nothingReadable(name: HubName, files: readonly HubFile[]): string {
  const paths = files.map(({ path }) => path);
  const script = paths.find((path) => /^[^/]+\.py$/.test(path));
  const copy = formatHubName({ ...name, revision: 'refs/convert/parquet' });
  if (script)
    return `makes its data with a program (${script}), which is not run here. Its copy as parquet may do: ${copy}`;
  return `has no parquet, jsonl, csv, tsv or json files of examples; it has ${paths.slice(0, 8).join(', ') || 'nothing'}. The hub's copy as parquet may do: ${copy}`;
}
