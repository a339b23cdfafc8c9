/** What every benchmark shares: where it ran, medians, and files that hold environment and raw samples. */
import { join, resolve } from 'node:path';
import { environmentOf } from '../src/experiments/environment';
import { writeFileAtomic } from '../src/formats/atomic';
import { startBackend } from '../src/tensor/backend';

export const root = resolve(__dirname, '..');

/** Where results go unless `--out` says otherwise. */
export const RESULTS = join(root, 'results', 'bench');

const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);
export const median = (values: readonly number[]): number => sorted(values)[values.length >> 1];

/** Slope of log y over log x by least squares: the power that y grows with. */
export function logSlope(points: readonly (readonly [x: number, y: number])[]): number {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)]);
  const mean = (k: 0 | 1) => logs.reduce((sum, log) => sum + log[k], 0) / logs.length;
  const [mx, my] = [mean(0), mean(1)];
  const product = logs.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0);
  return product / logs.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
}

/** A table in Markdown; the first `left` columns are aligned left. */
export function markdown(
  columns: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  left = 1,
): string[] {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [line(columns), `|${columns.map((_, i) => (i < left ? '---' : '---:')).join('|')}|`, ...rows.map(line)];
}

/** Writes `<folder>/<name>.json` with the environment and all samples, and `<name>.md` with the text. */
export async function report(folder: string, name: string, facts: object, text: readonly string[]): Promise<void> {
  const environment = environmentOf(await startBackend());
  const whole = { benchmark: name, date: new Date().toISOString(), environment, ...facts };
  writeFileAtomic(join(folder, `${name}.json`), `${JSON.stringify(whole, null, 1)}\n`);
  const where = `${environment.cpu}, ${environment.threads} threads, TensorFlow ${environment.tensorflow}`;
  writeFileAtomic(join(folder, `${name}.md`), `${[`Ran on ${where}.`, '', ...text].join('\n')}\n`);
  console.log(text.join('\n'));
}
