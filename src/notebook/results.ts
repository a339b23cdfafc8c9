/** The forms in which the value of a cell's last expression is shown. */
import { inspect } from 'node:util';
import type { MimeBundle } from './events';
import { clipped } from './limit';
import { isFrame, tableHtml, tableText } from './table';

/** Plain text for any value, and beside it for a danfo.js DataFrame or Series an HTML table with the rows' names. */
export function resultBundle(value: unknown): MimeBundle {
  if (isFrame(value)) {
    const options = { rowNames: true };
    return { 'text/html': tableHtml(value, options), 'text/plain': tableText(value, options) };
  }
  return { 'text/plain': clipped(inspect(value)) };
}
