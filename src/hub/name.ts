/**
 * Names of models and data sets on the Hugging Face hub:
 *   hf:owner/name[@revision]                        a model
 *   hf:owner/name/path/file.gguf[@revision]         one GGUF file of a model
 *   hf:datasets/owner/name[:config][@revision]      a data set
 * The grammar of owner and name is the hub's own (huggingface_hub, `validate_repo_id`).
 */
import { UserError } from '../errors';

/** A parsed name. */
export interface HubName {
  readonly kind: 'model' | 'dataset';
  /** `owner/name`. */
  readonly repo: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  /** A data set's configuration (`mrpc` of nyu-mll/glue); models have none. */
  readonly config?: string;
  /** The one file asked for, a GGUF; data sets have none. */
  readonly file?: string;
}

const PREFIX = 'hf:';
const DATASETS = 'datasets/';
const MAIN = 'main';
const SHAPES = 'hf:owner/name[@revision], hf:owner/name/file.gguf or hf:datasets/owner/name[:config][@revision]';

/** A word character first and last, so that no part is `.` or starts with a dash. */
const PART = /^\w(?:[\w.-]{0,94}\w)?$/;
const REVISION = /^\w[\w./+-]{0,254}$/;
const COMMIT = /^[0-9a-f]{40}$/;

/** Whether a revision names one commit, whose content can't change. */
export const isCommit = (revision: string): boolean => COMMIT.test(revision);

/** Whether a text means a name on the hub (`hf:…`), right or wrong. */
export const isHubName = (text: string): boolean => text.startsWith(PREFIX);

/** The text that parses to this name. */
export function formatHubName(name: HubName): string {
  const place = `${name.kind === 'dataset' ? DATASETS : ''}${name.repo}`;
  const config = name.config === undefined ? '' : `:${name.config}`;
  const file = name.file === undefined ? '' : `/${name.file}`;
  return `${PREFIX}${place}${config}${file}${name.revision === MAIN ? '' : `@${name.revision}`}`;
}

/** @throws UserError that quotes the text and says what is wrong with it and which shapes there are. */
export function parseHubName(text: string): HubName {
  const wrong = (what: string) => new UserError(`${JSON.stringify(text)} is not a name on the hub: ${what}. ${SHAPES}`);
  if (!text.startsWith(PREFIX)) throw wrong(`it does not begin with ${PREFIX}`);
  const rest = text.slice(PREFIX.length);
  const at = rest.indexOf('@');
  const revision = at < 0 ? MAIN : rest.slice(at + 1);
  if (!REVISION.test(revision) || /\.\.|\/\/|[./]$|\.lock$/.test(revision)) {
    throw wrong(`${JSON.stringify(revision)} is no revision (a branch, a tag or a commit)`);
  }
  const place = at < 0 ? rest : rest.slice(0, at);
  return place.startsWith(DATASETS)
    ? { kind: 'dataset', ...datasetPlace(place.slice(DATASETS.length), wrong), revision }
    : { kind: 'model', ...modelPlace(place, wrong), revision };
}

type Wrong = (what: string) => UserError;

function datasetPlace(place: string, wrong: Wrong): { repo: string; config?: string } {
  const colon = place.indexOf(':');
  const parts = (colon < 0 ? place : place.slice(0, colon)).split('/');
  if (parts.length > 2) throw wrong('a data set is named owner/name, its configuration follows a colon');
  const repo = repoOf(parts, 'nyu-mll/glue', wrong);
  if (colon < 0) return { repo };
  const config = place.slice(colon + 1);
  if (!PART.test(config) || config.includes('..')) throw wrong(`${JSON.stringify(config)} is no configuration`);
  return { repo, config };
}

function modelPlace(place: string, wrong: Wrong): { repo: string; file?: string } {
  if (place.includes(':')) throw wrong('only data sets have a configuration after a colon');
  const parts = place.split('/');
  const repo = repoOf(parts.slice(0, 2), 'openai-community/gpt2', wrong);
  if (parts.length === 2) return { repo };
  const file = parts.slice(2).join('/');
  if (!parts.slice(2).every((part) => PART.test(part) && !part.includes('..'))) {
    throw wrong(`${JSON.stringify(file)} is no file name`);
  }
  if (!file.endsWith('.gguf')) throw wrong('a single file can be asked for only when it is a .gguf');
  return { repo, file };
}

function repoOf(parts: readonly string[], example: string, wrong: Wrong): string {
  if (parts.length < 2 || parts[1] === '') throw wrong(`it has no owner; names are owner/name, like ${example}`);
  for (const part of parts) {
    if (!PART.test(part) || /--|\.\./.test(part)) {
      throw wrong(`${JSON.stringify(part)} has other characters than letters, digits, single - and . inside, and _`);
    }
  }
  if (parts[1].endsWith('.git')) throw wrong('a name does not end with .git');
  return parts.join('/');
}
