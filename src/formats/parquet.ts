/**
 * Parquet files, as the Hugging Face hub stores data sets: columns and rows, and the class names that the hub's own
 * `datasets` library writes beside them. Decoded by hyparquet.
 */
import { messageOf, UserError } from '../errors';

export interface ParquetRows {
  readonly columns: readonly string[];
  /** [row][column]; integers are numbers, or texts beyond 2⁵³. */
  readonly rows: readonly (readonly unknown[])[];
  /** Names of the classes that a column's integers stand for. */
  readonly classNames: ReadonlyMap<string, readonly string[]>;
}

/** More rows than any set that fits the memory; a small hostile file can claim billions. */
const MAX_ROWS = 20_000_000;

/** `bigint` to number (to text beyond 2⁵³), inside lists and structs too. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object' || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** ClassLabel features in the metadata under the key `huggingface`; none when it is missing or of another form. */
function classNamesOf(text: string | undefined): Map<string, readonly string[]> {
  const names = new Map<string, readonly string[]>();
  let parsed: unknown;
  try {
    parsed = JSON.parse(text ?? 'null');
  } catch {
    return names;
  }
  const info = isRecord(parsed) ? parsed.info : null;
  const features = isRecord(info) ? info.features : null;
  if (!isRecord(features)) return names;
  for (const [column, feature] of Object.entries(features)) {
    if (!isRecord(feature) || feature._type !== 'ClassLabel' || !Array.isArray(feature.names)) continue;
    if (feature.names.every((name) => typeof name === 'string')) names.set(column, feature.names);
  }
  return names;
}

/**
 * Decodes a whole Parquet file (all codecs but LZO).
 * @param source name of the file for error messages.
 * @throws UserError when it is not Parquet, is damaged, or claims more than 20 million rows.
 */
export async function parquetRows(bytes: Uint8Array, source: string): Promise<ParquetRows> {
  const bad = (what: string, cause?: unknown) =>
    new UserError(`${source} cannot be read as Parquet: ${what}; fetch the file again.`, { cause });
  // a copy of its own: what readFile returns may lie in a shared pool
  const buffer = new Uint8Array(bytes).buffer;
  const { parquetMetadata, parquetRead } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  try {
    const metadata = parquetMetadata(buffer);
    if (metadata.num_rows > MAX_ROWS) throw new Error(`it claims ${metadata.num_rows} rows, more than ${MAX_ROWS}`);
    const columns: string[] = [];
    const { schema } = metadata;
    for (let i = 1, left = schema[0].num_children ?? 0; left > 0 && i < schema.length; left--) {
      columns.push(schema[i].name);
      let inside = 1; // step over the column and what is nested in it
      while (inside > 0 && i < schema.length) inside += (schema[i++].num_children ?? 0) - 1;
    }
    let rows: unknown[][] = [];
    await parquetRead({
      file: { byteLength: buffer.byteLength, slice: (start, end) => buffer.slice(start, end) },
      metadata,
      columns,
      compressors,
      utf8: false, // bytes without the mark of text are a picture or the like
      parsers: { stringFromBytes: (text) => text && new TextDecoder('utf-8', { fatal: true }).decode(text) },
      onComplete: (found) => {
        rows = found.map((row) => columns.map((_, i) => plain(row[i])));
      },
    });
    if (rows.length !== Number(metadata.num_rows)) {
      throw new Error(`it promises ${metadata.num_rows} rows and holds ${rows.length}`);
    }
    const noted = metadata.key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
    return { columns, rows, classNames: classNamesOf(noted) };
  } catch (error) {
    throw bad(messageOf(error), error);
  }
}
