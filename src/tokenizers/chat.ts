/**
 * Chat templates: the Jinja text by which a model of conversations wants its messages written out, and the ids of a
 * conversation with a mask of what the assistant said, so that the loss is on the answers alone.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { Template } from '@huggingface/jinja';
import { messageOf, UserError } from '../errors';
import { type GgufValue, openGguf } from '../formats/gguf';
import { readText } from '../formats/read';
import { readJsonObject, readTokenizerConfig } from './load';
import type { Tokenizer } from './tokenizer';
import type { JsonRecord } from './tokenizer-json';

/** One message: a role such as system, user or assistant, and what it says. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
  /** Further keys that a template may look at, such as a name. */
  readonly [key: string]: unknown;
}

export interface RenderOptions {
  /** End with what comes before an answer, so that a model goes on with it; off by default. */
  readonly addGenerationPrompt?: boolean;
  /** Further variables of the template, such as tools or a date. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

export interface ChatTemplate {
  /** The Jinja text. */
  readonly template: string;
  /** A conversation as the model reads it. @throws UserError with what the template says, or where it fails. */
  render(messages: readonly ChatMessage[], options?: RenderOptions): string;
}

/** A conversation as ids; `mask` is 1 at the ids of the assistant's messages and what ends them. */
export interface EncodedChat {
  readonly ids: number[];
  readonly mask: number[];
}

/** A token's text, from a configuration. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  const content = (value as { content?: unknown } | null | undefined)?.content;
  return typeof content === 'string' ? content : undefined;
}

/** `bos_token`, `eos_token` and the like, which templates print. */
function specialTexts(config: JsonRecord): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [key, value] of Object.entries(config)) {
    const text = /^[a-z]+_token$/.test(key) ? textOf(value) : undefined;
    if (text !== undefined) texts[key] = text;
  }
  return texts;
}

/** A configuration's `chat_template`: a text, or a list of named ones, of which `default` is taken. */
function choose(value: unknown, source: string): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value;
  const named: [string, unknown][] = Array.isArray(value)
    ? value.map((item) => [String(item?.name), item?.template])
    : Object.entries(value);
  const chosen = named.find(([name]) => name === 'default')?.[1] ?? (named.length === 1 ? named[0][1] : undefined);
  if (typeof chosen === 'string') return chosen;
  const names = named.map(([name]) => name).join(', ');
  throw new UserError(`${source}: none of its chat templates (${names || 'none'}) is named "default".`);
}

/**
 * A chat template of a Jinja text. @param variables that every rendering knows, such as `bos_token`.
 * @param source where the text comes from, for error messages.
 * @throws UserError when the text is no template.
 */
export function parseChatTemplate(
  template: string,
  variables: Readonly<Record<string, unknown>>,
  source: string,
): ChatTemplate {
  let parsed: Template;
  try {
    parsed = new Template(template);
  } catch (error) {
    throw new UserError(`${source}: the chat template cannot be read: ${messageOf(error)}.`, { cause: error });
  }
  return {
    template,
    render: (messages, options = {}) => {
      try {
        return parsed.render({
          ...variables,
          ...options.variables,
          messages,
          add_generation_prompt: options.addGenerationPrompt ?? false,
        });
      } catch (error) {
        throw new UserError(`${source}: the chat template refuses the messages: ${messageOf(error)}.`, {
          cause: error,
        });
      }
    },
  };
}

/**
 * The chat template of a model: `chat_template.jinja`, `chat_template.json`, the `chat_template` of
 * tokenizer_config.json, or the one within a `.gguf`.
 * @param place the model's folder, or its `.gguf`.
 * @returns null when there is none: the model is not one for conversations.
 * @throws UserError naming the file that is broken.
 */
export function chatTemplate(place: string): ChatTemplate | null {
  if (place.endsWith('.gguf')) return fromGgufFile(place);
  const folder = place;
  const config = readTokenizerConfig(folder);
  const variables = specialTexts(config);
  const jinja = path.join(folder, 'chat_template.jinja');
  if (fs.existsSync(jinja)) return parseChatTemplate(readText(jinja, 'chat template'), variables, jinja);
  const beside = path.join(folder, 'chat_template.json');
  for (const [file, object] of [
    [beside, readJsonObject(beside, 'chat template')],
    [path.join(folder, 'tokenizer_config.json'), config],
  ] as const) {
    const text = choose(object.chat_template, file);
    if (text !== null) return parseChatTemplate(text, variables, file);
  }
  const files = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  const ggufs = files.includes('tokenizer.json') ? [] : files.filter((file) => file.endsWith('.gguf'));
  return ggufs.length === 1 ? fromGgufFile(path.join(folder, ggufs[0])) : null;
}

function fromGgufFile(file: string): ChatTemplate | null {
  const gguf = openGguf(file);
  gguf.close(); // the header is in memory
  return chatTemplateFromGguf(gguf.metadata, file);
}

/** The chat template in a GGUF file's metadata; null when there is none. @param source path of the file. */
export function chatTemplateFromGguf(metadata: ReadonlyMap<string, GgufValue>, source: string): ChatTemplate | null {
  const template = metadata.get('tokenizer.chat_template');
  if (template === undefined) return null;
  if (typeof template !== 'string') throw new UserError(`${source}: tokenizer.chat_template is no text.`);
  const tokens = metadata.get('tokenizer.ggml.tokens');
  const variables = ['bos', 'eos'].flatMap((name) => {
    const id = metadata.get(`tokenizer.ggml.${name}_token_id`);
    const text = Array.isArray(tokens) && typeof id === 'number' ? tokens[id] : undefined;
    return text === undefined ? [] : [[`${name}_token`, text]];
  });
  return parseChatTemplate(template, Object.fromEntries(variables), source);
}

/** How many ids two lists have in common from the start. */
function common(a: readonly number[], b: readonly number[]): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return n;
}

/**
 * The ids of a conversation and which of them the assistant said. What a message adds is found by rendering the
 * conversation up to it: with the generation prompt before the answer, and with the answer. A token that reaches from
 * the prompt into the answer counts as the answer's.
 * @throws UserError when the template writes the beginning of a conversation differently once more follows, since the
 *   answers could then not be told apart.
 */
export function encodeChat(
  tokenizer: Tokenizer,
  template: ChatTemplate,
  messages: readonly ChatMessage[],
  options: RenderOptions = {},
): EncodedChat {
  const whole = template.render(messages, options);
  const ids = tokenizer.encode(whole);
  const mask = ids.map(() => 0);
  messages.forEach(({ role }, i) => {
    if (role !== 'assistant') return;
    const before = template.render(messages.slice(0, i), { ...options, addGenerationPrompt: true });
    const after = template.render(messages.slice(0, i + 1), { ...options, addGenerationPrompt: false });
    if (!after.startsWith(before) || !whole.startsWith(after)) {
      throw new UserError(
        `the chat template writes message ${i + 1} of ${messages.length} differently when more follows, so what the assistant said cannot be told apart. Give conversations with one answer each, at their end`,
      );
    }
    mask.fill(1, common(tokenizer.encode(before), ids), common(tokenizer.encode(after), ids));
  });
  return { ids, mask };
}
