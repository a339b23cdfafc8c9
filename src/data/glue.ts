/**
 * GLUE (Wang et al. 2018) as its files are: eight tasks, each with GLUE's own classes and scores.
 *
 * Its test labels are not public, so the development set is the test set, as usual, and a part of the training set
 * validates. Where only one file of a task is there, it is split in three.
 *
 * Files are those of the official download in `glue/<task>` under the data folder (`glue/MRPC/train.tsv`), or the hub's
 * in Parquet (`glue/mrpc/train-00000-of-00001.parquet`).
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors';
import { readBytes, readText } from '../formats/read';
import { tsvRows } from '../formats/text';
import type { LabelledColumns } from './kinds';
import { labelName } from './label-values';
import { classifyExamples, type LabelledExample, majorityShare, regressExamples } from './labelled';
import type { ScoreName } from './metrics';
import { listed } from './names';
import { type Parts, SPLIT_SEED, splitExamples } from './split';
import { type Row, readTable, type Table } from './table';

export const glueNames = ['sst2', 'cola', 'mrpc', 'stsb', 'rte', 'qnli', 'mnli', 'wnli'] as const;
export type GlueName = (typeof glueNames)[number];

/** Scores by which GLUE judges a task, the one that stands first in tables first; CoLA's accuracy is LoRA-GA's. */
export const glueMetrics: Readonly<Record<GlueName | 'qqp', readonly ScoreName[]>> = {
  sst2: ['accuracy'],
  cola: ['matthews', 'accuracy'],
  mrpc: ['accuracy', 'f1'],
  stsb: ['pearson', 'spearman'],
  rte: ['accuracy'],
  qnli: ['accuracy'],
  mnli: ['accuracy'],
  wnli: ['accuracy'],
  qqp: ['accuracy', 'f1'],
};

interface Source {
  readonly title: string;
  /** Folder of the official download. */
  readonly folder: string;
  /** Classes in GLUE's order; null for a number. */
  readonly labels: readonly string[] | null;
  /** Names of the columns in the official download and on the hub. */
  readonly text: readonly string[];
  readonly text2: readonly string[] | null;
  readonly label: readonly string[];
  /** Official files to train and to test on, the first that is there; CoLA's own download names its training set otherwise. */
  readonly train: readonly string[];
  readonly dev: readonly string[];
  /** Names of the columns of files without a header. */
  readonly header?: readonly string[];
}

const pairs = { text: ['sentence1'], text2: ['sentence2'], label: ['label'], train: ['train.tsv'], dev: ['dev.tsv'] };

const SOURCES: Readonly<Record<GlueName, Source>> = {
  sst2: {
    ...pairs,
    title: 'SST-2: sentiment of a sentence',
    folder: 'SST-2',
    labels: ['negative', 'positive'],
    text: ['sentence'],
    text2: null,
  },
  cola: {
    title: 'CoLA: acceptability of a sentence',
    folder: 'CoLA',
    labels: ['unacceptable', 'acceptable'],
    text: ['sentence'],
    text2: null,
    label: ['label'],
    train: ['train.tsv', 'in_domain_train.tsv'],
    dev: ['dev.tsv'],
    header: ['source', 'label', 'mark', 'sentence'],
  },
  mrpc: {
    ...pairs,
    title: 'MRPC: do two sentences say the same',
    folder: 'MRPC',
    labels: ['not_equivalent', 'equivalent'],
    text: ['#1 String', 'sentence1'],
    text2: ['#2 String', 'sentence2'],
    label: ['Quality', 'label'],
  },
  stsb: {
    ...pairs,
    title: 'STS-B: how similar two sentences are, 0 to 5',
    folder: 'STS-B',
    labels: null,
    label: ['score', 'label'],
  },
  rte: {
    ...pairs,
    title: 'RTE: does the second sentence follow from the first',
    folder: 'RTE',
    labels: ['entailment', 'not_entailment'],
  },
  qnli: {
    ...pairs,
    title: 'QNLI: does the sentence answer the question',
    folder: 'QNLI',
    labels: ['entailment', 'not_entailment'],
    text: ['question'],
    text2: ['sentence'],
  },
  mnli: {
    ...pairs,
    title: 'MNLI (matched): does the hypothesis follow, or contradict',
    folder: 'MNLI',
    labels: ['entailment', 'neutral', 'contradiction'],
    text: ['sentence1', 'premise'],
    text2: ['sentence2', 'hypothesis'],
    label: ['gold_label', 'label'],
    dev: ['dev_matched.tsv'],
  },
  wnli: {
    ...pairs,
    title: 'WNLI: what a pronoun stands for',
    folder: 'WNLI',
    labels: ['not_entailment', 'entailment'],
  },
};

export const glueTitle = (name: GlueName): string => SOURCES[name].title;

/** What was done, for the record: plain JSON. */
export interface GlueNotes {
  /** Where a part comes from. */
  readonly train: string;
  readonly validation: string;
  readonly test: string;
  readonly sizes: { readonly train: number; readonly validation: number; readonly test: number };
  /** Share of the test examples that are of the commonest class, 0 … 1; null for numbers. */
  readonly majority: number | null;
  readonly remarks: readonly string[];
  /** sha256 of the files' contents, by file name; empty when tables were given. */
  readonly sha256: Readonly<Record<string, string>>;
}

export interface GlueSet extends Parts<LabelledExample> {
  readonly name: GlueName;
  readonly title: string;
  readonly kind: 'classify' | 'regress';
  /** Classes in GLUE's order; null for a number to predict. */
  readonly labels: readonly string[] | null;
  readonly pair: boolean;
  /** Names of `scores` (metrics.ts), the primary one first. */
  readonly metrics: readonly ScoreName[];
  readonly notes: GlueNotes;
}

/** Tables of one task; what GLUE calls the development set is `dev`. One may be missing. */
export interface GlueTables {
  readonly train: Table | null;
  readonly dev: Table | null;
}

/** Validation examples: a tenth of the training set, at most this many. */
const MOST_VALIDATION = 500;

/** The first of the names that is a column. @throws UserError when none is. */
function columnOf(table: Table, names: readonly string[], task: GlueName): string {
  const found = names.find((name) => table.columns.includes(name));
  if (found !== undefined) return found;
  throw new UserError(
    `${table.source} is not a table of GLUE's ${task}: no column ${listed(names)} among ${listed(table.columns)}`,
  );
}

/**
 * Examples of one table, its classes numbered as GLUE does: by a name, by a number of its own, or by the number that a
 * Parquet file explains.
 * @throws UserError on a table of another task, a class that GLUE does not have, and a row without a label.
 */
export function glueExamples(
  name: GlueName,
  table: Table,
): { readonly examples: readonly LabelledExample[]; readonly notes: readonly string[] } {
  const source = SOURCES[name];
  const columns: LabelledColumns = {
    kind: source.labels === null ? 'regress' : 'classify',
    text: columnOf(table, source.text, name),
    text2: source.text2 && columnOf(table, source.text2, name),
    label: columnOf(table, source.label, name),
  };
  const skip = { emptyTexts: 'skip' } as const;
  const { labels } = source;
  if (labels === null) return regressExamples(table, columns, skip, false);
  if (table.classNames.has(columns.label)) return classifyExamples(table, columns, skip, labels);
  // a file without names for its numbers numbers them as GLUE does
  const spelt = (value: unknown) => labels[Number(labelName(value) ?? Number.NaN)] ?? value;
  const rows = table.rows.map(
    (row): Row => Object.assign(Object.create(null), row, { [columns.label]: spelt(row[columns.label]) }),
  );
  return classifyExamples({ ...table, rows }, columns, skip, labels);
}

/** Pairs with one first text (a premise, a question) stay together, as GLUE's own sets have them. */
const keyOf = ({ text }: LabelledExample) => text;

/**
 * The set of a task from its tables: the development set tests, and a tenth of the training set (500 at most) validates;
 * with one table only, that one is split 80 / 10 / 10. Classes are split by the same share, pairs of one first text stay together.
 * @throws UserError as `glueExamples`, and when there is no table.
 */
export function glueFromTables(
  name: GlueName,
  tables: GlueTables,
  sha256: Readonly<Record<string, string>> = {},
  seed = SPLIT_SEED,
): GlueSet {
  const { labels, title, text2 } = SOURCES[name];
  const stratum = labels === null ? {} : { stratum: ({ label }: LabelledExample) => label };
  const how = `seed ${seed}${labels === null ? '' : ', stratified by label'}`;
  const [train, dev] = [tables.train && glueExamples(name, tables.train), tables.dev && glueExamples(name, tables.dev)];
  const remarks = [...(train?.notes ?? []), ...(dev?.notes ?? [])];
  let parts: Parts<LabelledExample>;
  let origin: Pick<GlueNotes, 'train' | 'validation' | 'test'>;
  if (train && dev) {
    const share = Math.min(0.1, MOST_VALIDATION / train.examples.length);
    const cut = splitExamples(train.examples, { shares: { validation: share, test: 0 }, seed, key: keyOf, ...stratum });
    parts = { ...cut, test: dev.examples };
    const count = cut.validation.length;
    origin = {
      train: "GLUE's training set without the validation part",
      validation: `${count} of GLUE's training set, ${how}`,
      test: "GLUE's development set",
    };
  } else {
    const only = train ?? dev;
    if (!only) throw new UserError(`no table of GLUE's ${name}: give its training set, its development set, or both`);
    const shares = { validation: 0.1, test: 0.1 };
    parts = splitExamples(only.examples, { shares, seed, key: keyOf, ...stratum });
    const whole = train ? 'training' : 'development';
    const of = (percent: number) => `${percent} % of GLUE's ${whole} set, ${how}`;
    origin = { train: of(80), validation: of(10), test: of(10) };
    remarks.push(`only GLUE's ${whole} set is there: split 80 / 10 / 10, not comparable with published scores`);
  }
  const sizes = { train: parts.train.length, validation: parts.validation.length, test: parts.test.length };
  return {
    name,
    title,
    kind: labels === null ? 'regress' : 'classify',
    labels,
    pair: text2 !== null,
    ...parts,
    metrics: glueMetrics[name],
    notes: { ...origin, sizes, majority: labels && majorityShare(parts.test), remarks, sha256 },
  };
}

/** A table without a header line. */
function headless(path: string, columns: readonly string[]): Table {
  const placed = tsvRows(readText(path, 'GLUE file'), path, columns.length);
  if (placed.length === 0) throw new UserError(`${path} is empty`);
  const rows = placed.map(({ value }) => {
    const row: Record<string, unknown> = Object.create(null);
    columns.forEach((name, i) => {
      row[name] = value[i];
    });
    return row;
  });
  const place = (row: number) => `${path}:${placed[row].line}`;
  return { source: path, columns, rows, lines: (row) => placed[row].line, place, classNames: new Map() };
}

/** The hub's Parquet files of a part, in order: `train-00000-of-00001.parquet`. */
function parquetFile(folder: string, part: string): string | null {
  if (!existsSync(folder)) return null;
  const files = readdirSync(folder).filter((file) => file.startsWith(part) && file.endsWith('.parquet'));
  if (files.length > 1) throw new UserError(`${folder} has ${files.length} files ${part}*.parquet; GLUE's has one`);
  return files.length === 1 ? join(folder, files[0]) : null;
}

/**
 * Reads a task from the data folder: the official files in `glue/MRPC`, or the hub's in `glue/mrpc`.
 * @throws UserError when no file of the task is there, naming those that are looked for, and on a faulty file.
 */
export async function readGlue(name: GlueName, dataDir: string, seed = SPLIT_SEED): Promise<GlueSet> {
  const source = SOURCES[name];
  const official = join(dataDir, 'glue', source.folder);
  const hub = join(dataDir, 'glue', name);
  const found = (files: readonly string[], part: string) =>
    files.map((file) => join(official, file)).find((path) => existsSync(path)) ?? parquetFile(hub, part);
  const paths = {
    train: found(source.train, 'train'),
    dev: found(source.dev, name === 'mnli' ? 'validation_matched' : 'validation'),
  };
  if (paths.train === null && paths.dev === null) {
    const files = [...source.train, ...source.dev].join(', ');
    throw new UserError(
      `No file of GLUE's ${name}: put ${files} of the official download into ${official}, or the hub's Parquet files (train-…, validation-…) into ${hub}`,
    );
  }
  const read = async (path: string | null) => {
    if (path === null) return null;
    return source.header && path.endsWith('.tsv') ? headless(path, source.header) : readTable(path);
  };
  const tables = { train: await read(paths.train), dev: await read(paths.dev) };
  const sha256: Record<string, string> = {};
  for (const [part, path] of Object.entries(paths)) {
    if (path !== null) sha256[part] = createHash('sha256').update(readBytes(path, 'GLUE file')).digest('hex');
  }
  return glueFromTables(name, tables, sha256, seed);
}
