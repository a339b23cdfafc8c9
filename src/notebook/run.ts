/**
 * Runs a notebook without Jupyter or Python: its cells go through tslab in a process of their own, the outputs into the
 * file. Shares the kernel's session, hence its behaviour.
 */
import { readFileSync, realpathSync } from 'node:fs';
import * as path from 'node:path';
import { UserError } from '../errors';
import { checkWritable } from '../formats/atomic';
import { CellProcess } from './cell-process';
import type { CellError } from './events';
import { foreignKernel, kernelspecMetadata } from './kernelspec';
import { type CodeCell, joined, type Notebook, parseNotebook, readNotebookText, writeNotebook } from './nbformat';
import { OutputFolder } from './outputs';

export interface RunNotebookOptions {
  /** Where the executed notebook is written. Default: over the original. */
  out?: string | undefined;
  /** Seconds that one cell may take. Default: no limit. */
  timeoutS?: number | undefined;
  /** Variables added to the environment of the cells, for instance `{ GORA_QUICK: '1' }`. */
  env?: Record<string, string> | undefined;
  /** Called after each code cell. */
  onCell?: ((report: CellReport) => void) | undefined;
  /** Interrupts the running cell and ends the run when aborted; what was finished is written. */
  signal?: AbortSignal | undefined;
}

export interface CellReport {
  /** Place among the code cells, from 1; also the cell's execution count. */
  number: number;
  total: number;
  id: string;
  /** Line 1 of the cell. */
  title: string;
  seconds: number;
  error: CellError | null;
}

export interface NotebookResult {
  ok: boolean;
  /** The signal ended the run. */
  cancelled: boolean;
  /**
   * The file written: the one asked for, or one beside it when somebody changed that while the cells ran. Null when the
   * run was cancelled before a cell of it had finished: the file is then what it was.
   */
  file: string | null;
  /** Code cells that ran, the failed or interrupted one included. */
  executed: number;
  seconds: number;
  /** The cell at which the run stopped. */
  failure: (CellError & { number: number; id: string; title: string }) | null;
}

/**
 * Runs all code cells in order in the notebook's folder, up to the first error, and writes the notebook with its outputs,
 * whole or not at all: until then the file is what it was. Outputs of an earlier run are removed, also from cells that a
 * failed run did not reach; those that a cancelled run did not reach keep them and lose their count. A cell with the tag
 * `raises-exception` may fail.
 * @throws UserError, before anything runs, when the file is no notebook or one for another kernel, or the output cannot be
 * written.
 */
export async function runNotebook(file: string, options: RunNotebookOptions = {}): Promise<NotebookResult> {
  const text = readNotebookText(file);
  const notebook = parseNotebook(text, file);
  const foreign = foreignKernel(notebook.metadata);
  if (foreign !== null) {
    throw new UserError(
      `${file} is for another kernel (metadata: ${foreign}), its cells are not TypeScript. ` +
        `If they are, choose the kernel "${kernelspecMetadata.display_name}" in Jupyter and save it`,
    );
  }
  const original = realpathSync(file); // a link stays one
  const out = options.out === undefined ? original : path.resolve(options.out);
  checkWritable(out);
  const started = Date.now();
  const cells = notebook.cells.filter((cell): cell is CodeCell => cell.cell_type === 'code');
  const runnable = cells.filter((cell) => joined(cell.source).trim() !== '');
  const { signal } = options;
  const worker = await CellProcess.start(path.dirname(original), options.env ?? {}).catch((error) => {
    if (signal?.aborted) return null; // a Ctrl-C reaches the process too
    throw error;
  });
  if (worker === null) {
    const seconds = (Date.now() - started) / 1000;
    return { ok: false, cancelled: true, file: null, executed: 0, seconds, failure: null };
  }
  const interrupt = () => worker.interrupt();
  signal?.addEventListener('abort', interrupt);
  let failure: NotebookResult['failure'] = null;
  let executed = 0;
  let finished = 0;
  const folder = new OutputFolder();
  try {
    for (const cell of runnable) {
      if (signal?.aborted) break;
      const report = await runCell(worker, folder, cell, executed + 1, runnable.length, options.timeoutS);
      executed++;
      options.onCell?.(report);
      const allowed = Array.isArray(cell.metadata.tags) && cell.metadata.tags.includes('raises-exception');
      if (report.error && (signal?.aborted || !(allowed && worker.alive))) {
        failure = { ...report.error, number: report.number, id: report.id, title: report.title };
        break;
      }
      finished++;
    }
  } finally {
    signal?.removeEventListener('abort', interrupt);
    await worker.stop();
  }
  folder.settle();
  const cancelled = signal?.aborted === true && finished < runnable.length;
  for (const cell of cells.filter((one) => !runnable.includes(one) || runnable.indexOf(one) >= executed)) {
    Object.assign(cell, { execution_count: null, ...(cancelled ? {} : { outputs: [] }) });
  }
  const result = { cancelled, executed, seconds: (Date.now() - started) / 1000, failure };
  if (cancelled && finished === 0) return { ok: false, file: null, ...result };
  const written = out === original && changed(original, text) ? beside(original) : out;
  writeNotebook(written, { ...notebook, metadata: metadataOf(notebook, worker.languageInfo) });
  return { ok: failure === null && !cancelled, file: written, ...result };
}

/** Whether a file no longer holds a text: somebody saved another one, which is not to be lost. */
function changed(file: string, text: string): boolean {
  try {
    return readFileSync(file, 'utf8') !== text;
  } catch {
    return false; // it is gone: there is nothing to lose
  }
}

/** `name.executed.ipynb` beside `name.ipynb`. */
function beside(file: string): string {
  const { dir, name, ext } = path.parse(file);
  return path.join(dir, `${name}.executed${ext}`);
}

async function runCell(
  worker: CellProcess,
  folder: OutputFolder,
  cell: CodeCell,
  number: number,
  total: number,
  timeoutS: number | undefined,
): Promise<CellReport> {
  const started = Date.now();
  const source = joined(cell.source);
  Object.assign(cell, { outputs: [], execution_count: number });
  const error = await worker.execute(source, (event) => folder.add(cell.outputs, event, number), timeoutS);
  const title = source.trim().split('\n')[0]!.slice(0, 80);
  return { number, total, id: cell.id, title, seconds: (Date.now() - started) / 1000, error };
}

function metadataOf(notebook: Notebook, languageInfo: object): Record<string, unknown> {
  return { ...notebook.metadata, kernelspec: kernelspecMetadata, language_info: languageInfo };
}
