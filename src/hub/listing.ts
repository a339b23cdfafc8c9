/** Which commit a name stands for and which files it has: asked of the hub through @huggingface/hub. */
import type { ListFileEntry } from '@huggingface/hub';
import { messageOf, UserError } from '../errors';
import { type HubFile, isSoundFile, type Listing, type RepoCache } from './cache';
import { HubError, hubFetch } from './http';
import { formatHubName, type HubName, isCommit } from './name';
import type { HubSettings } from './settings';

/** More files than any model or data set that fits a machine; an endless listing stops here. */
const MAX_FILES = 200_000;

/** The commit that a name's revision stands for now. */
async function askCommit(name: HubName, settings: HubSettings, signal?: AbortSignal): Promise<string> {
  const { revision, repo, kind } = name;
  if (isCommit(revision)) return revision;
  const { modelInfo, datasetInfo } = await import('@huggingface/hub');
  const question = { name: repo, revision, hubUrl: settings.endpoint, fetch: hubFetch(name, settings, signal) };
  const { sha } =
    kind === 'model'
      ? await modelInfo({ ...question, additionalFields: ['sha'] })
      : await datasetInfo({ ...question, additionalFields: ['sha'] });
  if (typeof sha === 'string' && isCommit(sha)) return sha;
  throw new HubError('broken', `${settings.endpoint} names no commit for ${formatHubName(name)}`);
}

/** A listing's entry as ours. @throws HubError on a name or hash that could write elsewhere than it should. */
function fileOf(entry: ListFileEntry, name: HubName): HubFile {
  const file: HubFile = {
    path: entry.path,
    size: entry.lfs?.size ?? entry.size,
    blobId: entry.oid ?? '',
    ...(entry.lfs ? { sha256: entry.lfs.oid } : {}),
    ...(entry.xetHash === undefined ? {} : { xetHash: entry.xetHash }),
  };
  if (isSoundFile(file)) return file;
  throw new HubError(
    'broken',
    `${formatHubName(name)} lists the file ${JSON.stringify(entry.path)}, whose name, size or hash is not one that a repository can have: nothing of it is taken`,
  );
}

/**
 * The files of what a name stands for now. A commit's listing is kept, as its content can't change.
 * @throws HubError.
 */
export async function askListing(
  name: HubName,
  settings: HubSettings,
  cache: RepoCache,
  signal?: AbortSignal,
): Promise<Listing> {
  try {
    return await ask(name, settings, cache, signal);
  } catch (error) {
    if (error instanceof UserError) throw error;
    // the library trips over whatever is not the hub's JSON
    const why = `${settings.endpoint} does not answer as the hub does (${messageOf(error)}); check HF_ENDPOINT`;
    throw new HubError('broken', why, { cause: error });
  }
}

async function ask(name: HubName, settings: HubSettings, cache: RepoCache, signal?: AbortSignal): Promise<Listing> {
  const commit = await askCommit(name, settings, signal);
  const kept = cache.listing(commit);
  if (kept?.complete) return kept;
  const { listFiles } = await import('@huggingface/hub');
  const files: HubFile[] = [];
  const entries = listFiles({
    repo: { type: name.kind, name: name.repo },
    recursive: true,
    revision: commit,
    hubUrl: settings.endpoint,
    fetch: hubFetch(name, settings, signal),
  });
  let count = 0;
  for await (const entry of entries) {
    if (++count > MAX_FILES) {
      throw new HubError('broken', `${formatHubName(name)} lists more than ${MAX_FILES} files: refused`);
    }
    if (entry.type === 'file') files.push(fileOf(entry, name));
  }
  const listing = { commit, files, complete: true };
  cache.writeListing(listing);
  return listing;
}
