/** `gora notebook run` and `gora notebook check`: the headless runner from the command line. */
import { realpathSync } from 'node:fs';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf, UserError } from '../errors';
import { kernelspecMetadata } from './kernelspec';
import { joined, type Notebook, type Output, readNotebook } from './nbformat';
import { runNotebook } from './run';

type ErrorOutput = Extract<Output, { output_type: 'error' }>;

export const notebookHelp = `Usage:
  gora notebook run FILE [--out FILE] [--timeout SECONDS]   run all cells, write the outputs into the notebook
  gora notebook check FILE...                               is it valid, and was it run from top to bottom?

Options of run:
  --out FILE          write the executed notebook there, leave the original alone
  --timeout SECONDS   the time one cell may take (default: no limit)

Needs no Jupyter and no Python. The run stops at the first error and exits with code 1. Ctrl-C interrupts the cell and
writes what was finished; a second one ends at once and writes nothing.
GORA_QUICK=1 in the environment asks notebooks for their small runs.
`;

/** Runs `gora notebook …`; `argv` is what follows `notebook`. Resolves to the exit code. @throws UserError on misuse. */
export async function runNotebookCommand(argv: string[]): Promise<number> {
  const [action, ...rest] = argv;
  if (action === undefined || action === '--help' || action === '-h' || rest.includes('--help')) {
    process.stdout.write(notebookHelp);
    return action === undefined ? 1 : 0;
  }
  if (action === 'run') return run(rest);
  if (action === 'check') return check(rest);
  throw new UserError(`unknown action "${action}" of gora notebook: expected run or check`);
}

async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parse(argv);
  const [file] = positionals;
  if (file === undefined || positionals.length > 1) {
    throw new UserError(`gora notebook run takes one notebook, got ${positionals.length}`);
  }
  const timeoutS = values.timeout === undefined ? undefined : Number(values.timeout);
  if (timeoutS !== undefined && !(timeoutS > 0 && timeoutS < 2 ** 31 / 1000)) {
    throw new UserError(`--timeout ${values.timeout}: expected seconds greater than 0`);
  }
  const { signal, code, release } = stopSignals();
  const result = await runNotebook(file, {
    out: values.out,
    timeoutS,
    signal,
    onCell: ({ number, total, title, seconds, error }) =>
      console.log(`[${number}/${total}] ${error ? 'failed' : 'ok'} ${seconds.toFixed(1)} s  ${title}`),
  }).finally(release);
  if (result.file === null) {
    console.error(`\nInterrupted before a cell had finished: ${file} is as it was.`);
    return code();
  }
  const written = path.relative(process.cwd(), result.file) || result.file;
  if (values.out === undefined && result.file !== realpathSync(file)) {
    console.error(`\n${file} was changed while its cells ran, and is left alone.`);
  }
  if (result.cancelled) {
    console.error(`\nInterrupted. Outputs of the cells that ran are in ${written}.`);
    return code();
  }
  if (result.failure) {
    const { number, id, title, traceback } = result.failure;
    console.error(`\nCell ${number} (id ${id}) of ${file} failed: ${title}\n${traceback.join('\n')}`);
    console.error(`\nOutputs up to there are in ${written}.`);
    return 1;
  }
  console.log(`${written}: ${result.executed} cells in ${result.seconds.toFixed(1)} s`);
  return 0;
}

/** Signals that ask a run to end, with the exit code that says so. */
const endings = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** An abort signal for the first of them; a second one has its own effect, the end of the process. */
function stopSignals(): { signal: AbortSignal; code: () => number; release: () => void } {
  const controller = new AbortController();
  let code = 1;
  const names = Object.keys(endings) as (keyof typeof endings)[];
  const release = () => {
    for (const name of names) process.off(name, stop);
  };
  const stop = (name: keyof typeof endings) => {
    release();
    code = endings[name];
    controller.abort();
  };
  for (const name of names) process.on(name, stop);
  return { signal: controller.signal, code: () => code, release };
}

function parse(argv: string[]) {
  try {
    return parseArgs({
      args: argv,
      allowPositionals: true,
      options: { out: { type: 'string' }, timeout: { type: 'string' } },
    });
  } catch (cause) {
    throw new UserError(`gora notebook run: ${messageOf(cause)}`, { cause });
  }
}

function check(files: string[]): number {
  if (files.length === 0) throw new UserError('gora notebook check takes one or more notebooks');
  let code = 0;
  for (const file of files) {
    const complaints = complaintsOf(readNotebook(file));
    for (const complaint of complaints) console.error(`${file}: ${complaint}`);
    if (complaints.length > 0) code = 1;
    else console.log(`${file}: valid, run from top to bottom`);
  }
  return code;
}

/** Why a notebook should not be published as it is: not run, run out of order, failed, or made for another kernel. */
export function complaintsOf(notebook: Notebook): string[] {
  const complaints: string[] = [];
  const kernel = (notebook.metadata.kernelspec as { name?: unknown } | undefined)?.name;
  if (kernel !== kernelspecMetadata.name) {
    complaints.push(`metadata.kernelspec.name is ${JSON.stringify(kernel)}, not "${kernelspecMetadata.name}"`);
  }
  let expected = 0;
  for (const [index, cell] of notebook.cells.entries()) {
    if (cell.cell_type !== 'code' || joined(cell.source).trim() === '') continue;
    expected++;
    if (cell.execution_count !== expected) {
      complaints.push(`cells[${index}] (id ${cell.id}) has execution count ${cell.execution_count}, not ${expected}`);
    }
    const allowed = Array.isArray(cell.metadata.tags) && cell.metadata.tags.includes('raises-exception');
    const error = cell.outputs.find((output): output is ErrorOutput => output.output_type === 'error');
    if (error && !allowed) complaints.push(`cells[${index}] (id ${cell.id}) failed: ${error.evalue}`);
  }
  return complaints;
}
