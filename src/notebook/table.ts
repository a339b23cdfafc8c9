/** Tables for notebooks: one description as HTML that reads well where scripts and styles are stripped, and as text. */
import { escapeHtml } from '../reports/html';

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

interface Grid {
  columns: string[];
  cells: string[][]; // [rows, columns]
  /** Per column: holds numbers, hence right-aligned. */
  numeric: boolean[];
  note: string | null;
}

/** Whether a value is a danfo.js DataFrame. */
export function isFrame(value: unknown): value is FrameLike {
  if (typeof value !== 'object' || value === null) return false;
  const { columns, values, shape } = value as Partial<FrameLike> & { shape?: unknown };
  return Array.isArray(columns) && Array.isArray(values) && Array.isArray(shape) && shape.length === 2;
}

function gridOf(source: readonly Row[] | FrameLike, options: TableOptions): Grid {
  const rows = isFrame(source) ? frameRows(source) : (source as readonly Row[]);
  const columns = options.columns ?? [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const shown = rows.slice(0, options.maxRows ?? 200);
  const digits = (column: string) =>
    (typeof options.digits === 'object' ? options.digits[column] : options.digits) ?? 4;
  const numeric = columns.map((column) => {
    const present = shown.map((row) => row[column]).filter((value) => value !== null && value !== undefined);
    return present.length > 0 && present.every((value) => typeof value === 'number' || typeof value === 'bigint');
  });
  const whole = columns.map((column) => shown.every((row) => !isFraction(row[column])));
  const cells = shown.map((row) => columns.map((column, c) => cellText(row[column], whole[c] ? 0 : digits(column))));
  const note = rows.length > shown.length ? `${shown.length} of ${rows.length} rows` : null;
  return { columns, cells, numeric, note };
}

function frameRows({ columns, values }: FrameLike): Row[] {
  return (values as unknown[][]).map((row) => Object.fromEntries(columns.map((column, c) => [column, row[c]])));
}

function isFraction(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && !Number.isInteger(value);
}

function cellText(value: unknown, digits: number): string {
  if (value === null || value === undefined) return '—';
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '−∞';
    // A number that its decimals would show as 0, or too large for them, keeps its leading digits.
    const size = Math.abs(value);
    if (size !== 0 && (size < 0.5 * 10 ** -digits || size >= 1e15)) return value.toExponential(2);
    return value.toFixed(digits);
  }
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The table as HTML: a caption, header cells, alignment; nothing that a sanitiser removes matters for reading. */
export function tableHtml(source: readonly Row[] | FrameLike, options: TableOptions = {}): string {
  const { columns, cells, numeric, note } = gridOf(source, options);
  const align = (c: number) => ` style="text-align:${numeric[c] ? 'right' : 'left'}"`;
  const head = columns.map((column, c) => `<th scope="col"${align(c)}>${escapeHtml(column)}</th>`).join('');
  const body = cells.map(
    (row) => `<tr>${row.map((text, c) => `<td${align(c)}>${escapeHtml(text)}</td>`).join('')}</tr>`,
  );
  const parts = ['<table>'];
  if (options.caption) parts.push(`<caption style="text-align:left">${escapeHtml(options.caption)}</caption>`);
  parts.push(`<thead><tr>${head}</tr></thead>`, '<tbody>', ...body, '</tbody>', '</table>');
  if (note) parts.push(`<p>${note}</p>`);
  return parts.join('\n');
}

/** The table as plain text with aligned columns. */
export function tableText(source: readonly Row[] | FrameLike, options: TableOptions = {}): string {
  const { columns, cells, numeric, note } = gridOf(source, options);
  const widths = columns.map((column, c) => Math.max(column.length, ...cells.map((row) => row[c]!.length)));
  const line = (texts: string[]) =>
    texts
      .map((text, c) => (numeric[c] ? text.padStart(widths[c]!) : text.padEnd(widths[c]!)))
      .join('  ')
      .trimEnd();
  const lines = [line(columns), widths.map((width) => '-'.repeat(width)).join('  '), ...cells.map(line)];
  if (options.caption) lines.unshift(options.caption);
  if (note) lines.push(note);
  return lines.join('\n');
}
