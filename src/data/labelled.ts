/** Labelled texts and pairs of texts of a table: classes by their names, or numbers to predict. */
import { basename } from 'node:path';
import { UserError } from '../errors';
import type { LabelledColumns } from './kinds';
import { inLabelOrder, labelName, numberOf } from './label-values';
import { didYouMean, listed } from './names';
import type { Table } from './table';

/** A text, or two, and the number of its class or the number to predict. */
export interface LabelledExample {
  readonly text: string;
  readonly text2?: string;
  readonly label: number;
  /** Line of the file, from 1 (row of a Parquet file). */
  readonly line: number;
}

export interface ClassifyData {
  readonly kind: 'classify';
  /** Names of the classes; an example's label is an index of this list. */
  readonly labels: readonly string[];
  readonly pair: boolean;
  readonly examples: readonly LabelledExample[];
  readonly notes: readonly string[];
}

export interface RegressData {
  readonly kind: 'regress';
  readonly pair: boolean;
  readonly examples: readonly LabelledExample[];
  readonly notes: readonly string[];
}

export interface RowOptions {
  /** What to do with a row whose text is empty: refuse it (default), or leave it out and count it. */
  readonly emptyTexts?: 'refuse' | 'skip';
}

/** Share of the commonest class, 0 … 1: what saying always the same is worth; null for no examples. */
export function majorityShare(examples: readonly LabelledExample[]): number | null {
  const counts = new Map<number, number>();
  for (const { label } of examples) counts.set(label, (counts.get(label) ?? 0) + 1);
  return examples.length === 0 ? null : Math.max(...counts.values()) / examples.length;
}

/** More classes than this among rows of which most have one of their own are no classes. */
const MANY = 50;

/**
 * The text in a cell; null when it is empty and may be left out.
 * @throws UserError naming the place when it is missing, empty or no text.
 */
export function textIn(
  table: Table,
  row: number,
  column: string,
  { emptyTexts = 'refuse' }: RowOptions,
): string | null {
  const value = table.rows[row][column];
  if (typeof value === 'string') {
    if (value.trim() !== '') return value;
  } else if (value !== undefined && value !== null) {
    const what = Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
    throw new UserError(`${table.place(row)}: "${column}" is ${what}, not text`);
  }
  if (emptyTexts === 'skip') return null;
  const what = typeof value === 'string' ? 'is empty' : 'is missing';
  throw new UserError(`${table.place(row)}: the text "${column}" ${what}; fill it, or skip rows without a text`);
}

type Texts = Pick<LabelledExample, 'text' | 'text2' | 'line'>;

/** Texts of all rows that have them, and their rows. */
function textsOf(table: Table, columns: LabelledColumns, options: RowOptions): { kept: Texts[]; rows: number[] } {
  const kept: Texts[] = [];
  const rows: number[] = [];
  for (let row = 0; row < table.rows.length; row++) {
    const text = textIn(table, row, columns.text, options);
    const text2 = columns.text2 === null ? undefined : textIn(table, row, columns.text2, options);
    if (text === null || text2 === null) continue;
    kept.push({ text, ...(text2 === undefined ? {} : { text2 }), line: table.lines(row) });
    rows.push(row);
  }
  return { kept, rows };
}

/** @throws UserError when no row is left. */
function notesOf(table: Table, kept: number, unmarked: number): string[] {
  if (kept === 0) throw new UserError(`${table.source}: no row with a text and a label is left`);
  const empty = table.rows.length - kept - unmarked;
  const notes: string[] = [];
  if (empty > 0)
    notes.push(`${basename(table.source)}: ${empty} of ${table.rows.length} rows left out: their text is empty`);
  if (unmarked > 0) notes.push(`${basename(table.source)}: ${unmarked} rows without a gold label ("-") left out`);
  return notes;
}

/** The name of a row's class. @throws UserError naming the place when there is none. */
function className(table: Table, row: number, column: string): string {
  const value = table.rows[row][column];
  const names = table.classNames.get(column);
  if (names && typeof value === 'number') {
    if (names[value] !== undefined) return names[value];
    const unlabelled = value === -1 ? '; the row is not labelled: use a labelled file' : '';
    throw new UserError(`${table.place(row)}: "${column}" is ${value}, not a class of ${listed(names)}${unlabelled}`);
  }
  const name = labelName(value);
  if (name !== null) return name;
  const what = value === undefined || value === null || value === '' ? 'is missing' : 'is neither a word nor a number';
  throw new UserError(`${table.place(row)}: the label "${column}" ${what}`);
}

/** Classes of a training table, in order. @throws UserError when there is one only, or nearly one a row. */
function classesOf(table: Table, column: string, names: readonly string[]): string[] {
  const found = new Set(names);
  if (found.size === 1) {
    throw new UserError(
      `${table.source}: all labels in "${column}" are "${names[0]}"; two classes at least are needed`,
    );
  }
  if (found.size > MANY && found.size > names.length / 2) {
    throw new UserError(
      `${table.source}: "${column}" has ${found.size} different values in ${names.length} rows: no classes. Name another label, or say kind regress for numbers or completion for texts`,
    );
  }
  const known = table.classNames.get(column);
  return known ? known.filter((name) => found.has(name)) : inLabelOrder(found);
}

/**
 * Texts and their classes. A gold label `-` means that annotators did not agree (SNLI, MultiNLI): the row is left out.
 * @param known classes of the training table, in order, for a validation or test table; left out, they are found here:
 * numbers in numeric order, names by their characters, or as the file declares them.
 * @throws UserError naming the place of an empty text, a missing label, or a label that `known` does not have.
 */
export function classifyExamples(
  table: Table,
  columns: LabelledColumns,
  options: RowOptions = {},
  known?: readonly string[],
): ClassifyData {
  const { kept, rows } = textsOf(table, columns, options);
  const gold = columns.label.toLowerCase() === 'gold_label';
  const marked = kept.map((_, i) => !(gold && table.rows[rows[i]][columns.label] === '-'));
  const texts = kept.filter((_, i) => marked[i]);
  const places = rows.filter((_, i) => marked[i]);
  const notes = notesOf(table, texts.length, kept.length - texts.length);
  const names = places.map((row) => className(table, row, columns.label));
  const labels = known ?? classesOf(table, columns.label, names);
  const index = new Map(labels.map((name, i) => [name, i]));
  const examples = texts.map((text, i) => {
    const label = index.get(names[i]);
    if (label !== undefined) return { ...text, label };
    throw new UserError(
      `${table.place(places[i])}: the label "${names[i]}" is not among the training set's ${listed(labels)}${didYouMean(names[i], labels)}`,
    );
  });
  const most = inLabelOrder(labels).every((name) => numberOf(name) !== null) && labels.length > MANY;
  if (!known && most) notes.push(`${labels.length} classes that are all numbers: say kind regress to predict a number`);
  return { kind: 'classify', labels, pair: columns.text2 !== null, examples, notes };
}

/**
 * Texts and numbers.
 * @throws UserError naming the place of an empty text or of a label that is no finite number, and when all are equal
 * in a training table.
 */
export function regressExamples(
  table: Table,
  columns: LabelledColumns,
  options: RowOptions = {},
  training = true,
): RegressData {
  const { kept, rows } = textsOf(table, columns, options);
  const notes = notesOf(table, kept.length, 0);
  const examples = kept.map((text, i) => {
    const value = table.rows[rows[i]][columns.label];
    const label = numberOf(value);
    if (label !== null) return { ...text, label };
    const missing = value === undefined || value === null || value === '';
    const what = missing ? 'is missing' : `${JSON.stringify(value)?.slice(0, 60)} is not a number`;
    throw new UserError(`${table.place(rows[i])}: the label "${columns.label}" ${what}; kind regress needs a number`);
  });
  if (training && examples.every(({ label }) => label === examples[0].label)) {
    throw new UserError(
      `${table.source}: all numbers in "${columns.label}" are ${examples[0].label}: nothing to learn`,
    );
  }
  return { kind: 'regress', pair: columns.text2 !== null, examples, notes };
}
