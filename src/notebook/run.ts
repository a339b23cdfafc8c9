/**
 * Runs a notebook without Jupyter or Python: its cells go through tslab in a process of their own, the outputs into the
 * file. Shares the kernel's session, hence its behaviour.
 */
import { existsSync } from 'node:fs';
import * as path from 'node:path';
import { UserError } from '../errors';
import { CellProcess } from './cell-process';
import type { CellError } from './events';
import { kernelspecMetadata } from './kernelspec';
import { type CodeCell, joined, type Notebook, readNotebook, writeNotebook } from './nbformat';
import { OutputFolder, withoutRewrites } from './outputs';

export interface RunNotebookOptions {
  /** Where the executed notebook is written. Default: over the original. */
  out?: string | undefined;
  /** Seconds that one cell may take. Default: no limit. */
  timeoutS?: number | undefined;
  /** Variables added to the environment of the cells, for instance `{ GORA_QUICK: '1' }`. */
  env?: Record<string, string> | undefined;
  /** Called after each code cell. */
  onCell?: ((report: CellReport) => void) | undefined;
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
  /** The file written. */
  file: string;
  /** Code cells that ran, the failed one included. */
  executed: number;
  seconds: number;
  /** The cell at which the run stopped. */
  failure: (CellError & { number: number; id: string; title: string }) | null;
}

/**
 * Runs all code cells in order in the notebook's folder, up to the first error, and writes the notebook with its outputs.
 * Outputs of an earlier run are removed, also from cells that the run did not reach. A cell with the tag
 * `raises-exception` may fail.
 * @throws UserError when the file is not a notebook, or the output folder does not exist.
 */
export async function runNotebook(file: string, options: RunNotebookOptions = {}): Promise<NotebookResult> {
  const notebook = readNotebook(file);
  const out = path.resolve(options.out ?? file);
  if (!existsSync(path.dirname(out))) throw new UserError(`cannot write ${out}: its folder does not exist`);
  const started = Date.now();
  const cells = notebook.cells.filter((cell): cell is CodeCell => cell.cell_type === 'code');
  for (const cell of cells) Object.assign(cell, { outputs: [], execution_count: null });
  const runnable = cells.filter((cell) => joined(cell.source).trim() !== '');
  const worker = await CellProcess.start(path.dirname(path.resolve(file)), options.env ?? {});
  let failure: NotebookResult['failure'] = null;
  let executed = 0;
  try {
    const folder = new OutputFolder();
    for (const cell of runnable) {
      const report = await runCell(worker, folder, cell, executed + 1, runnable.length, options.timeoutS);
      executed++;
      options.onCell?.(report);
      const allowed = Array.isArray(cell.metadata.tags) && cell.metadata.tags.includes('raises-exception');
      if (report.error && !(allowed && worker.alive)) {
        failure = { ...report.error, number: report.number, id: report.id, title: report.title };
        break;
      }
    }
  } finally {
    await worker.stop();
  }
  for (const cell of cells) cell.outputs = withoutRewrites(cell.outputs);
  writeNotebook(out, { ...notebook, metadata: metadataOf(notebook, worker.languageInfo) });
  return { ok: failure === null, file: out, executed, seconds: (Date.now() - started) / 1000, failure };
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
  cell.execution_count = number;
  const error = await worker.execute(source, (event) => folder.add(cell.outputs, event, number), timeoutS);
  const title = source.trim().split('\n')[0]!.slice(0, 80);
  return { number, total, id: cell.id, title, seconds: (Date.now() - started) / 1000, error };
}

function metadataOf(notebook: Notebook, languageInfo: object): Record<string, unknown> {
  return { ...notebook.metadata, kernelspec: kernelspecMetadata, language_info: languageInfo };
}
