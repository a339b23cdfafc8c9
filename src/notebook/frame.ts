/** Tables of the notebook as danfo.js DataFrames, for display and joins. Statistics are the kit's own, in float64. */
import type { DataFrame } from 'danfojs-node';
import type { Row } from './table';

/**
 * A danfo.js DataFrame of rows; columns in order of first appearance, missing values null.
 * danfo.js computes in float32 and is loaded at the first call.
 */
export function toFrame(rows: readonly Row[]): DataFrame {
  const danfo = require('danfojs-node') as typeof import('danfojs-node');
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return new danfo.DataFrame(
    rows.map((row) => columns.map((column) => row[column] ?? null)),
    { columns },
  );
}
