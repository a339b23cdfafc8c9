/** Tables as text: JSON lines, tab-separated values without quotes, and comma-separated values (RFC 4180). */
import { messageOf, UserError } from '../errors';

/** A row and the line of the file that it begins in, from 1. */
export interface Placed<T> {
  readonly line: number;
  readonly value: T;
}

/** Lines without their ends (LF or CRLF); a line end at the end of the text makes no further line. */
export function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/**
 * Parses JSON lines; blank lines are skipped.
 * @param source name of the file for error messages.
 * @returns one object a line, with its line.
 * @throws UserError naming the line that is not a JSON object.
 */
export function jsonlRows(text: string, source: string): Placed<Record<string, unknown>>[] {
  const rows: Placed<Record<string, unknown>>[] = [];
  linesOf(text).forEach((line, i) => {
    if (line.trim() === '') return;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (error) {
      throw new UserError(`${source}:${i + 1}: not JSON (${messageOf(error)})`, { cause: error });
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new UserError(`${source}:${i + 1}: expected a JSON object`);
    }
    rows.push({ line: i + 1, value: value as Record<string, unknown> });
  });
  return rows;
}

/** As `jsonlRows`, without the lines. */
export function parseJsonl(text: string, source: string): Record<string, unknown>[] {
  return jsonlRows(text, source).map(({ value }) => value);
}

/**
 * Parses tab-separated values, in which a quote is a character as any other (as in GLUE); blank lines are skipped.
 * @param columns how many fields every line must have; left out, as many as the first line.
 * @throws UserError naming the line with another number of fields.
 */
export function tsvRows(text: string, source: string, columns?: number): Placed<string[]>[] {
  const rows: Placed<string[]>[] = [];
  linesOf(text).forEach((line, i) => {
    if (line === '') return;
    const value = line.split('\t');
    const expected = columns ?? rows[0]?.value.length ?? value.length;
    if (value.length !== expected) {
      throw new UserError(`${source}:${i + 1}: expected ${expected} tab-separated fields, found ${value.length}`);
    }
    rows.push({ line: i + 1, value });
  });
  return rows;
}

/** As `tsvRows`, without the lines. */
export function parseTsv(text: string, source: string, columns: number): string[][] {
  return tsvRows(text, source, columns).map(({ value }) => value);
}

/** What an unquoted field ends at. */
const PLAIN = /[^",\t\r\n]*/y;

/**
 * Parses RFC 4180 comma-separated values: quoted fields may hold separators, line ends and doubled quotes. Time is
 * linear in the text.
 * @param separator a tab for quoted tab-separated values.
 * @returns all rows, the header among them; every row has as many fields as the first. Blank lines are skipped.
 * @throws UserError naming the line with a stray quote or another number of fields.
 */
export function csvRows(text: string, source: string, separator: ',' | '\t' = ','): Placed<string[]>[] {
  const rows: Placed<string[]>[] = [];
  let line = 1;
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0;

  /** Steps over LF or CRLF; false when there is neither here. */
  function lineEnd(): boolean {
    const length = text[at] === '\n' ? 1 : text.startsWith('\r\n', at) ? 2 : 0;
    at += length;
    if (length > 0) line++;
    return length > 0;
  }

  /** The field that opens with the quote at `at`. */
  function quoted(): string {
    const opened = line;
    let field = '';
    for (let from = at + 1; ; from = at + 1) {
      const close = text.indexOf('"', from);
      if (close < 0) throw new UserError(`${source}:${opened}: a quote that is not closed`);
      for (let i = from; i < close; i++) if (text[i] === '\n') line++;
      field += text.slice(from, close);
      at = close + 1;
      if (text[at] !== '"') return field;
      field += '"';
    }
  }

  function plain(): string {
    let field = '';
    for (;;) {
      PLAIN.lastIndex = at;
      field += PLAIN.exec(text)?.[0] ?? '';
      at = PLAIN.lastIndex;
      // the other separator is a character as any other
      if (text[at] !== (separator === ',' ? '\t' : ',')) return field;
      field += text[at++];
    }
  }

  /** Why a field does not end at `at`. */
  function fault(): string {
    if (text[at] === '\r') return 'a carriage return without a line feed';
    return text[at] === '"'
      ? 'a quote inside an unquoted field'
      : 'a quoted field that goes on after its closing quote';
  }

  while (at < text.length) {
    if (lineEnd()) continue;
    const value: string[] = [];
    const first = line;
    for (;;) {
      value.push(text[at] === '"' ? quoted() : plain());
      if (text[at] === separator) at++;
      else if (at >= text.length || lineEnd()) break;
      else {
        throw new UserError(
          `${source}:${line}: ${fault()}; put the whole field in quotes and double the quotes inside it`,
        );
      }
    }
    const expected = rows[0]?.value.length ?? value.length;
    if (value.length !== expected) {
      const by = separator === ',' ? 'comma' : 'tab';
      throw new UserError(`${source}:${first}: expected ${expected} ${by}-separated fields, found ${value.length}`);
    }
    rows.push({ line: first, value });
  }
  return rows;
}

/** As `csvRows`, without the lines. */
export function parseCsv(text: string, source: string): string[][] {
  return csvRows(text, source).map(({ value }) => value);
}

/**
 * Rows under the names of their header.
 * @throws UserError when a wanted column is not in the header.
 */
export function csvRecords(
  rows: readonly string[][],
  source: string,
  wanted: readonly string[],
): Record<string, string>[] {
  const header = rows[0] ?? [];
  const missing = wanted.find((name) => !header.includes(name));
  if (missing !== undefined) throw new UserError(`${source}:1: no column "${missing}" among "${header.join('", "')}"`);
  const columns = wanted.map((name) => [name, header.indexOf(name)] as const);
  return rows.slice(1).map((row) => Object.fromEntries(columns.map(([name, i]) => [name, row[i]])));
}
