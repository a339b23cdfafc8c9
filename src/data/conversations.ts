/** Prompts with completions, conversations and plain texts of a table. */
import { basename } from 'node:path';
import { messageOf, UserError } from '../errors';
import type { ChatColumns, CompletionColumns, TextColumns } from './kinds';
import { type RowOptions, textIn } from './labelled';
import { listed } from './names';
import type { Table } from './table';

export interface CompletionExample {
  readonly prompt: string;
  readonly completion: string;
  /** Line of the file, from 1 (row of a Parquet file). */
  readonly line: number;
}

export interface CompletionData {
  readonly kind: 'completion';
  readonly examples: readonly CompletionExample[];
  readonly notes: readonly string[];
}

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export interface ChatExample {
  readonly messages: readonly ChatMessage[];
  readonly line: number;
}

export interface ChatData {
  readonly kind: 'chat';
  readonly examples: readonly ChatExample[];
  readonly notes: readonly string[];
}

export interface TextData {
  readonly kind: 'text';
  readonly texts: readonly string[];
  readonly notes: readonly string[];
}

/** `3 of 10 rows left out: …` @throws UserError when no row is left. */
function skipped(table: Table, kept: number, why: string): string[] {
  if (kept === 0) throw new UserError(`${table.source}: no row is left: ${why}`);
  const count = table.rows.length - kept;
  return count === 0 ? [] : [`${basename(table.source)}: ${count} of ${table.rows.length} rows left out: ${why}`];
}

/**
 * Prompts and completions. An instruction and its input make one prompt, a blank line between them; neither gets
 * words of its own around it.
 * @throws UserError naming the place of a text that is empty, missing or no text.
 */
export function completionExamples(table: Table, columns: CompletionColumns, options: RowOptions = {}): CompletionData {
  const examples: CompletionExample[] = [];
  for (let row = 0; row < table.rows.length; row++) {
    const asked = textIn(table, row, columns.prompt, options);
    const completion = textIn(table, row, columns.completion, options);
    const input = columns.input === null ? null : textIn(table, row, columns.input, { emptyTexts: 'skip' });
    if (asked === null || completion === null) continue;
    const prompt = input === null ? asked : `${asked}\n\n${input}`;
    examples.push({ prompt, completion, line: table.lines(row) });
  }
  return { kind: 'completion', examples, notes: skipped(table, examples.length, 'prompt or completion is empty') };
}

/** Roles as OpenAI and ShareGPT name them. */
const ROLES: ReadonlyMap<unknown, ChatMessage['role']> = new Map([
  ['system', 'system'],
  ['developer', 'system'],
  ['user', 'user'],
  ['human', 'user'],
  ['assistant', 'assistant'],
  ['gpt', 'assistant'],
  ['chatgpt', 'assistant'],
  ['model', 'assistant'],
  ['bot', 'assistant'],
]);

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A field of its own, never one of the prototype. */
const field = (record: Record<string, unknown>, name: string): unknown =>
  Object.hasOwn(record, name) ? record[name] : undefined;

/** The text of a message: a string, or parts that are all text. @throws UserError otherwise. */
function contentOf(value: unknown, place: string): string {
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) {
    throw new UserError(`${place} has no content; calls of tools cannot be learned here`);
  }
  if (!Array.isArray(value)) throw new UserError(`${place}: content is neither text nor a list of parts`);
  return value
    .map((part: unknown) => {
      const text = isRecord(part) && field(part, 'type') === 'text' ? field(part, 'text') : undefined;
      if (typeof text === 'string') return text;
      throw new UserError(`${place}: a part of its content is not text; only text can be learned here`);
    })
    .join('');
}

function messageOfChat(value: unknown, place: string): ChatMessage {
  if (!isRecord(value)) throw new UserError(`${place} is not an object with role and content`);
  const name = field(value, 'role') ?? field(value, 'from');
  const role = ROLES.get(typeof name === 'string' ? name.toLowerCase() : name);
  if (role === undefined) {
    const said = typeof name === 'string' ? `the role "${name.slice(0, 60)}"` : 'no role';
    throw new UserError(`${place} has ${said}; known are ${listed([...ROLES.keys()].map(String))}`);
  }
  return { role, content: contentOf(field(value, 'content') ?? field(value, 'value'), place) };
}

/** A cell as a list: Parquet and JSON have lists, CSV has them as JSON texts. */
function listIn(table: Table, row: number, column: string): readonly unknown[] {
  let value = table.rows[row][column];
  if (typeof value === 'string' && value.trim() !== '') {
    try {
      value = JSON.parse(value);
    } catch (error) {
      throw new UserError(
        `${table.place(row)}: "${column}" is not a list in JSON (${messageOf(error).slice(0, 100)})`,
        {
          cause: error,
        },
      );
    }
  }
  if (Array.isArray(value) && value.length > 0) return value;
  const what = Array.isArray(value) ? 'is empty' : value === undefined || value === null ? 'is missing' : 'is no list';
  throw new UserError(`${table.place(row)}: the list of messages "${column}" ${what}`);
}

/**
 * Conversations, of messages `{ role, content }` (OpenAI) or `{ from, value }` (ShareGPT: `human` is the user, `gpt`
 * the assistant). The order of roles is left to the model's chat template.
 * @throws UserError naming the place and number of a message that has no known role or no text, and the place of a
 * conversation in which the assistant says nothing.
 */
export function chatExamples(table: Table, columns: ChatColumns): ChatData {
  let open = 0;
  const examples = table.rows.map((_, row) => {
    const items = columns.messages.flatMap((column) => listIn(table, row, column));
    const messages = items.map((item, i) => messageOfChat(item, `${table.place(row)}: message ${i + 1}`));
    if (!messages.some(({ role, content }) => role === 'assistant' && content.trim() !== '')) {
      throw new UserError(`${table.place(row)}: the assistant says nothing in this conversation; nothing to learn`);
    }
    if (messages.at(-1)?.role !== 'assistant') open += 1;
    return { messages, line: table.lines(row) };
  });
  const notes = open === 0 ? [] : [`${basename(table.source)}: ${open} conversations do not end with the assistant`];
  return { kind: 'chat', examples, notes };
}

/** Plain texts; empty ones are left out and counted. @throws UserError naming the place of a cell that is no text. */
export function textExamples(table: Table, columns: TextColumns): TextData {
  const texts: string[] = [];
  for (let row = 0; row < table.rows.length; row++) {
    const text = textIn(table, row, columns.text, { emptyTexts: 'skip' });
    if (text !== null) texts.push(text);
  }
  return { kind: 'text', texts, notes: skipped(table, texts.length, `"${columns.text}" is empty`) };
}
