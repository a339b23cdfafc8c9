/**
 * A hub on this machine that answers over real HTTP as huggingface.co does: revision and tree API, resolve with ETag
 * and X-Repo-Commit, large files (LFS) redirected to a second server, which stands for another host; ranges; gates.
 * A test can put an answer of its own in the place of any path's.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { tempDir } from '../support/temp';

export interface FakeFile {
  readonly content: Buffer;
  /** Kept in LFS: named by SHA-256, sent by the other host. */
  readonly lfs?: boolean;
}

/** An entry of the tree API. */
export interface TreeEntry {
  readonly type: string;
  readonly path: string;
  readonly size: number;
  readonly oid: string;
  readonly lfs?: { oid: string; size: number; pointerSize: number };
}

interface Repo {
  commit: string;
  files: Record<string, FakeFile>;
  /** Whether files need this token. */
  gate?: string;
  /** Listing to send in the place of the true one. */
  tree?: readonly unknown[];
}

export interface Seen {
  readonly host: 'hub' | 'storage';
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
export const gitId = (content: Buffer): string =>
  createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');

/** Text as a small file, bytes as one in LFS. */
export type Contents = Readonly<Record<string, string | Buffer>>;

/** Bytes that differ everywhere, from a seed. */
export function noise(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

export function treeOf(files: Record<string, FakeFile>): TreeEntry[] {
  return Object.entries(files).map(([path, { content, lfs }]) => ({
    type: 'file',
    path,
    size: content.length,
    oid: gitId(content),
    ...(lfs ? { lfs: { oid: sha256(content), size: content.length, pointerSize: 130 } } : {}),
  }));
}

/** Sends bytes with the range asked for. */
export function sendBytes(request: IncomingMessage, response: ServerResponse, content: Buffer, etag: string): void {
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const begin = range ? Number(range[1]) : 0;
  const end = range?.[2] ? Math.min(Number(range[2]) + 1, content.length) : content.length;
  response.setHeader('ETag', `"${etag}"`);
  response.setHeader('Accept-Ranges', 'bytes');
  if (range && begin >= content.length) {
    response.writeHead(416, { 'Content-Range': `bytes */${content.length}` }).end();
    return;
  }
  if (range) response.setHeader('Content-Range', `bytes ${begin}-${end - 1}/${content.length}`);
  response.writeHead(range ? 206 : 200, { 'Content-Length': end - begin });
  response.end(request.method === 'HEAD' ? undefined : content.subarray(begin, end));
}

export class HubServer {
  readonly seen: Seen[] = [];
  /** Answers in the place of the usual, by the path's end (without the query); also of the other host. */
  readonly special = new Map<string, Handler>();
  pageSize = 1000;
  url = '';
  storageUrl = '';
  private readonly repos = new Map<string, Repo>();
  private readonly blobs = new Map<string, Buffer>();
  private readonly servers: Server[] = [];

  async start(): Promise<this> {
    const open = async (host: Seen['host'], handler: Handler): Promise<string> => {
      const server = createServer((request, response) => {
        const path = decodeURI(request.url ?? '');
        const { authorization, range } = request.headers;
        this.seen.push({ host, method: request.method ?? '', path, authorization, range });
        const plain = path.split('?')[0];
        const special = [...this.special].find(([end]) => plain.endsWith(end));
        (special?.[1] ?? handler)(request, response);
      });
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
      this.servers.push(server);
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    };
    this.storageUrl = await open('storage', (request, response) => {
      const id = /^\/lfs\/([0-9a-f]{64})\?signature=/.exec(request.url ?? '')?.[1] ?? '';
      const content = this.blobs.get(id);
      if (content) sendBytes(request, response, content, id);
      else response.writeHead(403).end();
    });
    this.url = await open('hub', (request, response) => this.answer(request, response));
    return this;
  }

  async stop(): Promise<void> {
    const closed = this.servers.splice(0).map((server) => {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    });
    await Promise.all(closed);
  }

  /** Puts a repository's files as its newest commit and returns the commit. `datasets/owner/name` for data sets. */
  put(name: string, contents: Contents, extra: Pick<Repo, 'gate' | 'tree'> = {}): string {
    const files: Record<string, FakeFile> = {};
    for (const [path, content] of Object.entries(contents)) {
      files[path] = typeof content === 'string' ? { content: Buffer.from(content) } : { content, lfs: true };
      if (files[path].lfs) this.blobs.set(sha256(files[path].content), files[path].content);
    }
    const commit = createHash('sha1')
      .update(JSON.stringify(treeOf(files)))
      .digest('hex');
    this.repos.set(name, { commit, files, ...extra });
    return commit;
  }

  /** Paths of files that were sent for, in order. */
  filesAsked(): string[] {
    return this.seen.flatMap(({ host, path }) => {
      const file = host === 'hub' ? /\/resolve\/[^/]+\/(.+)$/.exec(path.split('?')[0])?.[1] : undefined;
      return file === undefined ? [] : [file];
    });
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '', this.url);
    const path = decodeURIComponent(pathname);
    const fail = (status: number, code: string) =>
      response
        .writeHead(status, { 'X-Error-Code': code, 'Content-Type': 'application/json' })
        .end(`{"error":"${code}"}`);
    const api = /^\/api\/(models|datasets)\/([^/]+\/[^/]+)\/(revision|tree)\/(.+)$/.exec(path);
    const file = /^\/((?:datasets\/)?[^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path);
    const name = api ? `${api[1] === 'datasets' ? 'datasets/' : ''}${api[2]}` : (file?.[1] ?? '');
    const repo = this.repos.get(name);
    // as the hub does, so that nobody learns which private names exist
    if (!repo) return void fail(401, 'RepoNotFound');
    const revision = api?.[4] ?? file?.[2];
    if (revision !== 'main' && revision !== repo.commit) return void fail(404, 'RevisionNotFound');
    if (api?.[3] === 'revision') {
      response.setHeader('Content-Type', 'application/json');
      response.end(
        JSON.stringify({
          _id: '1',
          id: name,
          sha: repo.commit,
          private: false,
          lastModified: '2024-01-01T00:00:00.000Z',
        }),
      );
      return;
    }
    if (api) {
      const all = repo.tree ?? treeOf(repo.files);
      const from = Number(searchParams.get('cursor') ?? 0);
      const next = from + this.pageSize;
      if (next < all.length) {
        searchParams.set('cursor', String(next));
        response.setHeader('Link', `<${this.url}${pathname}?${searchParams}>; rel="next"`);
      }
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify(all.slice(from, next)));
      return;
    }
    if (repo.gate !== undefined && request.headers.authorization !== `Bearer ${repo.gate}`) {
      return void fail(request.headers.authorization ? 403 : 401, 'GatedRepo');
    }
    const found = repo.files[file?.[3] ?? ''];
    if (!found) return void fail(404, 'EntryNotFound');
    response.setHeader('X-Repo-Commit', repo.commit);
    if (!found.lfs) return void sendBytes(request, response, found.content, gitId(found.content));
    const id = sha256(found.content);
    response.setHeader('X-Linked-ETag', `"${id}"`);
    response.setHeader('X-Linked-Size', found.content.length);
    response
      .writeHead(302, { Location: `${this.storageUrl}/lfs/${id}?signature=1`, ETag: `"${gitId(found.content)}"` })
      .end();
  }
}

const VARIABLES = ['HF_ENDPOINT', 'HF_HOME', 'HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE', 'HF_TOKEN', 'HF_HUB_OFFLINE'];
const MORE = ['TRANSFORMERS_OFFLINE', 'GORA_DATA'];

/** Variables as they were before each test touched them. */
const originals = new WeakMap<TestContext, Map<string, string | undefined>>();

function put(name: string, value: string | null | undefined): void {
  if (value === undefined || value === null) delete process.env[name];
  else process.env[name] = value;
}

/** Sets variables of the environment for one test; null removes. */
export function setEnv(t: TestContext, values: Readonly<Record<string, string | null>>): void {
  let before = originals.get(t);
  if (!before) {
    const kept = new Map<string, string | undefined>();
    t.after(() => {
      for (const [name, value] of kept) put(name, value);
    });
    originals.set(t, kept);
    before = kept;
  }
  for (const [name, value] of Object.entries(values)) {
    if (!before.has(name)) before.set(name, process.env[name]);
    put(name, value);
  }
}

/** A hub and an empty cache for one test, named by the environment. */
export async function hubFor(t: TestContext): Promise<{ hub: HubServer; home: string; cache: string }> {
  const hub = await new HubServer().start();
  t.after(() => hub.stop());
  const home = tempDir(t);
  setEnv(t, Object.fromEntries([...VARIABLES, ...MORE].map((name) => [name, null])));
  setEnv(t, { HF_ENDPOINT: hub.url, HF_HOME: join(home, 'hf'), GORA_DATA: join(home, 'data') });
  return { hub, home, cache: join(home, 'hf', 'hub') };
}
