/**
 * Requests to the hub. Redirects are followed by hand, so that the token goes to the hub's own address and nowhere
 * else; answers are bounded; failures say what a person can do.
 */
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { Interrupted, messageOf, UserError } from '../errors';
import { formatHubName, type HubName } from './name';
import type { HubSettings } from './settings';

/** Why the hub gave nothing. */
export type HubFailure =
  /** No connection, or a server in trouble: another time or place may do. */
  | 'unreachable'
  /** Private or gated. */
  | 'refused'
  /** No such repository, revision or file. */
  | 'missing'
  /** An answer that makes no sense or means harm. */
  | 'broken';

/** The hub did not give what was asked for. */
export class HubError extends UserError {
  constructor(
    readonly failure: HubFailure,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

const MAX_REDIRECTS = 5;
/** The largest answer that is not a file; a listing's page of 1000 files has about 300 kB. */
const MAX_ANSWER = 32 * 2 ** 20;
/** Most answers for one repository; a page of a listing has up to 1000 files. */
const MAX_ANSWERS = 1000;
/** Longest wait for an answer that is not a file. */
const ANSWER_MS = 30_000;

const HINTS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name cannot be resolved: no network, or a wrong HF_ENDPOINT',
  EAI_AGAIN: 'its name cannot be resolved: no network',
  ECONNREFUSED: 'it refuses the connection',
  ECONNRESET: 'it broke the connection off',
  UND_ERR_SOCKET: 'it broke the connection off',
  UND_ERR_CONNECT_TIMEOUT: 'it does not answer',
  ETIMEDOUT: 'it does not answer',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not known here: name your authority’s file with NODE_EXTRA_CA_CERTS',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'its certificate is not known here: name your authority’s file with NODE_EXTRA_CA_CERTS',
};

/** The innermost cause's code, e.g. ENOTFOUND of "fetch failed". */
function codeOf(thrown: unknown): string {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    const { code } = error as NodeJS.ErrnoException;
    if (typeof code === 'string') return code;
  }
  return '';
}

/** A person stopped a download. */
export const interrupted = (cause?: unknown): Interrupted =>
  new Interrupted('interrupted: what has come stays, and the same command goes on from there', { cause });

/** Makes a HubError or Interrupted of what `fetch` or a body threw. */
export function connectionError(thrown: unknown, url: URL, signal?: AbortSignal): UserError {
  if (thrown instanceof UserError) return thrown;
  if (signal?.aborted) return interrupted(thrown);
  const code = codeOf(thrown);
  const timeout = thrown instanceof Error && thrown.name === 'TimeoutError';
  const why = timeout ? 'it does not answer' : (HINTS[code] ?? (code || messageOf(thrown)));
  // Node's fetch takes no notice of the proxy variables by itself
  const proxy = process.env.HTTPS_PROXY || process.env.https_proxy;
  const hint =
    proxy && !process.env.NODE_USE_ENV_PROXY
      ? '. For the proxy of HTTPS_PROXY: Node ≥ 24 with NODE_USE_ENV_PROXY=1'
      : '';
  return new HubError('unreachable', `${url.host} cannot be reached: ${why}${hint}`, { cause: thrown });
}

const isLoopback = (host: string): boolean => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(host);

/** Whether the token may travel to an address: only to the hub itself, and not in plain text over a network. */
export function mayHaveToken(url: URL, settings: HubSettings): boolean {
  const hub = new URL(settings.endpoint);
  return url.origin === hub.origin && (url.protocol === 'https:' || isLoopback(url.hostname));
}

/** Where a redirect leads. @throws HubError unless that is an http(s) address no less protected than the one before. */
export function redirectTarget(from: URL, location: string | null): URL {
  const wrong = (what: string) => new HubError('broken', `${from.host} redirects ${what}: not followed`);
  if (location === null) throw wrong('to nowhere');
  let to: URL;
  try {
    to = new URL(location, from);
  } catch {
    throw wrong('to no address');
  }
  if (to.protocol !== 'https:' && to.protocol !== 'http:') throw wrong(`to ${to.protocol}`);
  if (from.protocol === 'https:' && to.protocol === 'http:') throw wrong('from https to plain http');
  return to;
}

/** An answer, and the address that gave it after redirects. */
export interface Answer {
  readonly response: Response;
  readonly url: URL;
}

/**
 * One GET request. Any status is returned, redirects are followed.
 * @throws HubError (`unreachable`, `broken`), Interrupted when the caller's signal was aborted.
 */
export async function request(
  settings: HubSettings,
  address: string | URL,
  headers: Readonly<Record<string, string>>,
  signal?: AbortSignal,
  interrupt: AbortSignal | undefined = signal,
): Promise<Answer> {
  let url = new URL(address);
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const allowed = settings.token !== null && mayHaveToken(url, settings);
    let response: Response;
    try {
      response = await fetch(url, {
        // identity: a compressed answer would have another length and could not be resumed
        headers: {
          'user-agent': 'gora-lab',
          'accept-encoding': 'identity',
          ...headers,
          ...(allowed ? { authorization: `Bearer ${settings.token}` } : {}),
        },
        redirect: 'manual',
        signal,
      });
    } catch (error) {
      throw connectionError(error, url, interrupt);
    }
    if (![301, 302, 303, 307, 308].includes(response.status)) return { response, url };
    await response.body?.cancel().catch(() => {});
    url = redirectTarget(url, response.headers.get('location'));
  }
  throw new HubError('broken', `${new URL(address).host} redirects more than ${MAX_REDIRECTS} times: not followed`);
}

/** A body piece by piece; leaving the loop breaks the transfer off. */
export function piecesOf(response: Response): AsyncIterable<Uint8Array> {
  return response.body ? Readable.fromWeb(response.body as ReadableStream<Uint8Array>) : Readable.from([]);
}

/** A body that is at most `limit` bytes. */
async function bounded(response: Response, url: URL, limit: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of piecesOf(response)) {
    bytes += piece.byteLength;
    if (bytes > limit) throw new HubError('broken', `${url.host} answers with more than ${limit} bytes: refused`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** What a status other than success means for a person. */
export function statusError(name: HubName, settings: HubSettings, response: Response, url: URL): HubError {
  const { endpoint, token } = settings;
  const { status } = response;
  const code = response.headers.get('x-error-code') ?? '';
  const text = formatHubName(name);
  const page = `${endpoint}/${name.kind === 'dataset' ? 'datasets/' : ''}${name.repo}`;
  // another host's refusal says nothing about the repository
  if (url.origin !== new URL(endpoint).origin) {
    const failure = status >= 500 || status === 429 || status === 403 ? 'unreachable' : 'broken';
    return new HubError(failure, `${url.host}, where the hub keeps the file, answers with status ${status}; try again`);
  }
  const sent = token !== null && mayHaveToken(url, settings);
  const unsent = token !== null && !sent ? ' (HF_TOKEN is not sent over plain http)' : '';
  const make = `make a token at ${endpoint}/settings/tokens and set HF_TOKEN to it${unsent}`;
  if (code === 'GatedRepo' || status === 403) {
    const next = sent ? 'the account of HF_TOKEN has no access yet' : make;
    return new HubError('refused', `${text} is gated: accept its conditions at ${page}; ${next}`);
  }
  if (code === 'RevisionNotFound') {
    return new HubError(
      'missing',
      `${text} has no revision "${name.revision}"; see ${page}/tree/main for those it has`,
    );
  }
  if (code === 'EntryNotFound') return new HubError('missing', `${text} has no such file (${url.pathname})`);
  if (status === 401) {
    // the hub answers so for names that do not exist, too, to give no private name away
    const next = sent ? 'if it is right, HF_TOKEN is wrong or has no access' : `if it is private or gated, ${make}`;
    return new HubError('refused', `${text} cannot be read: check the name at ${page}; ${next}`);
  }
  if (status === 404) {
    const kind = name.kind === 'dataset' ? 'data set' : 'model';
    return new HubError('missing', `${text} is not there (no such ${kind} or revision): check both at ${page}`);
  }
  if (status === 429) return new HubError('unreachable', `${url.host} asks for a pause (status 429): try again later`);
  if (status >= 500)
    return new HubError('unreachable', `${url.host} is in trouble (status ${status}): try again later`);
  return new HubError('broken', `${url.host} answers ${text} with status ${status}`);
}

/**
 * A `fetch` for @huggingface/hub: bounded in time and size, with our redirects, token and errors.
 * @throws whatever `request` and `statusError` say.
 */
export function hubFetch(name: HubName, settings: HubSettings, signal?: AbortSignal): typeof fetch {
  let answers = 0;
  return async (input, init) => {
    if (++answers > MAX_ANSWERS) {
      throw new HubError('broken', `${settings.endpoint} lists ${name.repo} without end: refused`);
    }
    const limit = AbortSignal.timeout(ANSWER_MS);
    const both = signal ? AbortSignal.any([signal, limit]) : limit;
    const address = input instanceof Request ? input.url : input;
    const headers = Object.fromEntries(new Headers(init?.headers));
    // a listing's next page must be the hub's too: its text becomes file names
    const own = ({ origin, host }: URL): void => {
      if (origin === new URL(settings.endpoint).origin) return;
      throw new HubError('broken', `${settings.endpoint} sends on to ${host} for a listing: not followed`);
    };
    own(new URL(address));
    const { response, url } = await request(settings, address, headers, both, signal);
    own(url);
    if (!response.ok) {
      await response.body?.cancel().catch(() => {});
      throw statusError(name, settings, response, url);
    }
    try {
      return new Response(await bounded(response, url, MAX_ANSWER), { status: 200, headers: response.headers });
    } catch (error) {
      throw connectionError(error, url, signal);
    }
  };
}
