/** Tables for notebooks: one description as HTML that reads well where scripts and styles are stripped, and as text. */
import { exportTable } from '../reports/export';
import type { Table } from '../reports/table';

/** One row; a missing key is an empty cell. */
export type Row = Record<string, unknown>;

/** What the display needs of a danfo.js DataFrame. */
export interface FrameLike {
  columns: string[];
  values: unknown[] | unknown[][];
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

/** Whether a value is a danfo.js DataFrame. */
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

function tableOf(source: TableSource, options: TableOptions): Table {
  if (isTable(source)) return source;
  const rows = isFrame(source) ? frameRows(source) : (source as readonly Row[]);
  const columns = options.columns ?? [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const shown = rows.slice(0, options.maxRows ?? 200);
  const digits = (column: string) =>
    shown.every((row) => !isFraction(row[column]))
      ? 0
      : ((typeof options.digits === 'object' ? options.digits[column] : options.digits) ?? 4);
  return {
    name: 'table',
    title: options.caption ?? '',
    columns: columns.map((column) => ({ title: column, align: isNumeric(shown, column) ? 'right' : 'left' })),
    rows: shown.map((row) => columns.map((column) => ({ text: cellText(row[column], digits(column)) }))),
    notes: rows.length > shown.length ? [`${shown.length} of ${rows.length} rows`] : [],
  };
}

function isNumeric(rows: readonly Row[], column: string): boolean {
  const present = rows.map((row) => row[column]).filter((value) => value !== null && value !== undefined);
  return present.length > 0 && present.every((value) => typeof value === 'number' || typeof value === 'bigint');
}

function frameRows({ columns, values }: FrameLike): Row[] {
  return (values as unknown[][]).map((row) => Object.fromEntries(columns.map((column, c) => [column, row[c]])));
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

/** The table as HTML that reads the same where scripts and styles are stripped. */
export function tableHtml(source: TableSource, options: TableOptions = {}): string {
  return exportTable(tableOf(source, options), 'html').replace(/<caption[^>]*><\/caption>\n/, '');
}

/** The table as plain text with aligned columns. */
export function tableText(source: TableSource, options: TableOptions = {}): string {
  return exportTable(tableOf(source, options), 'text').trim();
}
