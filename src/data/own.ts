/**
 * A person's files as host values: one table to train on, perhaps one to validate and one to test; what is missing is
 * cut off the training table.
 */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { UserError } from '../errors';
import { readBytes } from '../formats/read';
import {
  type ChatExample,
  type CompletionExample,
  chatExamples,
  completionExamples,
  textExamples,
} from './conversations';
import { type Columns, columnsInWords, detectKind, type KindOptions } from './kinds';
import { classifyExamples, type LabelledExample, majorityShare, type RowOptions, regressExamples } from './labelled';
import { HELD_OUT_SHARES, type Parts, SPLIT_SEED, type SplitShares, splitExamples, splitText } from './split';
import { readTables, type Table, type TableOptions } from './table';

/** A file, or several that make one table (shards). */
export type FileOrFiles = string | readonly string[];

export interface OwnFiles {
  readonly train: FileOrFiles;
  readonly validation?: FileOrFiles;
  readonly test?: FileOrFiles;
}

const listOf = (files: FileOrFiles): readonly string[] => (typeof files === 'string' ? [files] : files);

/** Names without folders. */
export const namesOf = (files: FileOrFiles): string =>
  listOf(files)
    .map((file) => basename(file))
    .join(', ');

export interface OwnOptions extends KindOptions, RowOptions, TableOptions {
  /** Shares that are cut off where a file is missing; a tenth each by default. */
  readonly shares?: Partial<SplitShares>;
  /** Seed of the split, 2024 by default. */
  readonly splitSeed?: number;
}

/** What was done, for the record: plain JSON. */
export interface OwnNotes {
  readonly kind: Columns['kind'];
  readonly columns: string;
  /** Guesses, rows left out, texts that are in two parts: sentences to show. */
  readonly remarks: readonly string[];
  /** Where a part comes from: its file's name, or how it was cut off. */
  readonly validation: string;
  readonly test: string;
  readonly sizes: { readonly train: number; readonly validation: number; readonly test: number };
  /** sha256 of the files' contents (decompressed), by part. */
  readonly sha256: Readonly<Record<string, string>>;
}

interface Own<K extends string, E> extends Parts<E> {
  readonly kind: K;
  readonly notes: OwnNotes;
}

export interface OwnClassify extends Own<'classify', LabelledExample> {
  readonly labels: readonly string[];
  readonly pair: boolean;
  /** Share of the test examples that are of the commonest class, 0 … 1; null without test examples. */
  readonly majority: number | null;
}

export interface OwnRegress extends Own<'regress', LabelledExample> {
  readonly pair: boolean;
}

export type OwnData =
  | OwnClassify
  | OwnRegress
  | Own<'completion', CompletionExample>
  | Own<'chat', ChatExample>
  | Own<'text', string>;

/** Examples of one table under the columns of the training table. */
interface Read<E> {
  readonly examples: readonly E[];
  readonly notes: readonly string[];
}

const pairKey = ({ text, text2 }: LabelledExample) => (text2 === undefined ? text : `${text}\u0000${text2}`);

/** What comes before the assistant's first word. */
const chatKey = ({ messages }: ChatExample) => {
  const first = messages.findIndex(({ role }) => role === 'assistant');
  return JSON.stringify(messages.slice(0, Math.max(first, 1)));
};

/** Names of columns that a kind reads. */
const columnNames = (columns: Columns): string[] =>
  Object.entries(columns).flatMap(([option, column]) => (option === 'kind' || column === null ? [] : column));

/** @throws UserError when a further table lacks a column of the training table. */
function checkColumns(table: Table, columns: Columns): void {
  const missing = columnNames(columns).find((name) => !table.columns.includes(name));
  if (missing === undefined) return;
  throw new UserError(
    `${table.source} has no column "${missing}", which the training table has; both need the same columns`,
  );
}

/** Examples that two parts share, as a remark. */
function overlaps<E>(parts: Parts<E>, key: (example: E) => string): string[] {
  const seen = new Set(parts.train.map(key));
  return (['validation', 'test'] as const).flatMap((name) => {
    const shared = parts[name].filter((example) => seen.has(key(example))).length;
    return shared === 0 ? [] : [`${shared} of ${parts[name].length} ${name} texts are in the training set too`];
  });
}

const percent = (share: number) => `${Number((100 * share).toFixed(2))} %`;

const NONE = 'none, as asked';

interface Plan {
  readonly files: OwnFiles;
  readonly tables: Readonly<Record<'train' | 'validation' | 'test', Table | null>>;
  readonly shares: SplitShares;
  readonly seed: number;
  readonly columns: Columns;
  readonly remarks: readonly string[];
}

/** Reads every part and cuts off what has no file. */
function partsOf<E>(
  plan: Plan,
  read: (table: Table, training: boolean) => Read<E>,
  key: (example: E) => string,
  stratum?: (example: E) => string | number,
): { parts: Parts<E>; notes: OwnNotes } {
  const { files, tables, shares, seed, columns } = plan;
  const remarks = [...plan.remarks];
  const of = (table: Table | null, training: boolean): readonly E[] | null => {
    if (table === null) return null;
    if (!training) checkColumns(table, columns);
    const { examples, notes } = read(table, training);
    remarks.push(...notes);
    return examples;
  };
  const all = of(tables.train, true) ?? [];
  const given = { validation: of(tables.validation, false), test: of(tables.test, false) };
  const split =
    shares.validation + shares.test === 0
      ? { train: all, validation: [], test: [] }
      : splitExamples(all, { shares, seed, key, ...(stratum ? { stratum } : {}) });
  const parts = {
    train: split.train,
    validation: given.validation ?? split.validation,
    test: given.test ?? split.test,
  };
  remarks.push(...overlaps(parts, key));
  const how = stratum ? ', stratified by label' : '';
  return {
    parts,
    notes: notesOf(plan, files, remarks, parts, (share) => `split ${percent(share)} of train, seed ${seed}${how}`),
  };
}

function notesOf(
  { columns, shares }: Plan,
  files: OwnFiles,
  remarks: readonly string[],
  parts: Parts<unknown>,
  cut: (share: number) => string,
): OwnNotes {
  const hash = (paths: FileOrFiles) => {
    const sum = createHash('sha256');
    for (const path of listOf(paths)) sum.update(readBytes(path, 'table'));
    return sum.digest('hex');
  };
  const named = Object.entries(files).filter((entry): entry is [string, FileOrFiles] => entry[1] !== undefined);
  return {
    kind: columns.kind,
    columns: columnsInWords(columns),
    remarks,
    validation:
      (files.validation && namesOf(files.validation)) ?? (shares.validation === 0 ? NONE : cut(shares.validation)),
    test: (files.test && namesOf(files.test)) ?? (shares.test === 0 ? NONE : cut(shares.test)),
    sizes: { train: parts.train.length, validation: parts.validation.length, test: parts.test.length },
    sha256: Object.fromEntries(named.map(([part, paths]) => [part, hash(paths)])),
  };
}

/** A single text cut by place, or several split as other examples are. */
function plainTexts(plan: Plan, columns: Extract<Columns, { kind: 'text' }>): OwnData {
  const { tables, shares, files } = plan;
  const read = (table: Table) => {
    const { texts, notes } = textExamples(table, columns);
    return { examples: texts, notes };
  };
  const whole = tables.train && read(tables.train);
  if (whole?.examples.length !== 1) {
    const { parts, notes } = partsOf<string>(plan, read, (text) => text);
    return { kind: 'text', ...parts, notes };
  }
  const pieces = splitText(whole.examples[0], shares);
  const given = (name: 'validation' | 'test'): { examples: readonly string[]; notes: readonly string[] } => {
    const table = tables[name];
    if (table === null) return { examples: [pieces[name]], notes: [] };
    checkColumns(table, columns);
    return read(table);
  };
  const [validation, test] = [given('validation'), given('test')];
  const parts = { train: [pieces.train], validation: validation.examples, test: test.examples };
  const remarks = [...plan.remarks, ...validation.notes, ...test.notes];
  const notes = notesOf(plan, files, remarks, parts, (share) => `${percent(share)} of the text, cut off its end`);
  return { kind: 'text', ...parts, notes };
}

/**
 * Reads a person's files and makes the three parts of a set.
 *
 * A missing validation file is made up for by a tenth of the training table, a missing test file by another tenth:
 * classes are split by the same share, equal texts stay together. The kind and the columns are those of the training
 * table; `detectKind` says how they are found.
 * @throws UserError naming file, line and remedy for whatever is wrong with a file.
 */
export async function readOwn(files: OwnFiles, options: OwnOptions = {}): Promise<OwnData> {
  const tables = {
    train: await readTables(listOf(files.train), options),
    validation: files.validation === undefined ? null : await readTables(listOf(files.validation), options),
    test: files.test === undefined ? null : await readTables(listOf(files.test), options),
  };
  const { columns, notes: guesses } = detectKind(tables.train, options);
  const shares = {
    validation: files.validation === undefined ? (options.shares?.validation ?? HELD_OUT_SHARES.validation) : 0,
    test: files.test === undefined ? (options.shares?.test ?? HELD_OUT_SHARES.test) : 0,
  };
  const plan: Plan = { files, tables, shares, seed: options.splitSeed ?? SPLIT_SEED, columns, remarks: guesses };
  switch (columns.kind) {
    case 'classify': {
      const first = classifyExamples(tables.train, columns, options);
      const { labels, pair } = first;
      const read = (table: Table, training: boolean) =>
        training ? first : classifyExamples(table, columns, options, labels);
      const { parts, notes } = partsOf(plan, read, pairKey, ({ label }) => label);
      return { kind: 'classify', labels, pair, majority: majorityShare(parts.test), ...parts, notes };
    }
    case 'regress': {
      const read = (table: Table, training: boolean) => regressExamples(table, columns, options, training);
      const { parts, notes } = partsOf(plan, read, pairKey);
      return { kind: 'regress', pair: columns.text2 !== null, ...parts, notes };
    }
    case 'completion': {
      const read = (table: Table) => completionExamples(table, columns, options);
      const { parts, notes } = partsOf(plan, read, ({ prompt }) => prompt);
      return { kind: 'completion', ...parts, notes };
    }
    case 'chat': {
      const { parts, notes } = partsOf(plan, (table: Table) => chatExamples(table, columns), chatKey);
      return { kind: 'chat', ...parts, notes };
    }
    case 'text':
      return plainTexts(plan, columns);
  }
}
