/** Tables for notebooks: one description as HTML that reads well where scripts and styles are stripped, and as text. */
import { exportTable } from '../reports/export';
import type { Table } from '../reports/table';

/** One row; a missing key is an empty cell. */
export type Row = Record<string, unknown>;

/** What the display needs of a danfo.js DataFrame, or of a Series, whose values are no rows. */
export interface FrameLike {
  columns: string[];
  values: unknown[] | unknown[][];
  /** Names of the rows. */
  index?: (string | number)[];
  dtypes?: string[];
}

export interface TableOptions {
  /** A line above the table. */
  caption?: string;
  /** Decimals of numbers that are not whole, for all columns or by column. Default 4. */
  digits?: number | Record<string, number>;
  /** Columns to show, in order. Default: all, in order of first appearance. */
  columns?: string[];
  /** Rows shown before the rest is only counted. Default 200. */
  maxRows?: number;
}

/** Whether a value is a danfo.js DataFrame or Series. */
export function isFrame(value: unknown): value is FrameLike {
  if (typeof value !== 'object' || value === null) return false;
  const { columns, values, shape } = value as Partial<FrameLike> & { shape?: unknown };
  return Array.isArray(columns) && Array.isArray(values) && Array.isArray(shape) && shape.length === 2;
}

/** Whether a value is a table made from run records. */
function isTable(value: object): value is Table {
  return 'columns' in value && 'rows' in value && 'notes' in value;
}

/** What `showTable` takes: rows, a danfo.js DataFrame, or a table made from run records, which `options` do not change. */
export type TableSource = readonly Row[] | FrameLike | Table;

/** Named columns of cells. */
interface Grid {
  readonly columns: readonly string[];
  /** Columns that are names of rows: the first one or none. */
  readonly names: number;
  readonly rows: readonly (readonly unknown[])[];
  readonly notes: readonly string[];
}

function gridOf(source: readonly Row[] | FrameLike, options: TableOptions, named: boolean): Grid {
  if (isFrame(source)) return gridOfFrame(source, options, named);
  const columns = options.columns ?? [...new Set(source.flatMap((row) => Object.keys(row)))];
  return { columns, names: 0, rows: source.map((row) => columns.map((column) => row[column])), notes: [] };
}

/** By place, not by name: names may repeat. Row names that only count are left out unless they are asked for. */
function gridOfFrame(
  { columns, values, index = [], dtypes = [] }: FrameLike,
  options: TableOptions,
  named: boolean,
): Grid {
  const series = isSeries(columns, values);
  const kept = (options.columns ?? columns).map((column) => columns.indexOf(column));
  const places = options.columns ? kept : columns.map((_, place) => place);
  const names = named || index.some((name, row) => name !== row);
  const rows = values.map((value, row) => {
    const cells = series ? [value] : (value as unknown[]);
    return [...(names ? [index[row] ?? row] : []), ...places.map((place) => cells[place])];
  });
  // pandas calls a column without a name 0, and shows no head above it
  const untitled = series && columns[0] === '0';
  const titles = places.map((place) => (untitled ? '' : (columns[place] ?? '')));
  const notes = [`${untitled ? '' : `Name: ${columns[0]}, `}dtype: ${dtypes[0]}`];
  return { columns: [...(names ? [''] : []), ...titles], names: names ? 1 : 0, rows, notes: series ? notes : [] };
}

/** A Series has one column whose values do not stand in rows. */
const isSeries = (columns: readonly string[], values: readonly unknown[]): boolean =>
  columns.length === 1 && !values.some(Array.isArray);

/** @param named shows the names of a frame's rows also when they only count. */
function tableOf(source: TableSource, options: TableOptions, named: boolean): Table {
  if (isTable(source)) return source;
  const { columns, names, rows, notes } = gridOf(source as readonly Row[] | FrameLike, options, named);
  const shown = rows.slice(0, options.maxRows ?? 200);
  const digits = columns.map((column, place) =>
    shown.some((row) => isFraction(row[place]))
      ? ((typeof options.digits === 'object' ? options.digits[column] : options.digits) ?? 4)
      : 0,
  );
  return {
    name: 'table',
    title: options.caption ?? '',
    columns: columns.map((title, place) => ({ title, align: isNumeric(shown, place) ? 'right' : 'left' })),
    rows: shown.map((row) =>
      row.map((cell, place) => ({ text: place < names ? String(cell) : cellText(cell, digits[place]!) })),
    ),
    notes: [...notes, ...(rows.length > shown.length ? [`${shown.length} of ${rows.length} rows`] : [])],
  };
}

function isNumeric(rows: readonly (readonly unknown[])[], place: number): boolean {
  const present = rows.map((row) => row[place]).filter((value) => value !== null && value !== undefined);
  return present.length > 0 && present.every((value) => typeof value === 'number' || typeof value === 'bigint');
}

function isFraction(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && !Number.isInteger(value);
}

/** As in the tables of records, whose module would load much that a table of rows does not need. */
const missing = '–';

function cellText(value: unknown, digits: number): string {
  if (value === null || value === undefined) return missing;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '−∞';
    // A number that its decimals would show as 0, or too large for them, keeps its leading digits.
    const size = Math.abs(value);
    if (size !== 0 && (size < 0.5 * 10 ** -digits || size >= 1e15)) return value.toExponential(2);
    return value.toFixed(digits);
  }
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** How a table of a cell's last value is shown. */
export interface ViewOptions extends TableOptions {
  /** Show the names of a frame's rows also when they only count, as pandas does. Default false. */
  rowNames?: boolean;
}

/** The table as HTML that reads the same where scripts and styles are stripped. */
export function tableHtml(source: TableSource, options: ViewOptions = {}): string {
  const html = exportTable(tableOf(source, options, options.rowNames === true), 'html');
  return html.replace(/<caption[^<>]*><\/caption>\n/, '');
}

/** The table as plain text with aligned columns. */
export function tableText(source: TableSource, options: ViewOptions = {}): string {
  return exportTable(tableOf(source, options, options.rowNames === true), 'text').trim();
}
