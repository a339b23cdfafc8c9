/** The forms in which the value of a cell's last expression is shown. */
import { inspect } from 'node:util';
import type { MimeBundle } from './events';
import { isFrame, tableHtml, tableText } from './table';

/** Plain text for any value, and an HTML table beside it for a danfo.js DataFrame. */
export function resultBundle(value: unknown): MimeBundle {
  if (isFrame(value)) return { 'text/html': tableHtml(value), 'text/plain': tableText(value) };
  return { 'text/plain': inspect(value) };
}
