/** A progress line that is rewritten in place: an updated output in a notebook, a carriage return on a terminal. */
import { inNotebook, publishInPlace } from './publish';

export interface Progress {
  /** Shows that `done` of the total are behind us. Drawn at most every `intervalMs`, and always at the total. */
  update(done: number, note?: string): void;
  /** Shows the last state and the time taken; later updates are ignored. */
  finish(note?: string): void;
}

/**
 * Starts a progress line of `total` steps.
 * Off a notebook and a terminal (a log file) nothing is shown.
 */
export function showProgress(total: number, label = '', options: { intervalMs?: number } = {}): Progress {
  const { intervalMs = 200 } = options;
  const draw = inNotebook() ? inPlace() : process.stderr.isTTY ? onTerminal : () => {};
  const start = Date.now();
  let drawn = 0;
  let done = 0;
  let finished = false;
  const show = (note: string | undefined, last: boolean) => {
    const seconds = (Date.now() - start) / 1000;
    draw(progressLine({ label, done, total, seconds, note, last }), last);
    drawn = Date.now();
  };
  show(undefined, false);
  return {
    update(now, note) {
      if (finished) return;
      done = now;
      if (done >= total || Date.now() - drawn >= intervalMs) show(note, false);
    },
    finish(note) {
      if (finished) return;
      finished = true;
      show(note, true);
    },
  };
}

interface State {
  label: string;
  done: number;
  total: number;
  seconds: number;
  note: string | undefined;
  last: boolean;
}

/** `label  ████░░░░  12/40  0:12, 0:28 left  note`; the remaining time assumes steps of equal length. */
export function progressLine({ label, done, total, seconds, note, last }: State): string {
  const share = total > 0 ? Math.min(1, Math.max(0, done / total)) : 1;
  const filled = Math.round(share * 20);
  const left = !last && share > 0 && share < 1 ? `, ${clock((seconds / share) * (1 - share))} left` : '';
  const parts = [label, '█'.repeat(filled) + '░'.repeat(20 - filled), `${done}/${total}`, clock(seconds) + left];
  return [...parts, note].filter(Boolean).join('  ');
}

function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (n: number) => String(n).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

function inPlace(): (line: string) => void {
  const replace = publishInPlace();
  return (line) => replace({ 'text/plain': line });
}

function onTerminal(line: string, last: boolean): void {
  process.stderr.write(`\r\x1b[K${line}${last ? '\n' : ''}`);
}
