/**
 * The cache on disk, laid out as Python's `huggingface_hub` lays it out, so that each finds the other's files:
 *   models--owner--name/refs/main                    the commit that a branch or tag named last
 *   models--owner--name/blobs/<sha>                  the files, by git blob id or LFS sha256
 *   models--owner--name/snapshots/<commit>/<path>    links to them
 *   models--owner--name/trees/<commit>.json          the listing of a commit (huggingface_hub ≥ 1, format_version 1)
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { writeFileAtomic } from '../formats/atomic';
import { type HubName, isCommit } from './name';
import { isSafePath } from './paths';

/** A file of a repository at one commit. */
export interface HubFile {
  /** Path in the repository, parts set off by `/`. */
  readonly path: string;
  readonly size: number;
  /** Git blob id; of a file in LFS that of its pointer. */
  readonly blobId: string;
  /** SHA-256 of the content, of files in LFS. */
  readonly sha256?: string;
  readonly xetHash?: string;
}

/** A repository's files at one commit. */
export interface Listing {
  readonly commit: string;
  readonly files: readonly HubFile[];
  /** False when it was read off a folder: then nothing says that the folder is whole. */
  readonly complete: boolean;
}

const SHA1 = /^[0-9a-f]{40}$/;
const SHA256 = /^[0-9a-f]{64}$/;

/** Whether a file's metadata can be trusted to name files and to be checked against: hashes are hashes, the path is safe. */
export function isSoundFile(file: HubFile): boolean {
  return (
    isSafePath(file.path) &&
    Number.isSafeInteger(file.size) &&
    file.size >= 0 &&
    SHA1.test(file.blobId) &&
    (file.sha256 === undefined || SHA256.test(file.sha256)) &&
    (file.xetHash === undefined || SHA256.test(file.xetHash))
  );
}

/** Name of a file's content in `blobs/`. */
export const blobName = (file: HubFile): string => file.sha256 ?? file.blobId;

/** One repository's folder in the cache. */
export class RepoCache {
  readonly folder: string;

  constructor(
    cache: string,
    readonly name: HubName,
  ) {
    this.folder = join(cache, [`${name.kind}s`, ...name.repo.split('/')].join('--'));
  }

  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit);
  }

  blob(file: HubFile): string {
    return join(this.folder, 'blobs', blobName(file));
  }

  /** The commit that the name's revision stands for, as far as the cache knows. */
  commit(): string | null {
    const { revision } = this.name;
    if (isCommit(revision)) return revision;
    try {
      const commit = readFileSync(join(this.folder, 'refs', ...revision.split('/')), 'utf8').trim();
      return isCommit(commit) ? commit : null;
    } catch {
      return null;
    }
  }

  /** Remembers what the name's revision stands for. */
  writeCommit(commit: string): void {
    const { revision } = this.name;
    const refs = join(this.folder, 'refs');
    // the JavaScript library's reader of caches wants the folder in any case
    writable(() => {
      mkdirSync(refs, { recursive: true });
      if (!isCommit(revision) && this.commit() !== commit) writeFileAtomic(join(refs, ...revision.split('/')), commit);
    });
  }

  /** The kept listing of a commit, else what lies in its folder; null when there is neither. */
  listing(commit: string): Listing | null {
    const kept = this.keptListing(commit);
    if (kept) return { commit, files: kept, complete: true };
    const folder = this.snapshot(commit);
    if (!existsSync(folder)) return null;
    return { commit, files: filesIn(folder), complete: false };
  }

  private keptListing(commit: string): HubFile[] | null {
    try {
      const { format_version, files } = JSON.parse(readFileSync(join(this.folder, 'trees', `${commit}.json`), 'utf8'));
      if (format_version !== 1) return null;
      const sound = Object.entries<KeptFile>(files).map(([path, kept]) => ({
        path,
        size: kept.lfs_size ?? kept.size,
        blobId: kept.blob_id,
        ...(kept.lfs_sha256 === undefined ? {} : { sha256: kept.lfs_sha256 }),
        ...(kept.xet_hash === undefined ? {} : { xetHash: kept.xet_hash }),
      }));
      return sound.every(isSoundFile) ? sound : null;
    } catch {
      // not there, or not a listing: the hub is asked again
      return null;
    }
  }

  writeListing({ commit, files }: Listing): void {
    const kept = Object.fromEntries(
      files.map((file): [string, KeptFile] => [
        file.path,
        {
          size: file.size,
          blob_id: file.blobId,
          ...(file.sha256 === undefined ? {} : { lfs_sha256: file.sha256, lfs_size: file.size }),
          ...(file.xetHash === undefined ? {} : { xet_hash: file.xetHash }),
        },
      ]),
    );
    const text = JSON.stringify({ format_version: 1, files: kept }, null, 1);
    writable(() => writeFileAtomic(join(this.folder, 'trees', `${commit}.json`), text));
  }

  /** Whether a file of a commit is here, whole by its size. */
  has(commit: string, file: HubFile): boolean {
    return statSync(join(this.snapshot(commit), file.path), { throwIfNoEntry: false })?.size === file.size;
  }

  /** Whether a file's content is here, for this commit or another, whole by its size. */
  hasBlob(file: HubFile): boolean {
    return statSync(this.blob(file), { throwIfNoEntry: false })?.size === file.size;
  }

  /** Puts a file that is among the blobs at its path in a commit's folder. */
  link(commit: string, file: HubFile): void {
    const blob = this.blob(file);
    const path = join(this.snapshot(commit), file.path);
    mkdirSync(dirname(path), { recursive: true });
    // a link of its own name first, then renamed: another process never sees the path gone
    const temp = `${path}.${process.pid}.tmp`;
    rmSync(temp, { force: true });
    try {
      symlinkSync(relative(dirname(path), blob), temp);
    } catch {
      // Windows without the right to make links: a copy, as Python does
      copyFileSync(blob, temp);
    }
    renameSync(temp, path);
  }
}

/** Writes what makes the next time easier; a cache that others share and that is read-only does without. */
function writable(write: () => void): void {
  try {
    write();
  } catch (error) {
    const { code, cause } = error as NodeJS.ErrnoException;
    if (!/^(EACCES|EPERM|EROFS)$/.test(code ?? (cause as NodeJS.ErrnoException | undefined)?.code ?? '')) throw error;
  }
}

interface KeptFile {
  readonly size: number;
  readonly blob_id: string;
  readonly lfs_sha256?: string;
  readonly lfs_size?: number;
  readonly xet_hash?: string;
}

/** What lies in a snapshot's folder; the hashes are unknown and stand as zeros, nothing is checked against them. */
function filesIn(folder: string): HubFile[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap((path) => {
    const stat = statSync(join(folder, path), { throwIfNoEntry: false });
    return stat?.isFile() ? [{ path: path.split(sep).join('/'), size: stat.size, blobId: '0'.repeat(40) }] : [];
  });
}
