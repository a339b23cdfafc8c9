/**
 * What a person's table is: labelled texts or pairs, prompts and completions, conversations, or plain text. Columns
 * that the person names win; otherwise they are guessed from the names that published data sets use, and every guess
 * is said.
 */
import { UserError } from '../errors';
import { numberOf } from './label-values';
import { didYouMean, listed } from './names';
import type { Table } from './table';

export const kinds = ['classify', 'regress', 'completion', 'chat', 'text'] as const;
export type Kind = (typeof kinds)[number];

/** Columns by name, and the kind; what is left out is guessed. */
export interface KindOptions {
  readonly kind?: Kind;
  readonly text?: string;
  readonly text2?: string;
  readonly label?: string;
  readonly prompt?: string;
  readonly completion?: string;
  readonly messages?: string;
}

/** Columns of a labelled table. */
export interface LabelledColumns {
  readonly kind: 'classify' | 'regress';
  readonly text: string;
  readonly text2: string | null;
  readonly label: string;
}

/** Columns of prompts and completions; `input` is what an instruction is about. */
export interface CompletionColumns {
  readonly kind: 'completion';
  readonly prompt: string;
  readonly input: string | null;
  readonly completion: string;
}

/** The columns whose lists of messages make a conversation, one after the other. */
export interface ChatColumns {
  readonly kind: 'chat';
  readonly messages: readonly string[];
}

export interface TextColumns {
  readonly kind: 'text';
  readonly text: string;
}

export type Columns = LabelledColumns | CompletionColumns | ChatColumns | TextColumns;

export interface Detected {
  readonly columns: Columns;
  /** What was guessed, in words; empty when the person said everything. */
  readonly notes: readonly string[];
}

const PAIRS: readonly (readonly [string, string])[] = [
  ['sentence1', 'sentence2'],
  ['premise', 'hypothesis'],
  ['question1', 'question2'],
  ['question', 'sentence'],
  ['question', 'passage'],
  ['text1', 'text2'],
  ['text_a', 'text_b'],
  ['text', 'text2'],
  ['#1 string', '#2 string'],
];
/** The first two are taken whatever else there is. */
const TEXTS = [
  ...['text', 'sentence', 'review', 'content', 'question', 'query', 'utterance', 'tweet', 'comment', 'document'],
  ...['body', 'headline', 'title'],
];
/** Columns of plain text; the first is taken whatever else there is. */
const PLAIN_TEXTS = ['text', 'content', 'document', 'body'];
/** The first three are taken whatever else there is. */
const LABELS = [
  ...['label', 'labels', 'gold_label', 'quality', 'is_duplicate', 'score', 'class', 'category', 'sentiment'],
  ...['intent', 'target', 'rating', 'stars', 'similarity', 'similarity_score', 'coarse_label'],
];
const COMPLETIONS: readonly (readonly [prompt: string, completion: string])[] = [
  ['prompt', 'completion'],
  ['prompt', 'response'],
  ['instruction', 'output'],
  ['instruction', 'response'],
  ['question', 'answer'],
  ['question', 'response'],
  ['query', 'response'],
  ['query', 'answer'],
  ['problem', 'solution'],
  ['input', 'output'],
];
/** What an instruction is about, in a column of its own. */
const INPUTS = ['input', 'context'];
const CHATS = ['messages', 'conversations', 'conversation'];

const HOW: Readonly<Record<Kind, string>> = {
  classify: 'kind classify takes text (and text2) and label',
  regress: 'kind regress takes text (and text2) and label, a number',
  completion: 'kind completion takes prompt and completion',
  chat: 'kind chat takes messages',
  text: 'kind text takes text',
};

/** A column that a person named. @throws UserError when the table has none of that name. */
function named(table: Table, option: keyof KindOptions, name: string): string {
  if (table.columns.includes(name)) return name;
  throw new UserError(
    `${table.source} has no column "${name}" for ${option}${didYouMean(name, table.columns)}; its columns are ${listed(table.columns)}`,
  );
}

/** The table's own spelling of a usual name, case aside. */
function finder(table: Table): (name: string) => string | null {
  const spelt = new Map<string, string>();
  for (const column of table.columns) {
    const plain = column.toLowerCase();
    if (!spelt.has(plain)) spelt.set(plain, column);
  }
  return (name) => spelt.get(name) ?? null;
}

/** The only one of the candidates, or one of the first `sure` of them. @throws UserError when several fit. */
function only(table: Table, candidates: readonly string[], sure: number, option: string): string | null {
  const find = finder(table);
  const found = candidates.map(find);
  const certain = found.slice(0, sure).find((column) => column !== null);
  if (certain) return certain;
  const rest = found.filter((column) => column !== null);
  if (rest.length > 1) {
    throw new UserError(`${table.source}: ${option} may be any of ${listed(rest)}; say which column is the ${option}`);
  }
  return rest[0] ?? null;
}

/** The first value of a column that is there. */
function firstValue(table: Table, column: string): unknown {
  return table.rows.find((row) => row[column] !== undefined && row[column] !== null && row[column] !== '')?.[column];
}

const isList = (table: Table, column: string) => {
  const value = firstValue(table, column);
  return Array.isArray(value) || (typeof value === 'string' && value.trimStart().startsWith('['));
};

/** Text columns as named or guessed; null when there is none. */
function textColumns(table: Table, o: KindOptions): { text: string; text2: string | null } | null {
  if (o.text !== undefined || o.text2 !== undefined) {
    if (o.text === undefined) throw new UserError(`${table.source}: text2 "${o.text2}" needs text: name both columns`);
    const text = named(table, 'text', o.text);
    return { text, text2: o.text2 === undefined ? null : named(table, 'text2', o.text2) };
  }
  const find = finder(table);
  const pairs = PAIRS.flatMap(([first, second]) => {
    const [text, text2] = [find(first), find(second)];
    return text !== null && text2 !== null ? [{ text, text2 }] : [];
  });
  if (pairs.length > 1) {
    const names = pairs.map(({ text, text2 }) => `"${text}" with "${text2}"`).join(' or ');
    throw new UserError(`${table.source}: the pair of texts may be ${names}; say which by text and text2`);
  }
  if (pairs.length === 1) return pairs[0];
  const text = only(table, TEXTS, 2, 'text');
  return text === null ? null : { text, text2: null };
}

/** `regress` when all labels are numbers and one of them is no integer. */
function labelKind(table: Table, label: string): 'classify' | 'regress' {
  if (table.classNames.has(label)) return 'classify';
  let fractions = false;
  for (const row of table.rows) {
    const value = row[label];
    if (value === undefined || value === null || value === '') continue;
    const number = numberOf(value);
    if (number === null) return 'classify';
    if (!Number.isInteger(number)) fractions = true;
  }
  return fractions ? 'regress' : 'classify';
}

function labelled(table: Table, o: KindOptions): LabelledColumns | null {
  const label = o.label === undefined ? only(table, LABELS, 3, 'label') : named(table, 'label', o.label);
  const texts = label === null ? null : textColumns(table, o);
  if (label === null || texts === null) return null;
  const kind = o.kind === 'regress' || o.kind === 'classify' ? o.kind : labelKind(table, label);
  for (const text of [texts.text, texts.text2]) {
    if (text === label) throw new UserError(`${table.source}: the column "${label}" cannot be both text and label`);
  }
  return { kind, ...texts, label };
}

function completion(table: Table, o: KindOptions): CompletionColumns | null {
  const find = finder(table);
  const inputOf = (prompt: string) =>
    prompt.toLowerCase() === 'instruction' ? (INPUTS.map(find).find((column) => column !== null) ?? null) : null;
  if (o.prompt !== undefined && o.completion !== undefined) {
    const prompt = named(table, 'prompt', o.prompt);
    return { kind: 'completion', prompt, input: null, completion: named(table, 'completion', o.completion) };
  }
  const fits = COMPLETIONS.flatMap(([first, second]) => {
    const prompt = o.prompt === undefined ? find(first) : named(table, 'prompt', o.prompt);
    const answer = o.completion === undefined ? find(second) : named(table, 'completion', o.completion);
    return prompt !== null && answer !== null && prompt !== answer ? [{ prompt, answer }] : [];
  });
  // `instruction`, `input`, `output` hold the pair input and output too: the first pair is the wider one
  const [best] = fits;
  if (!best) return null;
  const rivals = fits.filter(({ prompt, answer }) => prompt !== best.prompt || answer !== best.answer);
  const input = o.prompt === undefined ? inputOf(best.prompt) : null;
  const rival = rivals.find(({ prompt, answer }) => prompt !== input || answer !== best.answer);
  if (rival) {
    throw new UserError(
      `${table.source}: prompt and completion may be "${best.prompt}" and "${best.answer}" or "${rival.prompt}" and "${rival.answer}"; say which by prompt and completion`,
    );
  }
  return { kind: 'completion', prompt: best.prompt, input, completion: best.answer };
}

function chat(table: Table, o: KindOptions): ChatColumns | null {
  if (o.messages !== undefined) return { kind: 'chat', messages: [named(table, 'messages', o.messages)] };
  const find = finder(table);
  const found = CHATS.map(find).find((column) => column !== null && isList(table, column));
  if (found) return { kind: 'chat', messages: [found] };
  // prompts and completions that are lists of messages themselves
  const lists = ['prompt', 'completion'].map(find).filter((column) => column !== null);
  const both = lists.length === 2 && lists.every((column) => Array.isArray(firstValue(table, column)));
  return both ? { kind: 'chat', messages: lists } : null;
}

function plainText(table: Table, o: KindOptions): TextColumns | null {
  const text = o.text === undefined ? only(table, PLAIN_TEXTS, 1, 'text') : named(table, 'text', o.text);
  return text === null ? null : { kind: 'text', text };
}

/** Columns in words: `text "sentence", label "label"`. */
export function columnsInWords(columns: Columns): string {
  const words = Object.entries(columns).flatMap(([option, column]) =>
    option === 'kind' || column === null ? [] : [`${option} ${listed(Array.isArray(column) ? column : [column])}`],
  );
  return words.join(', ');
}

const FINDERS: Readonly<Record<Kind, (table: Table, o: KindOptions) => Columns | null>> = {
  classify: labelled,
  regress: labelled,
  completion,
  chat,
  text: plainText,
};

/** The columns that options of a kind name. */
const NAMED: Readonly<Record<Kind, readonly (keyof KindOptions)[]>> = {
  classify: ['text', 'text2', 'label'],
  regress: ['text', 'text2', 'label'],
  completion: ['prompt', 'completion'],
  chat: ['messages'],
  text: ['text'],
};

/** @throws UserError on an option that the kind does not take. */
function refuseOthers(table: Table, kind: Kind, o: KindOptions): void {
  const columns: (keyof KindOptions)[] = ['text', 'text2', 'label', 'prompt', 'completion', 'messages'];
  const other = columns.find((option) => o[option] !== undefined && !NAMED[kind].includes(option));
  if (other) throw new UserError(`${table.source}: ${other} does not go with kind ${kind}: ${HOW[kind]}`);
}

/** Kinds that the named columns leave possible. */
function possible(o: KindOptions): Kind[] {
  if (o.label !== undefined || o.text2 !== undefined) return ['classify'];
  if (o.prompt !== undefined || o.completion !== undefined) return ['completion'];
  if (o.messages !== undefined) return ['chat'];
  return o.text !== undefined ? ['classify', 'text'] : ['chat', 'completion', 'classify', 'text'];
}

/**
 * The kind of a table and its columns.
 *
 * The person's choice wins. Otherwise lists of messages make it `chat`, a usual pair of prompt and completion
 * `completion`, a usual label beside a usual text `classify`, or `regress` when the labels are numbers with a fraction;
 * a text with nothing of that is `text`. A column `text` beside prompts or messages is taken as their printed form.
 * @throws UserError when a named column is missing, when nothing usual is there, and when several kinds fit; the
 * message says how to choose.
 */
export function detectKind(table: Table, options: KindOptions = {}): Detected {
  const { kind } = options;
  const asked = kind === undefined ? possible(options) : [kind];
  if (kind !== undefined) refuseOthers(table, kind, options);
  else if (asked.length === 1) refuseOthers(table, asked[0], options);
  const found: Columns[] = [];
  for (const one of asked) {
    // text alone is what is left when nothing else fits
    if (one === 'text' && found.length > 0) break;
    if (one === 'completion' && found.some((columns) => columns.kind === 'chat' && columns.messages.length > 1))
      continue;
    const columns = FINDERS[one](table, options);
    if (columns) found.push(columns);
  }
  if (found.length === 0) {
    const how = asked.length === 1 && kind !== undefined ? [kind] : asked;
    throw new UserError(
      `${table.source}: its columns ${listed(table.columns)} have none of the usual names. Name them: ${how.map((one) => HOW[one]).join('; ')}`,
    );
  }
  if (found.length > 1) {
    const choices = found.map((columns) => `${columns.kind} (${columnsInWords(columns)})`).join(' or ');
    throw new UserError(`${table.source} may be ${choices}: choose one by kind`);
  }
  return { columns: found[0], notes: guesses(found[0], options) };
}

/** What the person did not say. */
function guesses(columns: Columns, o: KindOptions): string[] {
  const notes: string[] = [];
  if (o.kind === undefined) notes.push(`kind ${columns.kind}, guessed from the columns`);
  const unsaid = NAMED[columns.kind].filter((option) => option !== 'text2' && o[option] === undefined);
  if (unsaid.length > 0) notes.push(`columns guessed by their names: ${columnsInWords(columns)}`);
  return notes;
}
