/** What is said of a transfer: its size before, its progress, its troubles; and plain lines of them for a terminal or a log. */

/** What is about to come, before the first byte. */
export interface TransferPlan {
  /** Name of the model or data set. */
  readonly name: string;
  readonly files: number;
  /** Bytes to bring; what an earlier try left is counted in. */
  readonly bytes: number;
  /** Where it comes from and where it goes. */
  readonly from: string;
  readonly to: string;
}

/** How far a transfer is. */
export interface TransferProgress {
  readonly name: string;
  /** The file that is on its way. */
  readonly file: string;
  /** Bytes of the whole transfer, all files together. */
  readonly done: number;
  readonly total: number;
}

/** Who is told. */
export interface TransferListeners {
  readonly onPlan?: (plan: TransferPlan) => void;
  readonly onProgress?: (progress: TransferProgress) => void;
  /** A line for a person: a new try, a fall back. */
  readonly onNote?: (line: string) => void;
}

/** Bytes as people write them: 612 bytes, 83.5 MB, 2.1 GB (powers of 1000). */
export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  const [unit, size] = (
    [
      ['GB', 1e9],
      ['MB', 1e6],
      ['kB', 1e3],
    ] as const
  ).find(([, size]) => bytes >= size * 0.99995) ?? ['kB', 1e3];
  return `${(bytes / size).toFixed(1)} ${unit}`;
}

/** Between lines of a log. */
const LOG_MS = 5000;
/** Between redrawn lines of a terminal. */
const TERMINAL_MS = 100;

/** Listeners that write plain lines: one line redrawn on a terminal, one every five seconds elsewhere. */
export function transferLines(
  stream: Pick<NodeJS.WriteStream, 'write' | 'isTTY'> & { readonly columns?: number } = process.stderr,
): Required<TransferListeners> {
  let open = false;
  let last = Number.NEGATIVE_INFINITY;
  let started = 0;
  let first = 0;
  let finished = false;
  const line = (text: string) => {
    if (open) stream.write('\n');
    open = false;
    stream.write(`${text}\n`);
  };
  return {
    onPlan: ({ name, files, bytes, from, to }) => {
      // in a log the plan is the first word, the next comes when there is something to tell
      last = stream.isTTY ? Number.NEGATIVE_INFINITY : performance.now();
      started = 0;
      finished = false;
      line(`${name}: ${bytesText(bytes)} in ${files} file${files === 1 ? '' : 's'} from ${from} to ${to}`);
    },
    onNote: line,
    onProgress: ({ name, file, done, total }) => {
      const now = performance.now();
      // the speed is that of this run: what was there before did not come now
      if (started === 0) [started, first] = [now, done];
      const whole = done >= total;
      // the end is told once, however often it is reached
      if (whole && finished) return;
      finished = whole;
      if (now - last < (stream.isTTY ? TERMINAL_MS : LOG_MS) && !whole) return;
      last = now;
      const seconds = (now - started) / 1000;
      const speed = seconds > 0.5 ? `  ${bytesText(Math.round((done - first) / seconds))}/s` : '';
      const share = total > 0 ? Math.floor((100 * done) / total) : 100;
      const text = `${name}  ${bytesText(done)} of ${bytesText(total)} (${share} %)${speed}  ${file}`;
      if (!stream.isTTY) return line(text);
      // a line that wraps could not be redrawn
      stream.write(`\r\x1b[2K${text.slice(0, (stream.columns || 80) - 1)}`);
      open = true;
      if (whole) {
        stream.write('\n');
        open = false;
      }
    },
  };
}
