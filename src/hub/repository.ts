/** Some files of a repository on this machine: out of the cache where they are there, else from the hub. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors';
import { currentSignal } from '../processes/interrupt';
import { type HubFile, type Listing, RepoCache } from './cache';
import { checkSpace, diskError } from './disk';
import { type DownloadOptions, download, leftBytes, type Patience } from './download';
import { HubError, interrupted } from './http';
import { askListing } from './listing';
import { formatHubName, type HubName } from './name';
import { bytesText, type TransferListeners } from './progress';
import { type HubSettings, hubSettings } from './settings';

/** How a model or data set is fetched. */
export interface FetchOptions extends TransferListeners {
  /** Which files of the repository; default: what a model or data set needs. */
  readonly files?: (path: string) => boolean;
  /** Stops the download; what has come stays for the next time. Default: an interrupt of the process does. */
  readonly signal?: AbortSignal;
  /** Don't ask the hub; default: HF_HUB_OFFLINE. */
  readonly offline?: boolean;
  /** How long a broken line is put up with. */
  readonly patience?: Partial<Patience>;
}

/** Reads a file of the repository that the choice depends on; it is brought when it is not here. */
export type ReadRepoFile = (file: HubFile) => Promise<string>;

/**
 * Chooses among the files of a listing. The order is that of the download: what the rest can't do without comes last,
 * so that a folder with it is whole.
 */
export type ChooseFiles = (listing: Listing, read: ReadRepoFile) => Promise<readonly HubFile[]>;

/** Files of a repository on this machine. */
export interface Fetched {
  /** The snapshot's folder. */
  readonly folder: string;
  readonly files: readonly HubFile[];
}

interface Job {
  readonly name: HubName;
  readonly settings: HubSettings;
  readonly cache: RepoCache;
  readonly options: FetchOptions;
  /** Why the hub is not asked; null when it is. */
  readonly cutOff: { readonly why: string; readonly error?: UserError } | null;
}

/**
 * Makes the chosen files of a repository be here.
 * @throws HubError when the hub does not give them, Interrupted, UserError when they are not here and the hub is not to
 * be asked, or the disk has no room.
 */
export async function fetchFiles(name: HubName, choose: ChooseFiles, given: FetchOptions = {}): Promise<Fetched> {
  const options = { ...given, signal: given.signal ?? currentSignal() };
  const settings = hubSettings();
  const cache = new RepoCache(settings.cache, name);
  try {
    if (options.signal?.aborted) throw interrupted();
    const { job, listing } = await locate({ name, settings, cache, options, cutOff: null });
    const files = await choose(listing, (file) => readRepoFile(job, listing, file));
    await bring(job, listing, files);
    if (job.cutOff?.error) {
      options.onNote?.(
        `${job.cutOff.why}; ${formatHubName(name)} is the copy of ${listing.commit.slice(0, 8)} that is here`,
      );
    }
    if (!job.cutOff) cache.writeCommit(listing.commit);
    return { folder: cache.snapshot(listing.commit), files };
  } catch (error) {
    throw diskError(cache.folder, error) ?? error;
  }
}

/** The listing, from the hub where it answers, else from the cache. */
async function locate(job: Job): Promise<{ job: Job; listing: Listing }> {
  const { name, settings, cache, options } = job;
  let cutOff: Job['cutOff'] = null;
  if (options.offline ?? settings.offline) {
    cutOff = { why: options.offline ? 'the hub is not to be asked (offline)' : 'HF_HUB_OFFLINE is set' };
  } else {
    try {
      return { job, listing: await askListing(name, settings, cache, options.signal) };
    } catch (error) {
      if (!(error instanceof HubError && error.failure === 'unreachable')) throw error;
      cutOff = { why: error.message, error };
    }
  }
  const commit = cache.commit();
  const listing = commit === null ? null : cache.listing(commit);
  const off: Job = { ...job, cutOff };
  if (listing === null) throw missing(off, 'it has not been fetched here before');
  return { job: off, listing };
}

/** What to do when files are not here and the hub can't be asked. */
function missing({ name, cache, cutOff }: Job, what: string): UserError {
  const message = `${formatHubName(name)} is not whole on this machine (${what}), and ${cutOff?.why}. Run this once where the hub can be reached, or copy ${cache.folder} from a machine that has it (HF_HOME or HF_HUB_CACHE moves the cache)`;
  return cutOff?.error ? new HubError('unreachable', message, { cause: cutOff.error }) : new UserError(message);
}

async function readRepoFile(job: Job, listing: Listing, file: HubFile): Promise<string> {
  const { cache, settings, name, options } = job;
  if (!cache.has(listing.commit, file)) {
    if (job.cutOff) throw missing(job, `${file.path} is missing`);
    await place(job, listing, file, { signal: options.signal, patience: options.patience, onNote: options.onNote });
  }
  return await readFile(join(cache.snapshot(listing.commit), file.path), 'utf8').catch((cause) => {
    throw new UserError(`Cannot read ${file.path} of ${formatHubName(name)} in ${settings.cache}`, { cause });
  });
}

/** Brings what is missing of the chosen files. */
async function bring(job: Job, listing: Listing, files: readonly HubFile[]): Promise<void> {
  const { name, settings, cache, options, cutOff } = job;
  // what another commit brought needs a link only
  for (const file of files)
    if (!cache.has(listing.commit, file) && cache.hasBlob(file)) cache.link(listing.commit, file);
  const absent = files.filter((file) => !cache.has(listing.commit, file));
  if (absent.length === 0) return;
  const total = absent.reduce((sum, { size }) => sum + size, 0);
  if (cutOff) {
    const names = absent.slice(0, 5).map(({ path }) => path);
    const more = absent.length > 5 ? ` and ${absent.length - 5} more` : '';
    throw missing(job, `${names.join(', ')}${more}, ${bytesText(total)}, missing`);
  }
  const left = absent.reduce((sum, file) => sum + leftBytes(cache.blob(file)), 0);
  checkSpace(cache.folder, total - left, 'set HF_HOME to a folder on another disk');
  const title = formatHubName(name);
  options.onPlan?.({ name: title, files: absent.length, bytes: total, from: settings.endpoint, to: cache.folder });
  let before = 0;
  for (const file of absent) {
    const { path, size } = file;
    const onBytes = (bytes: number) => options.onProgress?.({ name: title, file: path, done: before + bytes, total });
    await place(job, listing, file, {
      onBytes,
      onNote: options.onNote,
      signal: options.signal,
      patience: options.patience,
    });
    before += size;
    options.onProgress?.({ name: title, file: path, done: before, total });
  }
}

/** One file into the blobs, unless it is there, and a link to it. */
async function place(
  { name, settings, cache }: Job,
  { commit }: Listing,
  file: HubFile,
  options: DownloadOptions,
): Promise<void> {
  if (!cache.hasBlob(file)) await download({ settings, name, commit }, file, cache.blob(file), options);
  cache.link(commit, file);
}
