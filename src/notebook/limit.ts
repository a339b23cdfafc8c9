/** A cap on what a cell prints: a notebook with 60 MB of text is of use to nobody, and opens in no browser. */
import type { CellError } from './events';

/** Characters of stdout, and as many of stderr, that one cell may show. */
export const outputLimit = 1_000_000;

/** Characters of an error's message or of a result's text. */
const textLimit = 100_000;

type Name = 'stdout' | 'stderr';

/** Counts what stands there: a progress line that is written over and over counts once. */
interface Count {
  /** Characters of finished lines. */
  lines: number;
  /** Characters of the last line, and how far its present rewriting has come. */
  last: number;
  at: number;
  cut: boolean;
}

const noCount = (): Count => ({ lines: 0, last: 0, at: 0, cut: false });

export class OutputLimit {
  private counts = { stdout: noCount(), stderr: noCount() };

  /** Begins another cell. */
  reset(): void {
    this.counts = { stdout: noCount(), stderr: noCount() };
  }

  /** What of the text may be shown: all of it, its beginning and a note where the cap is reached, nothing after that. */
  pass(name: Name, text: string): string {
    const count = this.counts[name];
    if (count.cut) return '';
    for (let from = 0; from < text.length; ) {
      const end = nextBreak(text, from);
      const room = Math.max(0, outputLimit - count.lines - count.at);
      if (end - from > room || count.lines > outputLimit) {
        count.cut = true;
        const most = outputLimit.toLocaleString('en');
        return `${whole(text.slice(0, from + room))}\n[${name} is cut here: a cell shows ${most} characters of it at most]\n`;
      }
      count.at += end - from;
      count.last = Math.max(count.last, count.at);
      if (text[end] === '\n') {
        count.lines += count.last + 1;
        count.last = 0;
      }
      if (end < text.length) count.at = 0;
      from = end + 1;
    }
    return text;
  }
}

/** The place of the next end of a line or return to its beginning. */
function nextBreak(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 10 || code === 13) return i;
  }
  return text.length;
}

/** Text without half a character at its end. */
function whole(text: string): string {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last < 0xdc00 ? text.slice(0, -1) : text;
}

/** A text of a bearable length. */
export function clipped(text: string): string {
  if (text.length <= textLimit) return text;
  return `${whole(text.slice(0, textLimit))}… (${(text.length - textLimit).toLocaleString('en')} more characters)`;
}

/** An error whose message and traceback have a bearable length. */
export function clippedError(error: CellError): CellError {
  const traceback: string[] = [];
  let length = 0;
  for (const line of error.traceback) {
    if (length > textLimit) break;
    traceback.push(clipped(line));
    length += line.length;
  }
  return { ...error, evalue: clipped(error.evalue), traceback };
}
