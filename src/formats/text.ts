/** Tables as text: JSON lines, tab-separated values without quotes, and comma-separated values (RFC 4180). */
import { messageOf, UserError } from '../errors';

/** Lines without their ends (LF or CRLF); a line end at the end of the text makes no further line. */
export function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/**
 * Parses JSON lines; blank lines are skipped.
 * @param source name of the file for error messages.
 * @returns one object a line.
 * @throws UserError naming the line that is not a JSON object.
 */
export function parseJsonl(text: string, source: string): Record<string, unknown>[] {
  const rows: Record<string, unknown>[] = [];
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
    rows.push(value as Record<string, unknown>);
  });
  return rows;
}

/**
 * Parses tab-separated values, in which a quote is a character as any other (as in GLUE); blank lines are skipped.
 * @param columns how many fields every line must have.
 * @throws UserError naming the line with another number of fields.
 */
export function parseTsv(text: string, source: string, columns: number): string[][] {
  const rows: string[][] = [];
  linesOf(text).forEach((line, i) => {
    if (line === '') return;
    const fields = line.split('\t');
    if (fields.length !== columns) {
      throw new UserError(`${source}:${i + 1}: expected ${columns} tab-separated fields, found ${fields.length}`);
    }
    rows.push(fields);
  });
  return rows;
}

const FIELD = /(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(,|\r?\n|$)/y;

const BLANK = /\r?\n/y;

/**
 * Parses RFC 4180 comma-separated values: quoted fields may hold commas, line ends and doubled quotes.
 * @returns all rows, the header among them; every row has as many fields as the first. Blank lines are skipped.
 * @throws UserError naming the line with a stray quote or another number of fields.
 */
export function parseCsv(text: string, source: string): string[][] {
  const rows: string[][] = [];
  let line = 1;
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  while (at < text.length) {
    BLANK.lastIndex = at;
    if (BLANK.test(text)) {
      at = BLANK.lastIndex;
      line++;
      continue;
    }
    const row: string[] = [];
    const first = line;
    for (let end = ','; end === ','; ) {
      FIELD.lastIndex = at;
      const match = FIELD.exec(text);
      if (!match) throw new UserError(`${source}:${line}: a quote that is not closed, or inside an unquoted field`);
      at = FIELD.lastIndex;
      end = match[3];
      row.push(match[1]?.replaceAll('""', '"') ?? match[2]);
      for (const character of match[0]) if (character === '\n') line++;
    }
    const expected = rows[0]?.length ?? row.length;
    if (row.length !== expected) {
      throw new UserError(`${source}:${first}: expected ${expected} comma-separated fields, found ${row.length}`);
    }
    rows.push(row);
  }
  return rows;
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
