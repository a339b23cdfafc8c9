/** The environment variables of Hugging Face's own tools, with the same meaning: HF_ENDPOINT, HF_TOKEN, HF_HOME … */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../errors';

/** Where the hub is, who asks, and where files are kept. */
export interface HubSettings {
  /** Address without a slash at its end. */
  readonly endpoint: string;
  readonly token: string | null;
  /** Folder of the cache that Python's `huggingface_hub` shares. */
  readonly cache: string;
  /** The hub is not to be asked. */
  readonly offline: boolean;
}

const HUB = 'https://huggingface.co';
const TRUE = /^(1|on|yes|true)$/i;

/** `~` at the front as the home folder, as Python's expanduser. */
const expanded = (path: string): string => path.replace(/^~(?=$|[\\/])/, homedir());

/** An empty variable counts as not set. */
function cacheFolder(env: NodeJS.ProcessEnv): string {
  const own = env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE;
  if (own) return expanded(own);
  const home = env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface');
  return join(expanded(home), 'hub');
}

function endpointOf(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch (error) {
    throw new UserError(`HF_ENDPOINT is ${JSON.stringify(text)}, which is no address; it should be like ${HUB}`, {
      cause: error,
    });
  }
  if (!/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw new UserError(
      `HF_ENDPOINT must be an http(s) address without user, query or fragment, like ${HUB}; the token goes to HF_TOKEN`,
    );
  }
  return url.href.replace(/\/+$/, '');
}

/** @throws UserError naming a variable with a value that can't be used (the token itself is never shown). */
export function hubSettings(env: NodeJS.ProcessEnv = process.env): HubSettings {
  const token = env.HF_TOKEN?.trim() || null;
  // a line break in a header would let a token's text add headers of its own
  if (token !== null && !/^[\x21-\x7e]+$/.test(token)) {
    throw new UserError('HF_TOKEN has characters that no token has (blanks or letters beyond ASCII): copy it again');
  }
  return {
    endpoint: endpointOf(env.HF_ENDPOINT?.trim() || HUB),
    token,
    cache: cacheFolder(env),
    offline: TRUE.test(env.HF_HUB_OFFLINE ?? '') || TRUE.test(env.TRANSFORMERS_OFFLINE ?? ''),
  };
}
