/**
 * One file of a repository to the cache: goes on where a broken download stopped, is checked against its hash on disk,
 * and has its final name only when it is whole and right.
 * (@huggingface/hub downloads too, but starts over each time and checks nothing.)
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HubFile } from './cache';
import { digestFile, diskError, isAlive } from './disk';
import { connectionError, HubError, interrupted, piecesOf, request, statusError } from './http';
import type { HubName } from './name';
import type { HubSettings } from './settings';

/** How long a broken line is put up with. */
export interface Patience {
  /** New tries after a break that brought nothing; a break that brought bytes counts as the first. */
  readonly retries: number;
  /** Milliseconds before the first new try; each further one waits twice as long. */
  readonly retryMs: number;
  /** A body that brings nothing for this many milliseconds is broken off. */
  readonly stallMs: number;
}

const PATIENCE: Patience = { retries: 4, retryMs: 1000, stallMs: 30_000 };

export interface DownloadOptions {
  /** Called with the bytes of this file that are on disk. */
  readonly onBytes?: (bytes: number) => void;
  readonly onNote?: (line: string) => void;
  readonly signal?: AbortSignal;
  readonly patience?: Partial<Patience>;
}

/** Where a file comes from. */
export interface DownloadSource {
  readonly settings: HubSettings;
  readonly name: HubName;
  readonly commit: string;
}

const INCOMPLETE = '.incomplete';
/** Parts of other machines on a shared disk are not ours to judge. */
const HOST = createHash('sha1').update(hostname()).digest('hex').slice(0, 8);
let counter = 0;

/** The address of a file at a commit. */
export function fileAddress({ settings, name, commit }: DownloadSource, path: string): string {
  const place = `${name.kind === 'dataset' ? 'datasets/' : ''}${name.repo}`;
  return `${settings.endpoint}/${place}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;
}

/**
 * Brings a file's content to `target`, a path in `blobs/`.
 * @throws HubError, Interrupted, or UserError when the disk refuses. What had come stays beside `target` for the next
 * time, unless it was wrong.
 */
export async function download(
  source: DownloadSource,
  file: HubFile,
  target: string,
  options: DownloadOptions = {},
): Promise<void> {
  const part = claimPart(target);
  let keep = true;
  try {
    mkdirSync(dirname(target), { recursive: true });
    await fill(source, file, part, options);
    keep = false;
    renameSync(part, target);
  } catch (error) {
    if (error instanceof HubError && error.failure === 'broken') keep = false;
    throw diskError(target, error) ?? error;
  } finally {
    if (keep && existsSync(part)) renameSync(part, `${target}${INCOMPLETE}`);
    else rmSync(part, { force: true });
  }
}

/** Bytes that a broken download of a file has left. */
export const leftBytes = (target: string): number =>
  statSync(`${target}${INCOMPLETE}`, { throwIfNoEntry: false })?.size ?? 0;

/**
 * A path for the part that this call alone writes to, with what an earlier try left already in it. Renaming takes a
 * left part over: of two processes that want it only one succeeds, and the other starts anew.
 */
function claimPart(target: string): string {
  const own = `${target}.${HOST}-${process.pid}-${counter++}${INCOMPLETE}`;
  const folder = dirname(target);
  if (!existsSync(folder)) return own;
  const prefix = `${basename(target)}.${HOST}-`;
  const dead = readdirSync(folder).filter(
    (name) =>
      name.startsWith(prefix) && name.endsWith(INCOMPLETE) && !isAlive(Number.parseInt(name.slice(prefix.length), 10)),
  );
  for (const left of [`${target}${INCOMPLETE}`, ...dead.map((name) => join(folder, name))]) {
    try {
      renameSync(left, own);
    } catch {
      // not there, or another process was faster
    }
  }
  return own;
}

/** Fills a part until it is whole and right. */
async function fill(source: DownloadSource, file: HubFile, part: string, options: DownloadOptions): Promise<void> {
  const found = statSync(part, { throwIfNoEntry: false })?.size ?? 0;
  const handle = await open(part, 'a');
  try {
    if (found > file.size) await handle.truncate(0);
    await receiveAll(source, file, handle, options);
    if (await isRight(file, part)) return await handle.sync();
    if (found > 0) {
      options.onNote?.(`${file.path}: what an earlier download had left was damaged; starting over`);
      await handle.truncate(0);
      await receiveAll(source, file, handle, options);
      if (await isRight(file, part)) return await handle.sync();
    }
    throw new HubError(
      'broken',
      `${file.path} of ${source.name.repo} came with another content than its checksum says: not kept. Try again; if it stays so, something between here and ${source.settings.endpoint} changes files`,
    );
  } finally {
    await handle.close();
  }
}

/** Whether the bytes on disk are the file: SHA-256 in LFS, else git's blob id, SHA-1 of "blob SIZE\0" and the bytes. */
async function isRight(file: HubFile, path: string): Promise<boolean> {
  const hash = file.sha256 ? createHash('sha256') : createHash('sha1').update(`blob ${file.size}\0`);
  return (await digestFile(path, hash)) === (file.sha256 ?? file.blobId);
}

/** Receives until the part has the file's size, with new tries where the line breaks. */
async function receiveAll(
  source: DownloadSource,
  file: HubFile,
  handle: FileHandle,
  options: DownloadOptions,
): Promise<void> {
  const { retries, retryMs } = { ...PATIENCE, ...options.patience };
  for (let failures = 0; ; ) {
    const { size: before } = await handle.stat();
    try {
      return await receive(source, file, handle, options);
    } catch (error) {
      if (!(error instanceof HubError && error.failure === 'unreachable')) throw error;
      const { size } = await handle.stat();
      failures = size > before ? 1 : failures + 1;
      if (failures > retries) throw error;
      options.onNote?.(`${file.path}: ${error.message}; new try at ${size} of ${file.size} bytes`);
      await sleep(retryMs * 2 ** (failures - 1), undefined, { signal: options.signal }).catch((cause) => {
        throw interrupted(cause);
      });
    }
  }
}

/** One request for what is missing. */
async function receive(
  source: DownloadSource,
  file: HubFile,
  handle: FileHandle,
  options: DownloadOptions,
): Promise<void> {
  const { onBytes, signal } = options;
  let { size: have } = await handle.stat();
  onBytes?.(have);
  if (have === file.size) return;
  const { stallMs } = { ...PATIENCE, ...options.patience };
  const stall = new AbortController();
  let timer = setTimeout(() => stall.abort(), stallMs);
  const wake = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stall.abort(), stallMs);
  };
  const both = signal ? AbortSignal.any([signal, stall.signal]) : stall.signal;
  let url = new URL(fileAddress(source, file.path));
  const wrong = (what: string) => new HubError('broken', `${url.host} ${what} for ${file.path}: not kept`);
  try {
    const range: Record<string, string> = have > 0 ? { range: `bytes=${have}-` } : {};
    const answer = await request(source.settings, url, range, both, signal);
    const { response } = answer;
    url = answer.url;
    const begin = firstByte(response, have, file.size);
    if (begin === null) {
      await response.body?.cancel();
      // a part that the server can't continue: from the start with the next try
      if (have > 0 && (response.ok || response.status === 416)) {
        await handle.truncate(0);
        throw new HubError('unreachable', `${url.host} does not go on at byte ${have}`);
      }
      if (response.ok) throw wrong('sends another range than asked');
      throw statusError(source.name, source.settings, response, url);
    }
    if (begin === 0 && have > 0) {
      await handle.truncate(0);
      have = 0;
    }
    const length = response.headers.get('content-length');
    if (length !== null && Number(length) !== file.size - have) {
      await response.body?.cancel();
      throw wrong(`sends ${Number(length) + have} bytes where the listing says ${file.size}`);
    }
    for await (const piece of piecesOf(response)) {
      wake();
      have += piece.byteLength;
      // breaking off the loop cancels the body, however long it would go on
      if (have > file.size) throw wrong(`sends more than the ${file.size} bytes of the listing`);
      await handle.appendFile(piece);
      onBytes?.(have);
    }
  } catch (error) {
    // the disk's, not the line's: fetch wraps what goes wrong on the line
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    if (stall.signal.aborted && !signal?.aborted) {
      throw new HubError('unreachable', `${url.host} sends nothing for ${stallMs / 1000} s`, { cause: error });
    }
    throw connectionError(error, url, signal);
  } finally {
    clearTimeout(timer);
  }
  if (have < file.size) throw new HubError('unreachable', `${url.host} broke off`);
}

/** Which byte an answer begins at: 0, or `have`; null when it is none that can be used. */
function firstByte(response: Response, have: number, size: number): number | null {
  if (response.status === 200) return 0;
  if (response.status !== 206) return null;
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  if (!range || Number(range[1]) !== have || (range[3] !== '*' && Number(range[3]) !== size)) return null;
  return have;
}
