/**
 * A person's table: comma- or tab-separated values, JSON lines, a JSON list, Parquet, or a plain text as a table of one
 * row. Rows are objects without a prototype, so a column may have any name.
 */
import { existsSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { UserError } from '../errors';
import { beginsWithObject, jsonRows } from '../formats/json-rows';
import { parquetRows } from '../formats/parquet';
import { readBytes, readText } from '../formats/read';
import { csvRows, jsonlRows, type Placed, tsvRows } from '../formats/text';

export type Row = Readonly<Record<string, unknown>>;

export interface Table {
  /** The file, as it was named. */
  readonly source: string;
  readonly columns: readonly string[];
  /** One object a row; a value that a row does not have is undefined (JSON), null (Parquet) or '' (CSV and TSV). */
  readonly rows: readonly Row[];
  /** The line of the file that a row begins in, from 1; in Parquet the row's number, from 1. */
  lines(row: number): number;
  /** Where a row stands, for messages: `train.csv:12`, or `train.parquet: row 12`. */
  place(row: number): string;
  /** Names of the classes that a column's integers stand for, where the file says so (Parquet of the hub). */
  readonly classNames: ReadonlyMap<string, readonly string[]>;
}

export interface TableOptions {
  /** Tab-separated fields may be quoted as in CSV; by default a quote is a character as any other, as in GLUE. */
  readonly quotedTabs?: boolean;
}

const NO_NAMES: ReadonlyMap<string, readonly string[]> = new Map();

function refuseTwins(columns: readonly string[], place: string): void {
  const seen = new Set<string>();
  for (const name of columns) {
    if (seen.has(name)) throw new UserError(`${place}: the column "${name}" stands there twice; rename one`);
    seen.add(name);
  }
}

/** Rows of fields under their header. */
function fromFields(placed: readonly Placed<string[]>[], source: string): Table {
  if (placed.length === 0) throw new UserError(`${source} is empty; it needs a header line and a row`);
  const columns = placed[0].value.map((name) => name.trim());
  refuseTwins(columns, `${source}:${placed[0].line}`);
  const body = placed.slice(1);
  if (body.length === 0) throw new UserError(`${source} has a header line and no row`);
  const rows = body.map(({ value }) => {
    const row: Record<string, unknown> = Object.create(null);
    for (let i = 0; i < columns.length; i++) row[columns[i]] = value[i];
    return row;
  });
  return tableOf(
    source,
    columns,
    rows,
    Int32Array.from(body, ({ line }) => line),
  );
}

/** Objects as rows; the columns are all their names, in the order in which they are first seen. */
function fromObjects(placed: readonly Placed<Record<string, unknown>>[], source: string): Table {
  if (placed.length === 0) throw new UserError(`${source} holds no row`);
  const columns = new Set<string>();
  const rows = placed.map(({ value }) => {
    const row: Record<string, unknown> = Object.create(null);
    for (const name of Object.keys(value)) {
      columns.add(name);
      row[name] = value[name];
    }
    return row;
  });
  return tableOf(
    source,
    [...columns],
    rows,
    Int32Array.from(placed, ({ line }) => line),
  );
}

function tableOf(source: string, columns: readonly string[], rows: readonly Row[], lines: Int32Array): Table {
  return {
    source,
    columns,
    rows,
    lines: (row) => lines[row],
    place: (row) => `${source}:${lines[row]}`,
    classNames: NO_NAMES,
  };
}

async function fromParquet(path: string): Promise<Table> {
  const { columns, rows, classNames } = await parquetRows(readBytes(path, 'table'), path);
  refuseTwins(columns, path);
  if (rows.length === 0) throw new UserError(`${path} holds no row`);
  return {
    source: path,
    columns,
    rows: rows.map((values) => {
      const row: Record<string, unknown> = Object.create(null);
      for (let i = 0; i < columns.length; i++) row[columns[i]] = values[i];
      return row;
    }),
    lines: (row) => row + 1,
    place: (row) => `${path}: row ${row + 1}`,
    classNames,
  };
}

/** Hints at what a file of one column may be instead. */
function checkSeparator(table: Table, separators: readonly string[]): Table {
  const [only] = table.columns;
  const other = table.columns.length === 1 && separators.find((separator) => only.includes(separator));
  if (!other) return table;
  const name =
    other === '\t' ? 'tabs: name it .tsv' : other === ',' ? 'commas: name it .csv' : 'semicolons: write commas';
  throw new UserError(`${table.source}:1: one column, "${only}"; its fields seem to be set off by ${name}`);
}

function fromText(path: string): Table {
  const text = readText(path, 'text');
  if (text.trim() === '') throw new UserError(`${path} is empty`);
  return tableOf(path, ['text'], [Object.assign(Object.create(null), { text })], Int32Array.of(1));
}

function fromJson(path: string): Table {
  const text = readText(path, 'table');
  if (text.trim() === '') throw new UserError(`${path} is empty`);
  // pandas and the hub's library write one object a line under this name too
  return fromObjects(beginsWithObject(text) ? jsonlRows(text, path) : jsonRows(text, path), path);
}

const fromJsonl = (path: string) => fromObjects(jsonlRows(readText(path, 'table'), path), path);

const READERS: Readonly<Record<string, (path: string, options: TableOptions) => Table | Promise<Table>>> = {
  '.csv': (path) => checkSeparator(fromFields(csvRows(readText(path, 'table'), path), path), ['\t', ';']),
  '.tsv': (path, { quotedTabs = false }) => {
    const text = readText(path, 'table');
    return checkSeparator(fromFields(quotedTabs ? csvRows(text, path, '\t') : tsvRows(text, path), path), [',']);
  },
  '.jsonl': fromJsonl,
  '.ndjson': fromJsonl,
  '.json': fromJson,
  '.parquet': fromParquet,
  '.txt': fromText,
};

/** Endings of the files that `readTable` reads; each may be followed by `.gz`. */
export const tableEndings: readonly string[] = Object.keys(READERS);

/** The ending of a table's name in lower case, without `.gz`; null when it is none of a table. */
export function tableEnding(path: string): string | null {
  const name = basename(path).toLowerCase().replace(/\.gz$/, '');
  return tableEndings.find((ending) => name.endsWith(ending)) ?? null;
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/**
 * Reads a table by its ending: .csv (RFC 4180), .tsv (unquoted), .jsonl, .ndjson, .json (a list of objects),
 * .parquet, .txt (one row whose column `text` is the whole file); with .gz behind it, decompressed.
 * @throws UserError when the file is missing, a folder, of an unknown ending, empty, has no row, is not UTF-8 or has a
 * bad line (which is named), or has two columns of one name.
 */
export async function readTable(path: string, options: TableOptions = {}): Promise<Table> {
  if (isFolder(path)) throw new UserError(`${path} is a folder; name a file (${tableEndings.join(' ')})`);
  if (!existsSync(path)) throw new UserError(`Cannot read table ${path}: no such file; check the path.`);
  const ending = tableEnding(path);
  if (ending === null) {
    throw new UserError(
      `${path}: unknown kind of file; the known endings are ${tableEndings.join(' ')}, also with .gz`,
    );
  }
  return READERS[ending](path, options);
}

/** Several files of one table, in order (the shards of a data set). @throws UserError when their columns differ. */
export async function readTables(paths: readonly string[], options: TableOptions = {}): Promise<Table> {
  const parts = [];
  for (const path of paths) parts.push(await readTable(path, options));
  const [first] = parts;
  if (parts.length === 1) return first;
  const other = parts.find(({ columns }) => columns.join('\n') !== first.columns.join('\n'));
  if (other)
    throw new UserError(`${other.source} has other columns than ${first.source}; parts of one table need the same`);
  const owners = parts.flatMap((part) => part.rows.map((_, row) => ({ part, row })));
  return {
    ...first,
    rows: parts.flatMap(({ rows }) => rows),
    lines: (row) => owners[row].part.lines(owners[row].row),
    place: (row) => owners[row].part.place(owners[row].row),
  };
}
